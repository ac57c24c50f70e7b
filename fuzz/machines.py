"""Targets with a state: the bytes say what happens to it, step by step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from e2echat.client.dialogue import Dialogue
from e2echat.client.mailbox_dialogue import MailboxDialogue, SignIn
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.crypto.chains import HEADER_SIZE, next_keys
from e2echat.crypto.handshake import SEAL_SIZE, Agreement, Preamble
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.padding import ENVELOPE_FLOOR, pad
from e2echat.crypto.prekeys import PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import SystemRandomness, X, box, hkdf, keyed
from e2echat.crypto.ratchet import Ratchet
from e2echat.crypto.relay_records import ClaimRecord, HelloRecord
from e2echat.crypto.session import ORDINARY, OwnDevice, Session
from e2echat.errors import CryptoError, RemoteError
from e2echat.wire import frames
from e2echat.wire import relay_messages as relay
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FIRST_CHANNEL, MAX_FRAME
from e2echat.wire.records import lp
from tests.helpers.relay_world import Account, Client, World

RANDOMNESS = SystemRandomness()
EPOCH = 1_750_000_000
RELAY = SigningKey(bytes(32))


class Script:
    """Bytes read as what to do: a number here, some bytes there, until they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int = 1) -> int:
        return int.from_bytes(self.octets(size))

    def octets(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def some(self) -> bytes:
        """Bytes behind their two bytes of length."""
        return self.octets(self.number(2))


# --- a session ---------------------------------------------------------------------------------------------------


@cache
def _talk() -> tuple[Ratchet, Ratchet]:
    """Bob has offered an ek and received nothing of the chain that answers it; Alice is about to begin it."""
    agreed = Agreement(*(bytes([i]) * 32 for i in range(6)))
    prekey = ExchangeKey(bytes(range(32)))
    alice = Ratchet.initiate(agreed, prekey.public, EPOCH)
    bob = Ratchet.respond(agreed, prekey, EPOCH)
    for _ in range(2):
        alice, sealed = alice.encrypt(b"text", EPOCH, RANDOMNESS)
        bob, _ = bob.decrypt(sealed[:1269], sealed[1269:], EPOCH)
        bob, sealed = bob.encrypt(b"text", EPOCH, RANDOMNESS)
        alice, _ = alice.decrypt(sealed[:1269], sealed[1269:], EPOCH)
    return alice, bob


def ratchet(data: bytes) -> None:
    """A peer who knows every key writes headers of his own: refused, or a state that goes on."""
    alice, bob = _talk()
    script = Script(data)
    for _ in range(4):
        alice, sealed = alice.encrypt(b"text", EPOCH, RANDOMNESS)
        chain = alice.sending
        assert chain
        said = chain.head + script.octets(2).rjust(4, b"\0") + chain.tail
        change, at = script.some(), script.number(2) % HEADER_SIZE
        header = (said[:at] + change + said[at + len(change) :])[:HEADER_SIZE]
        key = chain.key
        for _ in range(chain.next, min(int.from_bytes(header[40:44]), 1100)):
            key, _ = next_keys(key)
        _, message_key = next_keys(key)
        hbox = box(chain.header_key, header, RANDOMNESS)
        body = box(keyed(message_key, bob.binding + hbox), script.some(), RANDOMNESS)
        for first, rest in ((hbox, body), (sealed[:1269], sealed[1269:])):
            try:
                bob, _ = bob.decrypt(first, rest, EPOCH)
            except CryptoError:
                continue
        if script.number() % 2:
            bob, sealed = bob.encrypt(b"text", EPOCH, RANDOMNESS)
            try:
                alice, _ = alice.decrypt(sealed[:1269], sealed[1269:], EPOCH)
            except CryptoError:
                return
        assert sum(len(each.skipped) for each in bob.retired) <= 2000


@dataclass(frozen=True)
class _Bob:
    """Somebody with a signed prekey."""

    own: OwnDevice
    prekey: PrekeySecret

    def signed(self, _: int) -> PrekeySecret:
        return self.prekey

    def one_time(self, _: int) -> None:
        return None


@cache
def _bob() -> _Bob:
    account, key = SigningKey(bytes(32)), ExchangeKey(bytes(32))
    identity = Identity.create(account, "bob")
    device = Device.create(account, identity, EPOCH, key.public)
    prekey = PrekeySecret.generate(account, identity, device, PrekeyKind.SIGNED, 1, EPOCH, RANDOMNESS)
    return _Bob(OwnDevice(identity, device, key), prekey)


@cache
def _alice() -> OwnDevice:
    account, key = SigningKey(bytes(31) + b"a"), ExchangeKey(bytes(31) + b"a")
    identity = Identity.create(account, "alice")
    return OwnDevice(identity, Device.create(account, identity, EPOCH, key.public), key)


@cache
def _sealing() -> tuple[bytes, bytes, bytes]:
    """E, ct and Kseal towards Bob."""
    bob, e = _bob(), ExchangeKey(bytes(range(1, 33)))
    ss, ct = RANDOMNESS.encapsulate(bob.prekey.prekey.kem)
    h0 = Preamble(1, None, e.public, ct, b"").h0(bob.own.identity, bob.own.device, bob.prekey.prekey, None)
    dh3 = X(e.secret, bob.prekey.prekey.dh)
    return e.public, ct, hkdf(dh3 + bytes(32) + ss, "seal", h0, length=32)


def first_message(data: bytes) -> None:
    """Anybody can make a seal: whatever is in it, a first message without the right body is refused."""
    e, ct, kseal = _sealing()
    alice = _alice()
    begun = lp(alice.identity.raw, alice.device.raw) + data
    padded = (begun[: SEAL_SIZE - 1] + b"\x80").ljust(SEAL_SIZE, b"\0")
    preamble = Preamble(1, None, e, ct, box(kseal, padded, RANDOMNESS)).to_bytes()
    outside = bytes([1, 1]) + preamble
    filler = pad(b"", ENVELOPE_FLOOR)
    Session.accept(_bob().own, _bob(), outside + filler, now=EPOCH)
    raise AssertionError("a forged first message was taken")


# --- the relay ---------------------------------------------------------------------------------------------------


@cache
def _world() -> tuple[World, Account]:
    world = World()
    return world, world.account("bob")


def switchboard(data: bytes) -> None:
    """Whatever three connections say, the relay stands, holds little, and serves the next who comes."""
    world, bob = _world()
    reader, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob)
    clients = [reader, sender, world.connect()]
    script = Script(data)
    for _ in range(64):
        if not script:
            break
        what, which = divmod(script.number(), 3)
        _act(world, clients[which], what % 8, script, channel)
        for client in clients:
            assert len(client.connection.pending) <= MAX_FRAME + 4
    for client in clients:
        client.leave()
    last = world.sign_in(bob)
    last.envelopes()
    last.acknowledge()
    last.leave()


