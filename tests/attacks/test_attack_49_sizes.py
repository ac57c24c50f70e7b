"""Sizes of envelopes for texts of 0 to 600 bytes, short payloads and KEM steps: one class before the first
reply, one after it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.padding import ENVELOPE_FLOOR, FIRST_ENVELOPE_FLOOR
from e2echat.crypto.ratchet import IDLE_SECONDS

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


def test_the_length_of_a_name_does_not_show(alice: "Person", bob: "Person", mallory: "Person") -> None:
    assert len(alice.own.identity.name) != len(mallory.own.identity.name)
    assert len(alice.initiate(bob).preamble) == len(mallory.initiate(bob).preamble)
