from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2echat.crypto.handshake import PREAMBLE_SIZE, SEAL_SIZE
from e2echat.crypto.padding import ENVELOPE_FLOOR, FIRST_ENVELOPE_FLOOR, MAX_ENVELOPE
from e2echat.crypto.primitives import H, K, SystemRandomness
from e2echat.crypto.session import INITIAL, ORDINARY, Session, envelope_hash, init_hash
from e2echat.errors import DecryptionError, HandshakeError, MalformedError, TextTooLongError
from e2echat.wire.codec import Value, decode_map, encode

if TYPE_CHECKING:
    from tests.conftest import Person, Talk

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()
AROUND = 2 + 1269 + 40
"""Bytes of an ordinary envelope around the padded plaintext."""


def test_the_first_message_opens_a_session(alice: "Person", bob: "Person") -> None:
    session, envelope = alice.initiate(bob).encrypt(b"hello", EPOCH, RANDOMNESS)
    accepted = bob.accept(envelope, now=EPOCH + 5)
    assert accepted.opened.plaintext == b"hello"
    assert (accepted.opened.chain, accepted.opened.number, accepted.opened.size) == (0, 0, len(envelope))
    assert accepted.route == alice.route
    assert (accepted.prekey_id, accepted.one_time_id) == (1, 2)
    assert accepted.init == init_hash(envelope)
    assert accepted.session.peer == alice.own.identity
    assert accepted.session.peer_device == alice.own.device
    assert (accepted.session.sid, accepted.session.ca) == (session.sid, session.ca)
    assert (accepted.session.generation, accepted.session.created_at) == (1, EPOCH + 5)
    assert (session.peer, session.peer_device, session.created_at) == (
        bob.own.identity,
        bob.own.device,
        EPOCH,
    )
    assert (session.initiator, accepted.session.initiator) == (True, False)


def test_a_session_is_confirmed_by_what_it_receives(talk: "Talk") -> None:
    assert (talk.sides["alice"].confirmed, talk.sides["bob"].confirmed) == (False, True)
    talk.pass_on("bob")
    assert talk.sides["alice"].confirmed


def test_the_preamble_is_repeated_until_the_reply(talk: "Talk") -> None:
    more = talk.send("alice")
    assert more[:2] == bytes([1, INITIAL])
    assert more[2 : 2 + PREAMBLE_SIZE] == talk.first[2 : 2 + PREAMBLE_SIZE]
    assert len(more) == FIRST_ENVELOPE_FLOOR
    assert init_hash(more) == init_hash(talk.first)
    assert talk.receive("bob", more).number == 1
    reply = talk.send("bob")
    assert reply[:2] == bytes([1, ORDINARY])
    assert init_hash(reply) is None
    talk.receive("alice", reply)
    assert talk.send("alice")[:2] == bytes([1, ORDINARY])


def test_a_late_first_message_opens_in_its_session(talk: "Talk") -> None:
    late = talk.send("alice", b"late")
    talk.pass_on("bob")
    talk.pass_on("alice")
    assert talk.receive("bob", late).plaintext == b"late"


def test_any_message_of_the_first_chain_opens_the_session(alice: "Person", bob: "Person") -> None:
    session, first = alice.initiate(bob).encrypt(b"first", EPOCH, RANDOMNESS)
    session, second = session.encrypt(b"second", EPOCH, RANDOMNESS)
    accepted = bob.accept(second)
    assert (accepted.opened.plaintext, accepted.opened.number) == (b"second", 1)
    assert accepted.session.decrypt(first, EPOCH)[1].plaintext == b"first"


def test_reduced_forward_secrecy_lasts_until_the_reply(open_talk: Callable[..., "Talk"]) -> None:
    talk = open_talk(one_time=False)
    assert [side.reduced_forward_secrecy for side in talk.sides.values()] == [True, True]
    assert talk.pass_on("alice").reduced_forward_secrecy
    late = talk.send("alice")
    assert not talk.pass_on("bob").reduced_forward_secrecy
    assert [side.reduced_forward_secrecy for side in talk.sides.values()] == [False, False]
    assert talk.receive("bob", late).reduced_forward_secrecy
    assert not talk.pass_on("alice").reduced_forward_secrecy


def test_with_a_one_time_prekey_forward_secrecy_is_never_reduced(talk: "Talk") -> None:
    assert not talk.pass_on("alice").reduced_forward_secrecy
    assert [side.reduced_forward_secrecy for side in talk.sides.values()] == [False, False]


