import hmac
from dataclasses import replace
from hashlib import blake2b, sha512
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.crypto import handshake
from e2echat.crypto.handshake import (
    PREAMBLE_SIZE,
    SEAL_SIZE,
    Agreement,
    Continuity,
    Introduction,
    OwnDevice,
    Preamble,
    Proposal,
    ReplyRoute,
)
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.padding import pad, unpad
from e2echat.crypto.prekeys import CLOCK_SKEW, LIFETIME
from e2echat.crypto.primitives import H, SystemRandomness, X, kem_decapsulate, open_box
from e2echat.errors import CryptoError, HandshakeError, MalformedError
from e2echat.wire.address import MAX_ADDRESS, RelayAddress
from e2echat.wire.records import lp, unlp

if TYPE_CHECKING:
    from tests.conftest import Person

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()


def _initiate(
    own: "Person", peer: "Person", *, one_time: bool = True, generation: int = 3, cas: tuple[bytes, ...] = ()
) -> tuple[Preamble, Agreement]:
    bundle = peer.bundle(one_time=one_time)
    return handshake.initiate(own.own, bundle, own.route, generation, cas, EPOCH, RANDOMNESS)


def _accept(own: "Person", preamble: Preamble) -> Proposal:
    return handshake.accept(own.own, own, preamble)


@pytest.mark.parametrize("one_time", [True, False])
def test_both_sides_agree(alice: "Person", bob: "Person", one_time: bool) -> None:
    preamble, agreement = _initiate(alice, bob, one_time=one_time)
    proposal = _accept(bob, preamble)
    introduction = proposal.introduction
    assert proposal.agreement == agreement
    assert (introduction.identity, introduction.device) == (alice.own.identity, alice.own.device)
    assert (introduction.generation, introduction.route) == (3, alice.route)
    assert preamble.one_time_id == (2 if one_time else None)


def test_what_is_agreed_is_of_five_different_keys(alice: "Person", bob: "Person") -> None:
    agreements = [_initiate(alice, bob)[1] for _ in range(2)]
    secrets = [
        secret
        for agreed in agreements
        for secret in (
            agreed.root_key,
            agreed.first_header_key,
            agreed.reply_header_key,
            agreed.sid,
            agreed.ca,
            agreed.th,
        )
    ]
    assert len(set(secrets)) == 12
    assert {len(secret) for secret in secrets} == {32}


def _lp(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _blake(label: bytes, *fields: bytes) -> bytes:
    return blake2b(_lp(b"e2echat/1/" + label, *fields), digest_size=32).digest()


def _hkdf(ikm: bytes, label: bytes, field: bytes, length: int) -> bytes:
    key, info, block, out = hmac.digest(bytes(64), ikm, sha512), _lp(b"e2echat/1/" + label, field), b"", b""
    for i in range(1, 4):
        block = hmac.digest(key, block + info + bytes([i]), sha512)
        out += block
    return out[:length]


@pytest.mark.parametrize("one_time", [True, False])
def test_the_keys_are_those_of_the_specification(alice: "Person", bob: "Person", one_time: bool) -> None:
    """docs/spec/handshake.md computed a second time, from Bob's secrets and the bytes on the wire."""
    preamble, agreement = _initiate(alice, bob, one_time=one_time)
    raw = preamble.to_bytes()
    e, ct, sealed = raw[9:41], raw[41:1129], raw[1129:]
    signed, otk = bob.signed_prekey, bob.one_time_prekey if one_time else None
    otk_raw = otk.prekey.raw if otk else b""
    h0 = _blake(
        b"h0",
        b"\0\1\0\1",
        bob.own.identity.raw,
        bob.own.device.raw,
        signed.prekey.raw,
        otk_raw,
        e,
        ct,
    )
    dh1 = X(signed.dh.secret, alice.own.device.key)
    dh2, dh3 = X(bob.own.key.secret, e), X(signed.dh.secret, e)
    dh4 = X(otk.dh.secret, e) if otk else bytes(32)
    ss = kem_decapsulate((otk or signed).kem_seed, ct)
    introduction = unpad(open_box(_hkdf(dh3 + dh4 + ss, b"seal", h0, 32), sealed))
    assert introduction[: len(alice.own.identity.raw) + 4] == _lp(alice.own.identity.raw)
    th = _blake(b"th", h0, alice.own.identity.raw, alice.own.device.raw, _blake(b"sealed", sealed))
    keys = _hkdf(dh1 + dh2 + dh3 + dh4 + ss, b"root", th, 160)
    assert agreement == Agreement(th, *(keys[i : i + 32] for i in range(0, 160, 32)))
    assert preamble.init == _blake(b"init", e, ct)


@pytest.mark.parametrize("one_time", [True, False])
def test_a_preamble_survives_the_wire(alice: "Person", bob: "Person", one_time: bool) -> None:
    preamble, _ = _initiate(alice, bob, one_time=one_time)
    raw = preamble.to_bytes()
    assert len(raw) == PREAMBLE_SIZE
    assert Preamble.parse(raw) == preamble


@pytest.mark.parametrize(("flag", "one_time_id"), [(2, 0), (255, 2), (0, 1), (0, 2**32 - 1)])
def test_a_preamble_with_another_flag_is_refused(
    alice: "Person", bob: "Person", flag: int, one_time_id: int
) -> None:
    raw = _initiate(alice, bob)[0].to_bytes()
    with pytest.raises(MalformedError):
        Preamble.parse(raw[:4] + bytes([flag]) + one_time_id.to_bytes(4) + raw[9:])


def test_a_preamble_of_another_length_is_refused(alice: "Person", bob: "Person") -> None:
    raw = _initiate(alice, bob)[0].to_bytes()
    for other in (b"", raw[:-1], raw + b"\0"):
        with pytest.raises(MalformedError):
            Preamble.parse(other)


@pytest.mark.parametrize("one_time", [True, False])
def test_a_preamble_in_which_anything_differs_gives_nothing(
    alice: "Person", bob: "Person", one_time: bool
) -> None:
    raw = _initiate(alice, bob, one_time=one_time)[0].to_bytes()
    for i in range(PREAMBLE_SIZE):
        with pytest.raises((HandshakeError, MalformedError)):
            _accept(bob, Preamble.parse(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]))


