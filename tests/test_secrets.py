"""Attack 47, first part: no secret in repr, str, format, or an error.

Planted secrets are searched for; and every field that a repr shows is on a list of what is public, so that a new
one is either hidden or put there on purpose.
"""

import base64
import dataclasses
import importlib
import inspect
import pkgutil
import secrets
import traceback
from collections.abc import Callable, Iterator

import pytest

from e2echat.crypto import payloads
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.prekeys import PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import NONCE_SIZE, SystemRandomness, open_box
from e2echat.crypto.session import OwnDevice, ReplyRoute, Session
from e2echat.errors import E2EChatError
from e2echat.store.passphrase import FLOOR
from e2echat.store.vault import VaultContents, open_vault, seal_vault
from e2echat.wire import codec, relay_messages
from e2echat.wire.address import RelayAddress

NOW = 1_750_000_000
PACKAGES = ("wire", "crypto", "store", "client", "relay")

# What a repr may show: public keys, signed records, hashes that are on the wire, ids that the relay gives out.
PUBLIC = {
    "RelayAddress": {"key"},
    "Hello": {"record"},
    "Claim": {"identity", "device", "claim", "capability_hash"},
    "Authenticate": {"record"},
    "Leave": {"record"},
    "Welcome": {"mailbox"},
    "Publish": {"signed", "one_time"},
    "Challenge": {"challenge"},
    "Puzzle": {"hello_hash", "challenge"},
    "Fetch": {"solution"},
    "Bundle": {"identity", "device", "signed", "one_time", "mailbox"},
    "Open": {"mailbox"},
    "Announcement": {"dh", "offer", "answer"},  # a header's public keys
    "ReplyRoute": {"mailbox"},
    "Agreement": {"th", "sid"},
    "Preamble": {"ephemeral", "ciphertext", "sealed"},
    "Introduction": {"continuity"},  # MACs
    "Continuity": {"proofs", "h0", "initiator"},
    "Identity": {"raw", "key"},
    "Device": {"raw", "key"},
    "Prekey": {"raw", "dh", "kem"},
    "Numbered": {"id", "conversation", "prev"},
    "TextMessage": {"id", "conversation", "prev", "reply"},
    **{kind: {"id", "conversation", "prev", "target"} for kind in ("Edit", "Deletion", "Reaction")},
    **{kind: {"id", "conversation", "prev"} for kind in ("TimerChange", "Unknown")},
    "Typing": {"conversation"},
    "Route": {"id", "conversation", "prev", "mailbox", "proof"},
    "Joined": {"id", "conversation", "prev"},
    "Receipt": {"conversation"},
    "Invitation": {"fingerprint"},
    "Root": {"peer_key"},
    "Ratchet": {"sid"},
    "HelloRecord": {"raw", "relay_key", "nonce", "certificate_hash"},
    "ClaimRecord": {"raw", "relay_key", "key"},
    "AuthRecord": {"raw", "_relay_key", "_hello_hash", "_signed", "_signature"},
    "LeaveRecord": {"raw", "_relay_key", "_hello_hash", "_signed", "_signature"},
    "Session": {"th", "preamble_hash"},
    "ContactRow": {
        *(
            "relay_key",
            "identity",
            "device",
            "changed_identity",
            "changed_device",
            "mailbox",
        ),
    },
    "SessionRow": {"sid", "device_hash", "init"},
    "PrekeyRow": {"record"},
    "MessageRow": {"message_id", "device_hash", "sid", "reply"},
    "EarlyRow": {"device_hash", "target"},
    "ConversationRow": {"timer_set_by"},
    "NumberingRow": {"device_hash", "previous_hash"},
    "StreamRow": {"device_hash", "last_hash"},
    "HeldRow": {"device_hash"},
    "OutboxRow": {"envelope_id"},
    "Origin": {"sid"},
    "SignedIn": {"mailbox"},
    "SignIn": {"capability_hash"},
    "Renewed": {"capability_hash"},
    "Delivered": {"envelope"},
    "ChannelRefused": {"mailbox"},
    "Settled": {"envelope_id"},
    "_Channel": {"mailbox", "in_flight"},
    "RelayIdentity": {"certificate_hash"},
    "Account": {"mailbox", "identity", "device", "claim"},
    "Former": {"hash"},
    "Capabilities": {"current"},
    "Directory": {"portions", "prefixes"},
    "Mark": {"places"},
    "AppendSegment": {"body"},  # ciphertext
    "SavePrekeys": {"mailbox", "signed", "one_time"},
    "TakePrekey": {"mailbox"},
    "RemoveAccount": {"mailbox"},
}