def test_kem_steps_are_told_and_renew_the_authenticator(talk: "Talk") -> None:
    first = talk.sides["alice"].ca
    assert [talk.pass_on(who).kem_epoch for who in ("bob", "alice", "bob")] == [0, 1, 1]
    assert [side.kem_epoch for side in talk.sides.values()] == [1, 1]
    assert talk.sides["alice"].ca == talk.sides["bob"].ca != first


def test_continuity(alice: "Person", bob: "Person", talk: "Talk") -> None:
    old = talk.sides["bob"].ca
    session = Session.initiate(
        alice.own,
        bob.bundle(),
        alice.route,
        generation=2,
        authenticators=[b"x" * 32, old],
        now=EPOCH,
        randomness=RANDOMNESS,
    )
    session, envelope = session.encrypt(b"again", EPOCH, RANDOMNESS)
    accepted = bob.accept(envelope)
    assert accepted.proves(old)
    assert accepted.proves(b"x" * 32)
    assert not accepted.proves(b"y" * 32)
    assert len(accepted.continuity) == 64
    assert accepted.session.reply_proof(old) == session.reply_proof(old) == K(old, "reply", session.th)
    assert accepted.session.reply_proof(b"y" * 32) != session.reply_proof(old)


@pytest.mark.parametrize("length", [0, 1, 600, ENVELOPE_FLOOR - AROUND - 1])
def test_ordinary_envelopes_are_of_one_size(talk: "Talk", length: int) -> None:
    talk.pass_on("bob")
    opened = talk.pass_on("alice", b"a" * length)
    assert (opened.size, opened.plaintext) == (ENVELOPE_FLOOR, b"a" * length)


def test_the_largest_message(talk: "Talk") -> None:
    talk.pass_on("bob")
    largest = MAX_ENVELOPE - AROUND - 1
    assert talk.pass_on("alice", b"a" * largest).size == MAX_ENVELOPE
    before = talk.sides["alice"]
    with pytest.raises(TextTooLongError):
        talk.send("alice", b"a" * (largest + 1))
    assert talk.sides["alice"] is before


def test_padding_that_ends_in_zeros_and_marks_is_kept(talk: "Talk") -> None:
    for text in (b"", b"\0", b"\x80", b"text\x80\0\0"):
        assert talk.pass_on("alice", text).plaintext == text


def test_decrypting_fails_in_one_way_and_changes_nothing(talk: "Talk") -> None:
    talk.pass_on("bob")
    envelope = talk.send("alice")
    before = talk.sides["bob"]
    broken = [envelope[:i] for i in (0, 1, 2, 100, 1271, 1272, 1311, 1312, len(envelope) - 1)]
    broken += [envelope + b"\0", b"\2" + envelope[1:], b"\1\3" + envelope[2:], b"\1\1" + envelope[2:]]
    broken += [b"\1\2" + bytes(2046), envelope.ljust(MAX_ENVELOPE + 1, b"\0")]
    broken += [
        envelope[:i] + bytes([envelope[i] ^ 1]) + envelope[i + 1 :] for i in range(0, len(envelope), 17)
    ]
    for each in broken:
        with pytest.raises(DecryptionError):
            talk.receive("bob", each)
    assert talk.sides["bob"] is before
    talk.receive("bob", envelope)