def _act(world: World, client: Client, what: int, script: Script, channel: int) -> None:
    if client.closing and what < 6:
        return
    match what:
        case 0:
            client.say(script.some())
        case 1:
            client.say(frames.frame(frames.Tag.CONTROL, script.some()))
        case 2:
            client.say(frames.frame(script.number(), script.some()))
        case 3:
            client.say(frames.frame(channel, script.some()))
        case 4:
            client.say(frames.submission(channel, bytes(15) + bytes([script.number()]), b"envelope"))
        case 5:
            client.say(frames.acknowledge(script.number()))
        case 6:
            world.later(script.number() / 16)
        case _:
            client.connection.take_output()


# --- the client --------------------------------------------------------------------------------------------------


@cache
def _address() -> tuple[RelayAddress, bytes]:
    hello = HelloRecord.create(RELAY, bytes(32), bytes(32), 1)
    return RelayAddress(RELAY.public, "localhost", 7443), relay.encode(relay.Hello(hello.raw, 0))[8:]


@cache
def _sign_in() -> SignIn:
    own = _bob().own
    claim = ClaimRecord.create(RELAY, RELAY.public, "bob", EPOCH, RELAY.public)
    return SignIn(own.identity, own.device, claim, RELAY, bytes(32), claimed=False)


def _listen(dialogue: Dialogue, script: Script, more: Callable[[int], object]) -> Iterator[Any]:
    """Frames as the script has them, and between them what the client does by itself."""
    dialogue.frame(frames.Tag.CONTROL, _address()[1])
    for _ in range(64):
        if not script:
            return
        what = script.number()
        if what < 128:
            more(what)
            continue
        tag = script.number() if what < 192 else FIRST_CHANNEL + script.number()
        try:
            yield from dialogue.frame(tag, script.some())
        except RemoteError:
            return
        dialogue.take_outgoing()


def mailbox_dialogue(data: bytes) -> None:
    """What a relay may say to the owner of a mailbox."""
    dialogue = MailboxDialogue(_address()[0], bytes(32), _sign_in(), RANDOMNESS)

    def more(what: int) -> None:
        if what % 2 and dialogue.signed_in and not dialogue.publishing:
            dialogue.publish(None, [bytes(64)])

    for _ in _listen(dialogue, Script(data), more):
        assert dialogue.signed_in or not dialogue.publishing


def sending_dialogue(data: bytes) -> None:
    """What a relay may say to somebody who sends."""
    dialogue = SendingDialogue(_address()[0], bytes(32))
    submitted = settled = 0

    def more(what: int) -> None:
        nonlocal submitted
        if what % 4 == 0:
            dialogue.fetch("bob", prekeys=what % 8 == 0, knock=what % 16 == 4)
        if what % 3 == 0 and dialogue.puzzle is not None:
            dialogue.solved(dialogue.puzzle, bytes(8))
        channel = dialogue.channel(bytes(16), bytes(32), repeat=what % 4 == 1)
        if channel is not None:
            dialogue.submit(channel, submitted.to_bytes(16), bytes([1, ORDINARY]))
            submitted += 1

    for happening in _listen(dialogue, Script(data), more):
        settled += type(happening).__name__ == "Settled"
    assert dialogue.flying == submitted - settled
