"""Every value of ``vectors/`` against the code, from the files alone; and the files against their generator."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from e2echat.crypto import handshake, payloads, primitives, ratchet
from e2echat.crypto.chains import HBOX_SIZE, next_keys
from e2echat.crypto.codes import Code
from e2echat.crypto.envelope import split
from e2echat.crypto.handshake import Introduction, Preamble
from e2echat.crypto.keys import (
    Device,
    ExchangeKey,
    Identity,
    SigningKey,
    fingerprint_groups,
    safety_number,
)
from e2echat.crypto.padding import envelope_size, pad, padme, unpad
from e2echat.crypto.pairing import Card, Inviter, Joiner, invitation_proof
from e2echat.crypto.prekeys import Prekey, PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.puzzles import Puzzle
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord, HelloRecord, LeaveRecord
from e2echat.crypto.session import Accepted, OwnDevice, ReplyRoute, Session
from e2echat.errors import (
    CryptoError,
    DecryptionError,
    E2EChatError,
    HandshakeError,
    InvalidAddressError,
    InvalidNameError,
    MalformedError,
    TextTooLongError,
    WrongRelayError,
)
from e2echat.faces.wording import grouped
from e2echat.wire import codec, frames, records, relay_messages
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import Invitation
from e2echat.wire.names import canonical_name
from tests.vectors import __main__ as generator

Vector: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent / "vectors"
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))
EPOCH = 1_750_000_000
TEXTS = {"name", "parse", "kind", "function", "label", "from", "to", "text", "owner", "event", "handshake"}
TEXTS |= {"frame", "number", "groups", "fingerprint_groups", "reply_address", "address", "accounts"}


def _read(value: object, key: str = "") -> Any:
    """Hex to bytes, but for what the README calls text."""
    if isinstance(value, dict):
        if value.keys() == {"hex"}:
            return bytes.fromhex(value["hex"])
        return {each: _read(item, "name" if key == "values" else each) for each, item in value.items()}
    if isinstance(value, list):
        return [_read(item, key) for item in value]
    return bytes.fromhex(value) if isinstance(value, str) and key not in TEXTS else value


def _load(name: str) -> tuple[list[Vector], dict[str, Vector]]:
    content = _read(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
    return content["vectors"], content.get("people", {})


def _of(name: str, function: str) -> list[Vector]:
    return [vector for vector in _load(name)[0] if vector["function"] == function]


class Replayed:
    """Gives out what a vector fixed: 32 bytes for a key, 64 for a seed, 24 for a nonce, in the order of use."""

    def __init__(self, *values: bytes, encapsulated: tuple[bytes, bytes, bytes] | None = None) -> None:
        self.values = list(values)
        self.encapsulated = encapsulated

    def octets(self, count: int) -> bytes:
        index = next(index for index, value in enumerate(self.values) if len(value) == count)
        return self.values.pop(index)

    def encapsulate(self, key: bytes) -> tuple[bytes, bytes]:
        assert self.encapsulated
        expected, *pair = self.encapsulated
        assert key == expected
        secret, ciphertext = pair
        return secret, ciphertext


class Person:
    """Somebody out of ``people``."""

    def __init__(self, values: Vector) -> None:
        identity = Identity.parse(values["identity"])
        device = Device.parse(values["device"], identity)
        self.own = OwnDevice(identity, device, ExchangeKey(values["device_secret"]))
        self._signed, self._one_time = (
            PrekeySecret(
                Prekey.parse(values[f"{kind}_prekey"], identity, device, which),
                ExchangeKey(values[f"{kind}_secret"]),
                values[f"{kind}_seed"],
            )
            for kind, which in (("signed", PrekeyKind.SIGNED), ("one_time", PrekeyKind.ONE_TIME))
        )

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        return self._signed if prekey_id == 1 else None

    def one_time(self, prekey_id: int) -> PrekeySecret | None:
        return self._one_time if prekey_id == 2 else None

    def bundle(self, *, one_time: bool) -> PrekeyBundle:
        other = self._one_time.prekey if one_time else None
        return PrekeyBundle(self.own.identity, self.own.device, self._signed.prekey, other)


def _people(name: str) -> tuple[Person, Person]:
    _, people = _load(name)
    return Person(people["alice"]), Person(people["bob"])


def test_the_generator_makes_these_files() -> None:
    made = generator.make()
    assert sorted(made) == NAMES
    for name, text in made.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_functions() -> None:
    seen = set()
    for v in _load("conventions")[0]:
        seen.add(v["function"])
        match v["function"]:
            case "pack":
                assert records.pack(v["label"], *v["fields"]) == v["out"]
            case "H":
                assert primitives.H(v["label"], *v["fields"]) == v["out"]
            case "K":
                assert primitives.K(v["key"], v["label"], *v["fields"], n=v["n"]) == v["out"]
            case "HKDF":
                given = {"length": v["length"], "salt": v["salt"]}
                assert primitives.hkdf(v["ikm"], v["label"], *v["fields"], **given) == v["out"]
            case "X":
                assert primitives.X(v["secret"], v["public"]) == v["out"]
            case "Box":
                assert primitives.box(v["key"], v["message"], Replayed(v["nonce"])) == v["out"]
                assert primitives.open_box(v["key"], v["out"]) == v["message"]
            case "Ed25519":
                assert primitives.ed25519_public(v["seed"]) == v["public"]
                assert primitives.ed25519_sign(v["seed"], v["message"]) == v["out"]
                primitives.ed25519_verify(v["public"], v["message"], v["out"])
    assert seen == {"pack", "H", "K", "HKDF", "X", "Box", "Ed25519"}


def test_kem() -> None:
    vectors, _ = _load("kem")
    assert len(vectors) == 3
    for v in vectors:
        assert primitives.kem_public(v["seed"]) == v["ek"]
        assert primitives.kem_decapsulate(v["seed"], v["ct"]) == v["secret"]


def test_identities() -> None:
    found = []
    for v in _of("identity", "records"):
        account, key = SigningKey(v["account_seed"]), ExchangeKey(v["device_secret"])
        identity = Identity.create(account, v["name"])
        device = Device.create(account, identity, v["epoch"], key.public)
        assert (account.public, key.public) == (v["IKs"], v["IKd"])
        assert (identity.raw, identity.hash) == (v["identity"], v["identity_hash"])
        assert (device.raw, device.hash) == (v["device"], v["device_hash"])
        assert identity.fingerprint == v["fingerprint"]
        assert fingerprint_groups(identity.fingerprint) == v["fingerprint_groups"]
        found.append(identity)
    (number,) = _of("identity", "safety number")
    assert [identity.raw for identity in found] == number["identities"]
    for pair in (found, found[::-1]):
        assert safety_number(*pair) == number["number"]
    assert grouped(number["number"]) == number["groups"]


def test_prekeys() -> None:
    _, people = _load("handshake")
    for v in _load("prekeys")[0]:
        owner = people[v["owner"]]
        identity = Identity.parse(owner["identity"])
        device = Device.parse(owner["device"], identity)
        made = PrekeySecret.generate(
            SigningKey(owner["account_seed"]),
            identity,
            device,
            PrekeyKind(v["kind_of_prekey"]),
            v["id"],
            v["not_before"],
            Replayed(v["dh_secret"], v["kem_seed"]),
        )
        assert made.prekey.raw == v["record"]
        assert (made.prekey.dh, made.prekey.kem) == (v["dh"], v["ek"])


def _initiate(v: Vector, alice: Person, bob: Person) -> Session:
    bundle = bob.bundle(one_time=v["one_time"])
    return Session.initiate(
        alice.own,
        bundle,
        ReplyRoute(v["reply_address"], v["reply_mailbox"], v["reply_capability"]),
        generation=v["generation"],
        authenticators=v["authenticators"],
        now=v["now"],
        randomness=Replayed(v["e"], v["seal_nonce"], encapsulated=(bundle.kem_prekey.kem, v["SS"], v["ct"])),
    )


def _handshakes() -> list[Vector]:
    return _load("handshake")[0]


@pytest.mark.parametrize("v", _handshakes(), ids=lambda v: v["name"])
def test_handshake(v: Vector) -> None:
    alice, bob = _people("handshake")
    secret, signed, one_time = v["e"], bob.signed(1), bob.one_time(2)
    assert signed
    assert one_time
    assert primitives.x25519_public(secret) == v["E"]
    assert primitives.X(alice.own.key.secret, signed.prekey.dh) == v["DH1"]
    assert primitives.X(secret, bob.own.device.key) == v["DH2"]
    assert primitives.X(secret, signed.prekey.dh) == v["DH3"]
    assert v["DH4"] == (primitives.X(secret, one_time.prekey.dh) if v["one_time"] else bytes(32))
    session = _initiate(v, alice, bob)
    preamble = Preamble.parse(v["preamble"])
    assert session.preamble == v["preamble"] == preamble.to_bytes()
    assert (preamble.sealed, preamble.init) == (v["sealed"], v["init"])
    other = one_time.prekey if v["one_time"] else None
    h0 = preamble.h0(bob.own.identity, bob.own.device, signed.prekey, other)
    assert h0 == v["h0"]
    assert handshake._seal_key(v["DH3"], v["DH4"], v["SS"], h0) == v["Kseal"]
    assert primitives.open_box(v["Kseal"], v["sealed"]) == v["introduction"]
    assert Introduction.parse(v["introduction"]).to_bytes() == v["introduction"]
    agreed = handshake.accept(bob.own, bob, preamble).agreement
    assert agreed.th == v["th"] == session.th
    assert (agreed.root_key, agreed.sid, agreed.ca) == (v["SK"], v["sid"], v["CA"])
    assert (agreed.first_header_key, agreed.reply_header_key) == (v["HKa"], v["NHKb"])
    assert (session.sid, session.ca) == (v["sid"], v["CA"])
    accepted = Session.accept(bob.own, bob, v["first_envelope"], now=v["now"])
    assert accepted.opened.plaintext == v["first_plaintext"]
    assert accepted.init == v["init"]
    assert all(accepted.proves(ca) for ca in v["authenticators"])
    assert not accepted.proves(bytes(32))


class Conversation:
    """``ratchet.json`` happening, event by event."""

    def __init__(self) -> None:
        (self.v,) = _load("ratchet")[0]
        self.alice, self.bob = _people("ratchet")
        (began,) = (v for v in _handshakes() if v["name"] == self.v["handshake"])
        self.sides: dict[str, Session] = {"alice": _initiate(began, self.alice, self.bob)}
        self.now = self.v["now"]

    def run(self, events: int | None = None) -> None:
        for each in self.v["events"][:events]:
            message = self.v["messages"][each["message"]]
            chain = self.v["chains"][message["chain"]]
            (self.send if each["event"] == "send" else self.receive)(message, chain)

    def send(self, message: Vector, chain: Vector) -> None:
        who = message["from"]
        nonces = (message["header_nonce"], message["body_nonce"])
        answer = (chain["answered_ek"], chain["SS"], chain["ct"])
        randomness = Replayed(chain["dh_secret"], chain["kem_seed"], *nonces, encapsulated=answer)
        self.sides[who], envelope = self.sides[who].encrypt(message["plaintext"], self.now, randomness)
        assert envelope == message["envelope"]
        sending = self.sides[who].ratchet.sending
        assert sending
        assert (sending.key, sending.header_key) == (message["CK"], chain["header_key"])
        self.check_root(who, chain)

    def receive(self, message: Vector, chain: Vector) -> None:
        who = "bob" if message["from"] == "alice" else "alice"
        if who in self.sides:
            self.sides[who], opened = self.sides[who].decrypt(message["envelope"], self.now)
        else:
            accepted = Session.accept(self.bob.own, self.bob, message["envelope"], now=self.now)
            assert isinstance(accepted, Accepted)
            self.sides[who], opened = accepted.session, accepted.opened
        assert (opened.plaintext, opened.chain, opened.number) == (
            message["plaintext"],
            message["chain"],
            message["n"],
        )
        self.check_root(who, chain)

    def check_root(self, who: str, chain: Vector) -> None:
        root = self.sides[who].ratchet.root
        if root.chain == chain["chain"]:
            assert (root.key, root.ca) == (chain["RK"], chain["CA"])
            assert chain["NHK"] in (root.sending_header_key, root.receiving_header_key)


def test_conversation() -> None:
    conversation = Conversation()
    conversation.run()
    v, session = conversation.v, conversation.sides["bob"]
    assert session.kem_epoch == 1
    assert v["chains"][2]["CA"] != v["chains"][1]["CA"]
    for chain in v["chains"]:
        theirs = v["chains"][chain["chain"] - 1]["dh"] if chain["chain"] else None
        if theirs:
            assert primitives.X(chain["dh_secret"], theirs) == chain["DH"]
    for m in v["messages"]:
        assert next_keys(m["CK_before"]) == (m["CK"], m["mk"])
        _, hbox, body = split(m["envelope"])
        assert (len(hbox), hbox, body) == (HBOX_SIZE, m["hbox"], m["body"])
        assert primitives.open_box(v["chains"][m["chain"]]["header_key"], hbox) == m["header"]
        binding = ratchet.binding_of(session.sid, session.th)
        assert primitives.keyed(m["mk"], binding + hbox) == m["bk"]
        assert primitives.open_box(m["bk"], body) == m["padded"]
        assert unpad(m["padded"]) == m["plaintext"]


def test_padding() -> None:
    for v in _of("padding", "PADMÉ"):
        assert padme(v["in"]) == v["out"]
    for v in _of("padding", "envelope size"):
        floor = {1311: 2048, 3344: 4608}[v["around"]]
        assert envelope_size(v["around"] + v["plaintext"] + 1, floor) == v["out"]
    for v in _of("padding", "pad"):
        assert pad(v["in"], v["size"]) == v["out"]
        assert unpad(v["out"]) == v["in"]


def test_payloads() -> None:
    (conversation,) = _of("payloads", "conversation")
    one, other = ((bytes.fromhex(key), name) for key, name in conversation["accounts"])
    for pair in ((one, other), (other, one)):
        assert payloads.conversation_id(*pair) == conversation["out"]
    for v in _of("payloads", "payload"):
        payload = payloads.decode(v["out"])
        assert payload.to_map() | {"kind": payload.KIND} == v["values"]
        assert payloads.encode(payload) == v["out"]
        assert payloads.payload_hash(v["out"]) == v["hash"]
    for v in _of("payloads", "unknown payload"):
        assert payloads.decode(v["out"]) == payloads.Unknown(**v["common"]), v["name"]


def _card(v: Vector, side: str) -> Card:
    identity = Identity.parse(v[f"{side}_identity"])
    route = ReplyRoute(v["address"], v["mailbox"], v["capability"])
    return Card(identity, Device.parse(v[f"{side}_device"], identity), route)


def test_pairing() -> None:
    (v,) = _of("pairing", "pairing")
    code, key = Code.parse(v["text"]), v["relay_key"]
    own = {side: _card(v, side) for side in ("inviter", "joiner")}
    inviter = Inviter.begin(key, code, Replayed(v["random_x"]))
    assert inviter.offer == v["offer"]
    drawn = Replayed(v["random_y"], v["join_nonce"])
    joiner = Joiner.begin(key, code, v["offer"], own["joiner"], drawn)
    assert joiner.join == v["join"]
    heard = inviter.hear(v["join"])
    assert heard.joiner == own["joiner"]
    assert heard.answer(own["inviter"], Replayed(v["answer_nonce"])) == v["answer"]
    assert heard.refusal(Replayed(v["answer_nonce"])) == v["refusal"]
    assert joiner.finish(v["answer"]) == own["inviter"]
    assert joiner.finish(v["refusal"]) is None


def test_invitations() -> None:
    (proof,), (link,) = _of("pairing", "invitation proof"), _of("pairing", "link")
    joiner, inviter = (Identity.parse(proof[f"{side}_identity"]) for side in ("joiner", "inviter"))
    device = Device.parse(proof["joiner_device"], joiner)
    assert invitation_proof(proof["secret"], joiner, device, inviter) == proof["out"]
    fields = (link["name"], link["fingerprint"], link["capability"], link["secret"])
    invitation = Invitation(RelayAddress.parse(link["address"]), *fields)
    assert invitation.link() == link["text"]
    assert Invitation.parse(link["text"]) == invitation
    assert inviter.fingerprint == link["fingerprint"]


def test_relay_records() -> None:
    (h,), (c,), (a,) = (_of("relay", function) for function in ("hello", "claim", "auth"))
    hello = HelloRecord.create(SigningKey(h["relay_seed"]), h["nonce"], h["certificate_hash"], 1)
    assert (hello.raw, hello.hash, hello.relay_key) == (h["record"], h["hash"], h["relay_key"])
    assert HelloRecord.parse(h["record"], h["relay_key"], h["certificate_hash"]) == hello
    identity = Identity.parse(c["identity"])
    claim = ClaimRecord.create(
        SigningKey(c["account_seed"]), c["relay_key"], identity.name, c["epoch"], c["key"]
    )
    assert claim.raw == c["record"]
    assert ClaimRecord.parse(c["record"], identity, c["relay_key"]) == claim
    auth = AuthRecord.create(SigningKey(a["seed"]), hello, a["nonce"], identity.name)
    assert auth.raw == a["record"]
    AuthRecord.parse(a["record"]).verify(a["key"], hello)
    (goodbye,) = _of("relay", "leave")
    account = SigningKey(goodbye["account_seed"])
    assert LeaveRecord.create(account, hello, goodbye["nonce"], identity.name).raw == goodbye["record"]
    LeaveRecord.parse(goodbye["record"]).verify(account.public, hello)
    works = _of("relay", "work")
    for w in works:
        puzzle = Puzzle(w["hello_hash"], w["challenge"], w["of"].decode(), w["bits"])
        assert puzzle.search(0, 2**20) == w["solution"]
        assert puzzle.search(int.from_bytes(w["solution"]) + 1, 2**20) == w["next"]
        assert puzzle.solved_by(w["solution"])
        assert puzzle.solved_by(w["next"])
    assert len(works) == 3
    (capability,) = _of("relay", "capability")
    assert primitives.H("capability", capability["capability"]) == capability["out"]


def test_relay_messages() -> None:
    kinds = set()
    for v in _of("relay", "message"):
        message = relay_messages.decode(v["out"][8:])
        assert message.to_map() | {"kind": message.KIND} == v["values"]
        assert relay_messages.encode(message) == v["out"]
        kinds.add(message.KIND)
    assert kinds == set(relay_messages._KINDS)


def _frame(v: Vector) -> bytes:
    match v["frame"]:
        case "acknowledge":
            return frames.acknowledge(v["count"])
        case "accepted":
            return frames.accepted(v["channel"], v["count"])
        case "refused":
            return frames.refused(v["channel"], v["count"], v["reason"])
        case "submission":
            return frames.submission(v["channel"], v["id"], v["envelope"])
        case other:
            return frames.frame(frames.Tag[other.upper()])


def test_frames() -> None:
    for v in _of("relay", "frame"):
        assert _frame(v) == v["out"]
        ((tag, body),) = frames.FrameDecoder().feed(v["out"])
        assert frames.frame(tag, body) == v["out"]


KINDS = {
    "malformed": MalformedError,
    "crypto": CryptoError,
    "handshake": HandshakeError,
    "decryption": DecryptionError,
    "wrong relay": WrongRelayError,
    "invalid name": InvalidNameError,
    "invalid address": InvalidAddressError,
    "text too long": TextTooLongError,
}


def _prekey(v: Vector, kind: PrekeyKind) -> Prekey:
    identity = Identity.parse(v["identity"])
    return Prekey.parse(v["bytes"], identity, Device.parse(v["device"], identity), kind)


def _bundle(v: Vector) -> PrekeyBundle:
    return PrekeyBundle.parse(v["identity"], v["device"], v["signed"], v["one_time"], v["now"])


def _begin(v: Vector) -> None:
    alice, _ = _people("refusals")
    try:
        bundle = _bundle(v)
    except E2EChatError as error:
        pytest.fail(f"refused too early: {error}")
    route = ReplyRoute(f"relay://{'a' * 52}@relay.example:7443", bytes(16), bytes(32))
    handshake.initiate(alice.own, bundle, route, 1, (), v["now"], primitives.SystemRandomness())


def _accept(v: Vector) -> None:
    _, bob = _people("refusals")
    Session.accept(bob.own, bob, v["envelope"] + bytes(v.get("then_zeros", 0)), now=EPOCH)


def _decrypt(v: Vector) -> None:
    conversation = Conversation()
    conversation.run(v["events"])
    conversation.sides[v["to"]].decrypt(v["envelope"] + bytes(v.get("then_zeros", 0)), EPOCH)


def _answer(kind: type[AuthRecord], v: Vector) -> None:
    hello = HelloRecord.parse(v["hello"], v["relay_key"], v["certificate_hash"])
    kind.parse(v["bytes"]).verify(v["key"], hello)


PARSERS: dict[str, Callable[[Vector], object]] = {
    "name": lambda v: canonical_name(v["text"]),
    "address": lambda v: RelayAddress.parse(v["text"]),
    "cbor": lambda v: codec.decode(v["bytes"]),
    "cbor map": lambda v: codec.decode_map(v["bytes"]),
    "frames": lambda v: list(frames.FrameDecoder().feed(v["bytes"])),
    "acknowledge": lambda v: frames.parse_count(v["bytes"]),
    "accepted": lambda v: frames.parse_channel_count(v["bytes"]),
    "refused": lambda v: frames.parse_refusal(v["bytes"]),
    "submission": lambda v: frames.parse_envelope(v["bytes"]),
    "message": lambda v: relay_messages.decode(v["bytes"]),
    "payload": lambda v: payloads.decode(v["bytes"]),
    "three fields": lambda v: records.unlp(v["bytes"], 3),
    "unpad": lambda v: unpad(v["bytes"]),
    "pad envelope": lambda v: envelope_size(2 + HBOX_SIZE + 40 + v["size"] + 1, 2048),
    "X": lambda v: primitives.X(v["secret"], v["public"]),
    "ek": lambda v: primitives.require_kem_key(v["bytes"]),
    "ct": lambda v: primitives.kem_decapsulate(v["seed"], v["bytes"]),
    "box": lambda v: primitives.open_box(v["key"], v["bytes"]),
    "signature": lambda v: primitives.ed25519_verify(v["public"], v["message"], v["signature"]),
    "identity": lambda v: Identity.parse(v["bytes"]),
    "device": lambda v: Device.parse(v["bytes"], Identity.parse(v["identity"])),
    "signed prekey": lambda v: _prekey(v, PrekeyKind.SIGNED),
    "one-time prekey": lambda v: _prekey(v, PrekeyKind.ONE_TIME),
    "bundle": _bundle,
    "initiate": _begin,
    "hello": lambda v: HelloRecord.parse(v["bytes"], v["relay_key"], v["certificate_hash"]),
    "claim": lambda v: ClaimRecord.parse(v["bytes"], Identity.parse(v["identity"]), v["relay_key"]),
    "auth": partial(_answer, AuthRecord),
    "leave": partial(_answer, LeaveRecord),
    "first message": _accept,
    "envelope": _decrypt,
}
REFUSALS = _load("refusals")[0]


def test_refusals_are_of_every_kind() -> None:
    assert {v["kind"] for v in REFUSALS} == set(KINDS)
    assert {v["parse"] for v in REFUSALS} == set(PARSERS)
    assert len({(v["parse"], v["name"], v.get("to"), v.get("events")) for v in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize("v", REFUSALS, ids=lambda v: f"{v['parse']}: {v['name']}")
def test_refusal(v: Vector) -> None:
    with pytest.raises(KINDS[v["kind"]]) as raised:
        PARSERS[v["parse"]](v)
    nearest = next(kind for kind in type(raised.value).__mro__ if kind in KINDS.values())
    assert nearest is KINDS[v["kind"]]
