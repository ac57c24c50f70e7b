"""Where two people meet by a short code: both sides of it, and whoever else comes by."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.relay.limits import Limits
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Meet, Met, Refusal
from tests.helpers.relay_world import RANDOM

if TYPE_CHECKING:
    from tests.helpers.relay_world import Client, World

OFFER, JOIN, ANSWER = (bytes([number]) * 40 for number in range(3))


class Side:
    """One side's words at a nameplate, from a connection of its own."""

    def __init__(self, world: "World", *, inviter: bool, nameplate: str = "4821") -> None:
        self.client: Client = world.connect()
        self._inviter = inviter
        self._nameplate = nameplate
        self._key = RANDOM.octets(16)

    def _ask(self, said: tuple[bytes, ...], leave: bool) -> Meet:
        return Meet(1, self._nameplate, self._inviter, self._key, list(said), leave)

    def says(self, *said: bytes, leave: bool = False) -> list[bytes]:
        return self.client.ask(self._ask(said, leave), Met).heard

    def refused(self, *said: bytes, leave: bool = False) -> int:
        return self.client.refused(self._ask(said, leave))


def test_what_one_side_says_the_other_hears(world: "World") -> None:
    inviter, joiner = Side(world, inviter=True), Side(world, inviter=False)
    assert inviter.says(OFFER) == []
    assert joiner.says() == [OFFER]
    assert joiner.says(JOIN) == [OFFER]
    assert inviter.says(OFFER) == [JOIN]
    assert inviter.says(OFFER, ANSWER) == [JOIN]
    assert joiner.says(JOIN) == [OFFER, ANSWER]


def test_a_side_goes_on_from_another_connection(world: "World") -> None:
    inviter, joiner = Side(world, inviter=True), Side(world, inviter=False)
    inviter.says(OFFER)
    joiner.says(JOIN)
    for side in (inviter, joiner):
        side.client.leave()
        side.client = world.connect()
    assert inviter.says(OFFER, ANSWER) == [JOIN]
    assert joiner.says(JOIN) == [OFFER, ANSWER]


def test_a_nameplate_is_one_inviters(world: "World") -> None:
    Side(world, inviter=True).says(OFFER)
    assert Side(world, inviter=True).refused(OFFER) == Refusal.NAME_TAKEN
    assert Side(world, inviter=True, nameplate="4822").says(OFFER) == []


def test_nobody_joins_where_nobody_invites(world: "World") -> None:
    for said in ((), (JOIN,)):
        assert Side(world, inviter=False).refused(*said) == Refusal.NO_SUCH_NAME


def test_one_joins_and_no_other(world: "World") -> None:
    inviter, first, second = (Side(world, inviter=which) for which in (True, False, False))
    inviter.says(OFFER)
    assert (first.says(), second.says()) == ([OFFER], [OFFER])
    first.says(JOIN)
    for said in ((), (JOIN,), (ANSWER,)):
        assert second.refused(*said) == Refusal.NO_SUCH_NAME
    assert second.refused(leave=True) == Refusal.NO_SUCH_NAME
    assert inviter.says(OFFER) == [JOIN]


def test_who_has_not_joined_cannot_end_it(world: "World") -> None:
    inviter, other = Side(world, inviter=True), Side(world, inviter=False)
    inviter.says(OFFER)
    assert other.refused(leave=True) == Refusal.NO_SUCH_NAME
    assert Side(world, inviter=True).refused(leave=True) == Refusal.NAME_TAKEN
    assert other.says() == [OFFER]


@pytest.mark.parametrize("who", ["inviter", "joiner"])
def test_either_side_ends_it(world: "World", who: str) -> None:
    inviter, joiner = Side(world, inviter=True), Side(world, inviter=False)
    inviter.says(OFFER)
    joiner.says(JOIN)
    if who == "inviter":
        inviter.says(OFFER, leave=True)
    else:
        joiner.says(JOIN, leave=True)
    assert joiner.refused(JOIN) == Refusal.NO_SUCH_NAME
    assert Side(world, inviter=False).refused() == Refusal.NO_SUCH_NAME


def test_ending_what_is_not_there_makes_nothing(world: "World") -> None:
    assert Side(world, inviter=True).says(leave=True) == []
    assert Side(world, inviter=False).refused() == Refusal.NO_SUCH_NAME


def test_what_was_said_stays_said(world: "World") -> None:
    inviter, joiner = Side(world, inviter=True), Side(world, inviter=False)
    inviter.says(OFFER)
    assert inviter.refused(ANSWER) == Refusal.MALFORMED
    inviter.says(OFFER, ANSWER)
    assert inviter.says(OFFER) == []
    assert joiner.says(JOIN) == [OFFER, ANSWER]
    assert joiner.refused(OFFER) == Refusal.MALFORMED
    assert inviter.says() == [JOIN]


def test_it_ends_by_itself(world: "World") -> None:
    Side(world, inviter=True).says(OFFER)
    world.later(world.limits.meeting_life - 1)
    assert Side(world, inviter=False).says() == [OFFER]
    world.later(1)
    assert Side(world, inviter=False).refused() == Refusal.NO_SUCH_NAME


def test_there_are_so_many_at_a_time(make_world: "Callable[..., World]") -> None:
    world = make_world(Limits(meetings=2))
    first, second, third = (Side(world, inviter=True, nameplate=f"{number}000") for number in (1, 2, 3))
    first.says(OFFER)
    second.says(OFFER)
    assert third.refused(OFFER) == Refusal.LIMIT
    assert first.says(OFFER) == []
    second.says(OFFER, leave=True)
    assert third.says(OFFER) == []


def test_a_relay_that_restarts_hears_it_again(world: "World") -> None:
    inviter, joiner = Side(world, inviter=True), Side(world, inviter=False)
    inviter.says(OFFER)
    joiner.says(JOIN)
    world.restart()
    inviter.client, joiner.client = world.connect(), world.connect()
    assert joiner.refused(JOIN) == Refusal.NO_SUCH_NAME
    assert inviter.says(OFFER) == []
    assert joiner.says(JOIN) == [OFFER]
    assert inviter.says(OFFER, ANSWER) == [JOIN]


def test_the_connection_carries_no_names(world: "World") -> None:
    """Signed in or asking about somebody there is no meeting on it, nor the other way round."""
    bob = world.account("bob")
    meet = Meet(9, "4821", True, bytes(16), [OFFER], False)
    assert world.sign_in(bob).refused(meet) == Refusal.MALFORMED
    sender = world.connect()
    sender.open(bob)
    assert sender.refused(meet) == Refusal.MALFORMED
    side = Side(world, inviter=True)
    side.says(OFFER)
    fetch = messages.Fetch(2, "bob", False)
    assert side.client.refused(fetch) == Refusal.MALFORMED
    assert side.client.refused(bob.authenticate(side.client.hello)) == Refusal.MALFORMED