def test_the_longest_introduction_fits(bob: "Person") -> None:
    account, key = SigningKey.generate(RANDOMNESS), ExchangeKey.generate(RANDOMNESS)
    identity = Identity.create(account, "a" * 32)
    device = Device.create(account, identity, EPOCH, key.public)
    address = f"relay://{'a' * 52}@{'h' * 253}:65535"
    assert len(address) <= MAX_ADDRESS
    route = ReplyRoute(address, bytes(16), bytes(32))
    introduction = Introduction(identity, device, 2**64 - 1, b"c" * 64, route)
    raw = introduction.to_bytes()
    assert len(raw) == SEAL_SIZE
    assert Introduction.parse(raw) == introduction
    room = MAX_ADDRESS - len(address)
    assert len(unpad(raw)) + room < SEAL_SIZE


def _fields(person: "Person", **changes: bytes) -> bytes:
    fields = {
        "identity": person.own.identity.raw,
        "device": person.own.device.raw,
        "generation": bytes(8),
        "continuity": bytes(64),
        "address": person.route.address.encode(),
        "mailbox": bytes(16),
        "capability": bytes(32),
    }
    return pad(lp(*(fields | changes).values()), SEAL_SIZE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("generation", bytes(7)),
        ("generation", bytes(9)),
        ("continuity", bytes(63)),
        ("continuity", b""),
        ("address", b""),
        ("address", b"relay://nowhere"),
        ("address", b"relay://" + b"a" * 52 + b"@HOST:1"),
        ("address", b"relay://" + b"a" * 52 + b"@host"),
        ("address", b"relay://" + b"a" * 52 + b"@h\xc3\xb6st:1"),
        ("mailbox", bytes(15)),
        ("capability", bytes(33)),
    ],
)
def test_an_introduction_with_another_field_is_refused(alice: "Person", field: str, value: bytes) -> None:
    assert Introduction.parse(_fields(alice)).identity == alice.own.identity
    with pytest.raises(MalformedError):
        Introduction.parse(_fields(alice, **{field: value}))


def test_an_introduction_with_something_behind_is_refused(alice: "Person") -> None:
    content = unpad(_fields(alice))
    with pytest.raises(MalformedError):
        Introduction.parse(pad(content + b"\1", SEAL_SIZE))
    with pytest.raises(MalformedError):
        Introduction.parse(pad(lp(*unlp(content, 7), b""), SEAL_SIZE))


def test_an_introduction_with_somebody_elses_device_is_refused(alice: "Person", bob: "Person") -> None:
    with pytest.raises(CryptoError):
        Introduction.parse(_fields(alice, device=bob.own.device.raw))


def test_a_route_goes_to_a_relay() -> None:
    address = str(RelayAddress(bytes(32), "h", 1))
    ReplyRoute(address, bytes(16), bytes(32))
    for wrong in ((address + " ", 16, 32), (address, 17, 32), (address, 16, 0)):
        with pytest.raises(MalformedError):
            ReplyRoute(wrong[0], bytes(wrong[1]), bytes(wrong[2]))


def test_a_capability_is_not_shown(alice: "Person") -> None:
    assert repr(alice.route.capability) not in repr(alice.route)


def test_nobody_opens_a_session_with_himself(alice: "Person") -> None:
    with pytest.raises(HandshakeError):
        _initiate(alice, alice)


def test_nobody_accepts_a_session_from_himself(alice: "Person", bob: "Person") -> None:
    """Whoever holds all of Bob's secrets could otherwise make him talk to himself."""
    identity = replace(bob.own.identity, key=alice.own.identity.key)
    bundle = replace(bob.bundle(), identity=identity)
    preamble, _ = handshake.initiate(bob.own, bundle, bob.route, 1, (), EPOCH, RANDOMNESS)
    with pytest.raises(HandshakeError):
        _accept(bob, preamble)


