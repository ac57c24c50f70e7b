"""SPAKE2 and what is told under its keys: both sides right, and everything that may be wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from e2echat.crypto import pairing, primitives
from e2echat.crypto.codes import Code
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.pairing import (
    ANSWER_SIZE,
    CARD_SIZE,
    JOIN_SIZE,
    OFFER_SIZE,
    Card,
    Inviter,
    Joiner,
    invitation_proof,
)
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import ReplyRoute
from e2echat.errors import CryptoError, MalformedError, RemoteError

RELAY = bytes(range(32))
RANDOMNESS = SystemRandomness()
CODE = Code("4821", ("guitar", "otter"))
IDENTITY_POINT = (1).to_bytes(32, "little")
ORDER_TWO = (2**255 - 20).to_bytes(32, "little")


def _card(name: str, key: SigningKey | None = None) -> Card:
    key = key or SigningKey.generate(RANDOMNESS)
    identity = Identity.create(key, name)
    device = Device.create(key, identity, 1_800_000_000, ExchangeKey.generate(RANDOMNESS).public)
    address = f"relay://{'a' * 52}@localhost:7443"
    return Card(identity, device, ReplyRoute(address, bytes(16), RANDOMNESS.octets(32)))


ALICE, BOB = _card("alice"), _card("bob")


def _inviter(code: Code = CODE, relay: bytes = RELAY) -> Inviter:
    return Inviter.begin(relay, code, RANDOMNESS)


def _joiner(inviter: Inviter, code: Code = CODE, relay: bytes = RELAY) -> Joiner:
    return Joiner.begin(relay, code, inviter.offer, BOB, RANDOMNESS)


def test_both_sides_learn_who_the_other_is() -> None:
    inviter = _inviter()
    joiner = _joiner(inviter)
    heard = inviter.hear(joiner.join)
    found, answer = heard.joiner, heard.answer(ALICE, RANDOMNESS)
    assert (found, joiner.finish(answer)) == (BOB, ALICE)
    assert (len(inviter.offer), len(joiner.join), len(answer)) == (OFFER_SIZE, JOIN_SIZE, ANSWER_SIZE)


@pytest.mark.parametrize(
    ("code", "relay"),
    [
        (Code("4821", ("guitar", "orbit")), RELAY),
        (Code("4821", ("otter", "guitar")), RELAY),
        (Code("4822", CODE.words), RELAY),
        (CODE, RELAY[::-1]),
    ],
    ids=["a word", "the order of words", "the nameplate", "the relay"],
)
def test_a_wrong_guess_opens_nothing_on_either_side(code: Code, relay: bytes) -> None:
    inviter = _inviter()
    with pytest.raises(CryptoError):
        inviter.hear(_joiner(inviter, code, relay).join)
    other = _inviter(code, relay)
    join = Joiner.begin(RELAY, CODE, other.offer, BOB, RANDOMNESS).join
    with pytest.raises(CryptoError):
        other.hear(join)


def test_a_refusal_tells_the_joiner_alone_that_the_code_was_right() -> None:
    inviter = _inviter()
    first, second = _joiner(inviter), _joiner(inviter)
    heard = inviter.hear(first.join)
    refusal = heard.refusal(RANDOMNESS)
    assert len(refusal) == len(heard.answer(ALICE, RANDOMNESS)) == ANSWER_SIZE
    assert first.finish(refusal) is None
    with pytest.raises(CryptoError):
        second.finish(refusal)


def test_an_answer_is_to_one_join_alone() -> None:
    """A relay that knows nothing of the code cannot hand one joiner's answer to another, or an old one again."""
    inviter = _inviter()
    first, second = _joiner(inviter), _joiner(inviter)
    answer = inviter.hear(first.join).answer(ALICE, RANDOMNESS)
    with pytest.raises(CryptoError):
        second.finish(answer)
    assert first.finish(answer) == ALICE


