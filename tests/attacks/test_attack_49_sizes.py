"""Sizes of envelopes for texts of 0 to 600 bytes, all that may happen to them, receipts, typing and KEM steps: one class
before the first reply, one after it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto import payloads
from e2echat.crypto.padding import ENVELOPE_FLOOR, FIRST_ENVELOPE_FLOOR
from e2echat.crypto.payloads import (
    MAX_TIMER,
    Deletion,
    Edit,
    Joined,
    Reaction,
    Receipt,
    Route,
    TextMessage,
    TimerChange,
    Typing,
    encode,
)
from e2echat.crypto.ratchet import IDLE_SECONDS
from e2echat.wire.schema import Message

if TYPE_CHECKING:
    from tests.conftest import Person, Talk

PAYLOAD = 128
"""Bytes that a payload adds to its text, at most."""


@pytest.mark.parametrize("one_time", [True, False])
def test_before_the_first_reply(open_talk: Callable[..., "Talk"], one_time: bool) -> None:
    talk = open_talk(one_time=one_time)
    sizes = {len(talk.send("alice", b"a" * length)) for length in range(0, 600 + PAYLOAD, 8)}
    assert sizes == {len(talk.first)} == {FIRST_ENVELOPE_FLOOR}


def test_after_it(talk: "Talk") -> None:
    """Through a first KEM step, plain chains, and a second step."""
    sizes, epochs = set(), set()
    for turn in range(8):
        who = "alice" if turn % 2 else "bob"
        talk.now += IDLE_SECONDS if turn == 4 else 1
        for length in (0, 1, 40, 256, 600 + PAYLOAD):
            sizes.add(talk.pass_on(who, b"a" * length).size)
        epochs.add(talk.sides[who].kem_epoch)
    assert sizes == {ENVELOPE_FLOOR}
    assert epochs >= {1, 2}


def _payloads() -> Iterator[Message]:
    """One of each kind, as long as four billion messages make it, and texts and edits of every length."""
    head = (b"i" * 16, b"c" * 16, (1 << 32) - 1, b"p" * 32, (1 << 53) - 1)
    target = b"t" * 16
    yield from (TextMessage(*head, "a" * length) for length in (0, 1, 300, 600))
    for length in (0, 1, 300, 560):
        yield TextMessage(*head, "a" * length, target, MAX_TIMER)
        yield Edit(*head, target, "a" * length)
    yield Deletion(*head, target)
    yield Reaction(*head, target, "")
    yield Reaction(*head, target, "\N{REGIONAL INDICATOR SYMBOL LETTER A}" * 16)
    yield TimerChange(*head, MAX_TIMER)
    yield Joined(*head, bytes(32))
    yield Route(*head, "relay://" + "a" * 100, bytes(16), bytes(32), bytes(32))
    yield Receipt(b"c" * 16, [1, 4_000_000] * 10, [1, 4_000_000] * 10)
    yield Typing(b"c" * 16, active=True)


def test_what_is_inside_does_not_show(talk: "Talk") -> None:
    """That there is something is all that a size says: an edit looks like a text, and like somebody's typing."""
    made = list(_payloads())
    assert {payload.KIND for payload in made} == set(payloads._KINDS)
    first = {len(talk.send("alice", encode(payload))) for payload in made}
    talk.pass_on("bob")
    talk.pass_on("alice")
    assert first == {FIRST_ENVELOPE_FLOOR}
    assert {talk.pass_on("alice", encode(payload)).size for payload in made} == {ENVELOPE_FLOOR}


def test_the_length_of_a_name_does_not_show(alice: "Person", bob: "Person", mallory: "Person") -> None:
    assert len(alice.own.identity.name) != len(mallory.own.identity.name)
    assert len(alice.initiate(bob).preamble) == len(mallory.initiate(bob).preamble)