@pytest.mark.parametrize("now", [EPOCH - CLOCK_SKEW - 1, EPOCH + LIFETIME + 1])
def test_prekeys_out_of_their_time_are_not_used(alice: "Person", bob: "Person", now: int) -> None:
    with pytest.raises(HandshakeError):
        handshake.initiate(alice.own, bob.bundle(), alice.route, 1, (), now, RANDOMNESS)


@pytest.mark.parametrize("which", ["signed", "one_time"])
def test_prekeys_that_are_gone(
    alice: "Person", bob: "Person", which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preamble, _ = _initiate(alice, bob)
    monkeypatch.setattr(type(bob), which, lambda *_: None)
    with pytest.raises(HandshakeError):
        _accept(bob, preamble)


@pytest.mark.parametrize(("which", "other"), [("signed", "one_time_prekey"), ("one_time", "signed_prekey")])
def test_a_prekey_is_used_only_as_what_it_is(
    alice: "Person", bob: "Person", which: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mix-up is on both sides, so that only the check of the kind is in the way."""
    confused = getattr(bob, other)
    bundle: Any = replace(bob.bundle(), **{which: confused.prekey})
    preamble, _ = handshake.initiate(alice.own, bundle, alice.route, 1, (), EPOCH, RANDOMNESS)
    monkeypatch.setattr(type(bob), which, lambda *_: confused)
    with pytest.raises(HandshakeError):
        _accept(bob, preamble)


@pytest.mark.parametrize("key", [bytes(32), (1).to_bytes(32, "little"), b"\xff" * 32])
def test_an_ephemeral_that_gives_no_secret_is_refused(alice: "Person", bob: "Person", key: bytes) -> None:
    preamble, _ = _initiate(alice, bob)
    with pytest.raises(HandshakeError):
        _accept(bob, replace(preamble, ephemeral=key))


@pytest.mark.parametrize("part", ["signed", "one_time", "device"])
def test_a_bundle_whose_key_gives_no_secret_is_refused(alice: "Person", bob: "Person", part: str) -> None:
    bundle = bob.bundle()
    key: Any = {"key": bytes(32)} if part == "device" else {"dh": bytes(32)}
    weak: Any = {part: replace(getattr(bundle, part), **key)}
    with pytest.raises(HandshakeError):
        handshake.initiate(alice.own, replace(bundle, **weak), alice.route, 1, (), EPOCH, RANDOMNESS)


def test_a_bundle_whose_kem_key_is_none_is_refused(alice: "Person", bob: "Person") -> None:
    prekey = replace(bob.one_time_prekey.prekey, kem=b"\xff" * 1184)
    with pytest.raises(HandshakeError):
        handshake.initiate(
            alice.own, replace(bob.bundle(), one_time=prekey), alice.route, 1, (), EPOCH, RANDOMNESS
        )


def test_continuity_holds_under_either_of_two(alice: "Person", bob: "Person") -> None:
    newest, older, other = (bytes([i]) * 32 for i in (1, 2, 3))
    preamble, _ = _initiate(alice, bob, cas=(newest, older, other))
    continuity = _accept(bob, preamble).continuity
    assert continuity.holds(newest)
    assert continuity.holds(older)
    assert not continuity.holds(other)


def test_continuity_of_nobody_is_zeros(alice: "Person", bob: "Person") -> None:
    continuity = _accept(bob, _initiate(alice, bob)[0]).continuity
    assert continuity.proofs == bytes(64)
    assert not continuity.holds(bytes(32))


def test_continuity_is_bound_to_transcript_and_initiator() -> None:
    ca, h0, who = b"c" * 32, b"h" * 32, b"alice"
    proofs = Continuity.create((ca,), h0, who).proofs
    assert proofs == blake2b(_lp(b"e2echat/1/continuity", h0, who), key=ca, digest_size=32).digest() + bytes(
        32
    )
    assert Continuity(proofs, h0, who).holds(ca)
    assert not Continuity(proofs, H("other"), who).holds(ca)
    assert not Continuity(proofs, h0, b"mallory").holds(ca)


def test_the_initiators_device_key_takes_part(alice: "Person", bob: "Person") -> None:
    thief = OwnDevice(alice.own.identity, alice.own.device, ExchangeKey.generate(RANDOMNESS))
    preamble, agreement = handshake.initiate(thief, bob.bundle(), alice.route, 3, (), EPOCH, RANDOMNESS)
    proposal = _accept(bob, preamble)
    assert proposal.introduction.identity == alice.own.identity
    assert proposal.agreement != agreement


def test_the_responders_device_key_takes_part(alice: "Person", bob: "Person") -> None:
    preamble, agreement = _initiate(alice, bob)
    thief = OwnDevice(bob.own.identity, bob.own.device, ExchangeKey.generate(RANDOMNESS))
    proposal = handshake.accept(thief, bob, preamble)
    assert proposal.introduction.identity == alice.own.identity
    assert proposal.agreement != agreement