def test_an_answer_is_bound_to_the_records_that_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who could swap the box in a join for another under the same key still gets no answer that its sender opens."""
    inviter = _inviter()
    joiner = _joiner(inviter)
    boxes: list[bytes] = []
    real = primitives.box

    def box(key: bytes, message: bytes, randomness: primitives.Randomness) -> bytes:
        boxes.append(key)
        return real(key, message, randomness)

    monkeypatch.setattr(pairing, "box", box)
    for _ in range(2):
        heard = inviter.hear(joiner.join)
        heard.answer(ALICE, RANDOMNESS)
        assert heard.joiner == BOB
    assert boxes[0] == boxes[1] == joiner._answer_key
    assert pairing._answer_key(bytes(32), joiner.join) != pairing._answer_key(bytes(32), joiner.join[::-1])


def _flip(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _run(message: str, at: int) -> None:
    """A whole run in which one bit of one message is another."""
    inviter = _inviter()
    offer = _flip(inviter.offer, at) if message == "offer" else inviter.offer
    joiner = Joiner.begin(RELAY, CODE, offer, BOB, RANDOMNESS)
    join = _flip(joiner.join, at) if message == "join" else joiner.join
    answer = inviter.hear(join).answer(ALICE, RANDOMNESS)
    joiner.finish(_flip(answer, at) if message == "answer" else answer)


@pytest.mark.parametrize("message", ["offer", "join", "answer"])
def test_any_altered_bit_is_noticed(message: str) -> None:
    for at in (0, 15, 31, 32, 60, -1):
        with pytest.raises(RemoteError):
            _run(message, at)
    _run("none", 0)


BAD_POINTS = {
    "neutral": IDENTITY_POINT,
    "order two": ORDER_TWO,
    "order four": bytes(32),
    "not canonical": (2**255 - 18).to_bytes(32, "little"),
    "not on the curve": (2).to_bytes(32, "little"),
    "all ones": b"\xff" * 32,
    "outside the prime-order subgroup": None,
}


@pytest.mark.parametrize("kind", BAD_POINTS)
def test_points_outside_the_group_are_refused(kind: str) -> None:
    inviter = _inviter()
    point = BAD_POINTS[kind]
    if point is None:
        # A point of the group plus one of order two has twice the order.
        point = primitives.group_add(inviter.offer, ORDER_TWO)
    with pytest.raises(CryptoError):
        Joiner.begin(RELAY, CODE, point, BOB, RANDOMNESS)
    with pytest.raises(CryptoError):
        inviter.hear(point + bytes(JOIN_SIZE - 32))


def test_the_blinding_of_the_other_side_alone_is_refused() -> None:
    """X = w·M would make Z the neutral element: nobody may be led there."""
    w = pairing._password(RELAY, CODE)
    with pytest.raises(CryptoError):
        Joiner.begin(RELAY, CODE, primitives.group_multiply(w, pairing._M), BOB, RANDOMNESS)


@pytest.mark.parametrize("size", [0, 31, JOIN_SIZE - 1, JOIN_SIZE + 1])
def test_messages_of_another_length_are_none(size: int) -> None:
    inviter = _inviter()
    with pytest.raises(MalformedError):
        Joiner.begin(RELAY, CODE, bytes(size), BOB, RANDOMNESS)
    with pytest.raises(MalformedError):
        inviter.hear(bytes(size))
    with pytest.raises(MalformedError):
        _joiner(inviter).finish(bytes(size))


def test_a_card_says_the_same_in_as_many_bytes_whoever_it_is() -> None:
    long = replace(ALICE.route, address=f"relay://{'a' * 52}@{'h' * 240}:65535")
    for card in (ALICE, _card("b"), _card("c" * 32), replace(ALICE, route=long)):
        raw = card.to_bytes()
        assert len(raw) == CARD_SIZE
        assert Card.parse(raw) == card


CARDS: dict[str, Callable[[], Card]] = {
    "another's device": lambda: replace(ALICE, device=BOB.device),
    "a device of another identity of the same key": lambda: replace(
        ALICE, device=_card("other", SigningKey(bytes(32))).device
    ),
}


@pytest.mark.parametrize("kind", CARDS)
def test_records_that_do_not_belong_together_are_refused(kind: str) -> None:
    inviter = _inviter()
    joiner = Joiner.begin(RELAY, CODE, inviter.offer, CARDS[kind](), RANDOMNESS)
    with pytest.raises(CryptoError):
        inviter.hear(joiner.join)
    joiner = _joiner(inviter)
    answer = inviter.hear(joiner.join).answer(CARDS[kind](), RANDOMNESS)
    with pytest.raises(CryptoError):
        joiner.finish(answer)


def test_secrets_are_not_in_repr() -> None:
    inviter = _inviter()
    joiner = _joiner(inviter)
    for value in (inviter._scalar, inviter._password, joiner._answer_key, ALICE.route.capability):
        assert repr(value) not in repr((inviter, joiner, ALICE))


def test_a_proof_of_an_invitation_is_one_persons_with_one_device_towards_one_other() -> None:
    secret, one = bytes(16), (BOB.identity, BOB.device, ALICE.identity)
    other = _card("bob")
    right = invitation_proof(secret, *one)
    assert right == invitation_proof(secret, *one)
    assert (
        len(
            {
                right,
                invitation_proof(bytes(15) + b"\x01", *one),
                invitation_proof(secret, other.identity, BOB.device, ALICE.identity),
                invitation_proof(secret, BOB.identity, other.device, ALICE.identity),
                invitation_proof(secret, BOB.identity, BOB.device, other.identity),
            }
        )
        == 5
    )