def _dataclasses() -> Iterator[type]:
    for package in PACKAGES:
        parent = importlib.import_module(f"e2echat.{package}")
        for found in pkgutil.walk_packages(parent.__path__, f"{parent.__name__}."):
            module = importlib.import_module(found.name)
            for each in vars(module).values():
                if inspect.isclass(each) and each.__module__ == found.name and dataclasses.is_dataclass(each):
                    yield each


@pytest.mark.parametrize("kind", list(_dataclasses()), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_repr_shows_no_bytes_but_public_ones(kind: type) -> None:
    if "__repr__" not in vars(kind):
        return
    shown = {field.name for field in dataclasses.fields(kind) if field.repr and "bytes" in str(field.type)}
    assert shown <= PUBLIC.get(kind.__name__, set())


class Planted(SystemRandomness):
    """Remembers every secret that it gave out."""

    def __init__(self) -> None:
        self.secrets: list[bytes] = []

    def octets(self, count: int) -> bytes:
        octets = super().octets(count)
        if count != NONCE_SIZE:
            self.secrets.append(octets)
        return octets

    def encapsulate(self, key: bytes) -> tuple[bytes, bytes]:
        secret, ciphertext = super().encapsulate(key)
        self.secrets.append(secret)
        return secret, ciphertext


class Scene:
    """Two people with everything secret that they have, in the middle of a conversation."""

    def __init__(self) -> None:
        self.randomness = randomness = Planted()
        self.text = secrets.token_hex(16)
        plaintext = self.text.encode()
        self.accounts = [SigningKey.generate(randomness) for _ in range(2)]
        keys = [ExchangeKey.generate(randomness) for _ in range(2)]
        people = []
        for account, name, key in zip(self.accounts, ("alice", "bob"), keys, strict=True):
            identity = Identity.create(account, name)
            people.append(OwnDevice(identity, Device.create(account, identity, NOW, key.public), key))
        alice, self.bob = people
        self._prekeys = {
            kind: PrekeySecret.generate(
                self.accounts[1], self.bob.identity, self.bob.device, kind, 1, NOW, randomness
            )
            for kind in PrekeyKind
        }
        records = (prekey.prekey for prekey in self._prekeys.values())
        bundle = PrekeyBundle(self.bob.identity, self.bob.device, *records)
        address = str(RelayAddress(bytes(32), "relay.example", 7443))
        route = ReplyRoute(address, bytes(16), randomness.octets(32))
        began = Session.initiate(
            alice, bundle, route, generation=NOW, authenticators=(), now=NOW, randomness=randomness
        )
        sent, self.envelope = began.encrypt(plaintext, NOW, randomness)
        accepted = Session.accept(self.bob, self, self.envelope, now=NOW)
        replied, self.reply = accepted.session.encrypt(plaintext, NOW, randomness)
        self.session, opened = sent.decrypt(self.reply, NOW)
        numbered = bytes(16), bytes(16), 1, bytes(32), 0
        sessions = began, sent, accepted.session, replied, self.session
        self.objects: list[object] = [
            *(*self.accounts, *keys, *people, *self._prekeys.values(), bundle, route),
            *(*sessions, *(session.ratchet for session in sessions), accepted, opened),
            payloads.TextMessage(*numbered, self.text),
            payloads.Route(*numbered, route.address, route.mailbox, route.capability, None),
            relay_messages.Open(1, route.mailbox, route.capability, repeat=False),
            VaultContents(self.accounts[0].seed, keys[0].secret),
        ]
        self.secrets = [*randomness.secrets, plaintext, *(session.ca for session in sessions)]

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        return self._prekeys[PrekeyKind.SIGNED] if prekey_id == 1 else None

    def one_time(self, prekey_id: int) -> PrekeySecret | None:
        return self._prekeys[PrekeyKind.ONE_TIME] if prekey_id == 1 else None


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def _parts(value: object) -> Iterator[tuple[object, bool]]:
    """What ``value`` is made of, and whether its repr shows that."""
    if isinstance(value, dict):
        yield from ((each, True) for pair in value.items() for each in pair)
    elif isinstance(value, (tuple, list)):
        yield from ((each, True) for each in value)
    elif dataclasses.is_dataclass(value):
        yield from ((getattr(value, field.name), field.repr) for field in dataclasses.fields(value))


def _octets(value: object, *, shown: bool = True) -> Iterator[tuple[bytes, bool]]:
    """All octets in ``value`` that are long enough to be told apart, and whether its repr shows them."""
    if isinstance(value, bytes) and len(value) >= 16:
        yield value, shown
    for part, seen in _parts(value):
        yield from _octets(part, shown=shown and seen)


def _leaks(found: list[bytes], text: str) -> list[bytes]:
    """Which of ``found`` stand in ``text``, as Python, hexadecimal or base64."""
    return [
        each
        for each in found
        if repr(each)[2:-1] in text
        or each.hex() in text
        or base64.b64encode(each).decode().rstrip("=") in text
    ]


def test_the_search_finds_what_is_there(scene: Scene) -> None:
    secret = scene.accounts[0].seed
    assert secret in scene.secrets
    for text in (f"{secret!r}", secret.hex(), base64.b64encode(secret).decode(), scene.text):
        assert _leaks(scene.secrets, text)


def test_planted_secrets_are_in_no_repr_str_or_format(scene: Scene) -> None:
    for each in scene.objects:
        for text in (repr(each), str(each), f"{each}", f"{[each]}"):
            assert not _leaks(scene.secrets, text), type(each)


def test_nothing_derived_that_is_hidden_shows_elsewhere(scene: Scene) -> None:
    for each in scene.objects:
        found = set(_octets(each))
        hidden = [octets for octets, shown in found if not shown and (octets, True) not in found]
        assert not _leaks(hidden, repr(each)), type(each)


def _altered(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


FAILURES: dict[str, Callable[[Scene], object]] = {
    "a key of a wrong length": lambda scene: SigningKey(scene.accounts[0].seed + b"x"),
    "an exchange key of a wrong length": lambda scene: ExchangeKey(scene.bob.key.secret + b"x"),
    "a box that does not open": lambda scene: open_box(scene.bob.key.secret, scene.envelope),
    "an altered first message": lambda scene: Session.accept(
        scene.bob, scene, _altered(scene.envelope), now=NOW
    ),
    "an altered message": lambda scene: scene.session.decrypt(_altered(scene.reply), NOW),
    "a message twice": lambda scene: scene.session.decrypt(scene.reply, NOW),
    "a message that is too long": lambda scene: scene.session.encrypt(
        scene.text.encode() * 10_000, NOW, scene.randomness
    ),
    "a stored session cut short": lambda scene: Session.from_bytes(scene.session.to_bytes()[:-1]),
    "a stored session with more behind": lambda scene: Session.from_bytes(scene.session.to_bytes() + b"x"),
    "a text that is no payload": lambda scene: payloads.decode(scene.text.encode()),
    "a payload of an unknown kind": lambda scene: payloads.decode(codec.encode({"kind": scene.text[:24]})),
    "a payload with a field too many": lambda scene: payloads.decode(
        codec.encode({"kind": "text", "text": scene.text, scene.text[:24]: 1})
    ),
    "a text that is no text": lambda scene: payloads.TextMessage(
        bytes(16), bytes(16), 1, bytes(32), 0, scene.text + "\ud800"
    ),
    "a capability of a wrong length": lambda scene: relay_messages.Open(
        1, bytes(16), scene.randomness.secrets[-1] + b"x", repeat=False
    ),
    "a wrong passphrase": lambda scene: open_vault(
        seal_vault(
            VaultContents(scene.accounts[0].seed, scene.bob.key.secret), scene.text, scene.randomness, FLOOR
        ),
        scene.text + "x",
    ),
    "a passphrase that is no text": lambda scene: seal_vault(
        VaultContents(scene.accounts[0].seed, scene.bob.key.secret), scene.text + "\ud800", scene.randomness
    ),
}


@pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
def test_no_error_carries_a_secret(scene: Scene, fail: Callable[[Scene], object]) -> None:
    with pytest.raises((E2EChatError, ValueError)) as caught:
        fail(scene)
    error: BaseException | None = caught.value
    text = "".join(traceback.format_exception(caught.value))
    while error is not None:
        text += repr(error) + str(vars(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert not _leaks(scene.secrets, text)
    assert scene.text[:24] not in text