def test_an_initial_envelope_with_another_preamble_is_refused(
    talk: "Talk", alice: "Person", bob: "Person"
) -> None:
    good = talk.send("alice")
    _, other = alice.initiate(bob).encrypt(b"other", EPOCH, RANDOMNESS)
    for i in (2, 6, 11, 50, 1140, 1 + PREAMBLE_SIZE):
        with pytest.raises(DecryptionError):
            talk.receive("bob", good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
    with pytest.raises(DecryptionError):
        talk.receive("bob", other)
    with pytest.raises(DecryptionError):
        talk.receive("bob", other[: 2 + PREAMBLE_SIZE] + good[2 + PREAMBLE_SIZE :])
    talk.receive("bob", good)


def test_accepting_what_is_no_first_message(talk: "Talk", bob: "Person") -> None:
    ordinary = talk.send("bob")
    for envelope in (b"", b"\1\1", talk.first[:4000], ordinary, b"\2" + talk.first[1:]):
        with pytest.raises((MalformedError, HandshakeError)):
            bob.accept(envelope)


def test_a_first_message_whose_body_does_not_authenticate(talk: "Talk", bob: "Person") -> None:
    first = talk.first
    for i in range(2 + PREAMBLE_SIZE, len(first), 113):
        with pytest.raises(HandshakeError):
            bob.accept(first[:i] + bytes([first[i] ^ 1]) + first[i + 1 :])


@pytest.mark.parametrize(
    "envelope", [b"", b"\1", b"\1\1" + bytes(3300), b"\1\0" + bytes(4606), bytes(70_000)]
)
def test_init_hash_of_what_is_no_envelope(envelope: bytes) -> None:
    with pytest.raises(MalformedError):
        init_hash(envelope)


def test_envelope_hash(talk: "Talk") -> None:
    assert envelope_hash(talk.first) == H("envelope", talk.first)


def test_sizes_of_the_specification() -> None:
    assert (PREAMBLE_SIZE, SEAL_SIZE) == (2033, 864)


# The stored form


def _stored(talk: "Talk") -> list[Session]:
    """Sessions in many states: before and after the reply, with skipped keys, an offer, and an answer."""
    states = [*talk.sides.values()]
    for who in ("bob", "bob", "alice", "bob", "alice", "alice"):
        talk.send(who)
        talk.pass_on(who)
        states += talk.sides.values()
    return states


def test_a_session_comes_back_as_it_was(talk: "Talk") -> None:
    for session in _stored(talk):
        assert Session.from_bytes(session.to_bytes()) == session


def test_a_session_that_was_stored_goes_on(talk: "Talk") -> None:
    for turn in range(8):
        for who in talk.sides:
            talk.sides[who] = Session.from_bytes(talk.sides[who].to_bytes())
        assert talk.pass_on("alice" if turn % 2 else "bob").plaintext == b"text"


def test_a_stored_session_that_is_damaged_is_refused(talk: "Talk", mallory: "Person") -> None:
    talk.pass_on("bob")
    talk.pass_on("alice")
    raw = talk.sides["alice"].to_bytes()
    values = decode_map(raw)
    ratchet = values["ratchet"]
    assert isinstance(ratchet, dict)
    changes: list[dict[str, Value]] = [
        {"version": 2},
        {"sid": bytes(31)},
        {"generation": -1},
        {"peer": mallory.own.identity.raw},
        {"ratchet": {}},
        {"ratchet": 1},
        {"ratchet": {**ratchet, "receiving": 1}},
        {"ratchet": {**ratchet, "retired": [1]}},
        {"more": 1},
    ]
    for change in changes:
        with pytest.raises(MalformedError):
            Session.from_bytes(encode({**values, **change}))
    for broken in (b"", raw[:-1], raw + b"\0"):
        with pytest.raises(MalformedError):
            Session.from_bytes(broken)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stored_session_that_is_altered_raises_nothing_else(talk: "Talk", data: st.DataObject) -> None:
    raw = talk.sides["bob"].to_bytes()
    start = data.draw(st.integers(0, len(raw) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=8))
    with suppress(MalformedError):
        Session.from_bytes(raw[:start] + junk + raw[start + len(junk) :])


def test_skipped_keys_that_are_cut_short_are_refused(talk: "Talk") -> None:
    talk.send("alice")
    talk.pass_on("alice")
    raw = talk.sides["bob"].to_bytes()
    values = decode_map(raw)
    ratchet = values["ratchet"]
    assert isinstance(ratchet, dict)
    receiving = ratchet["receiving"]
    assert isinstance(receiving, dict)
    skipped = receiving["skipped"]
    assert isinstance(skipped, bytes)
    receiving["skipped"] = skipped[:-1]
    with pytest.raises(MalformedError):
        Session.from_bytes(encode(values))


def test_old_keys_are_forgotten(talk: "Talk") -> None:
    late = talk.send("bob")
    talk.pass_on("bob")
    talk.pass_on("alice")
    talk.pass_on("bob")
    session = talk.sides["alice"]
    forgetful = session.forget(EPOCH + 31 * 86_400)
    assert session.decrypt(late, EPOCH)[1].plaintext == b"text"
    with pytest.raises(DecryptionError):
        forgetful.decrypt(late, EPOCH)


def test_nothing_secret_is_shown(talk: "Talk") -> None:
    session = talk.sides["alice"]
    shown = repr(session)
    for secret in (session.ca, session.ratchet.root.key, session.preamble):
        assert repr(secret)[2:-1] not in shown
    opened = talk.pass_on("alice", b"plaintext")
    assert "plaintext" not in repr(opened)
