"""Replayed authentication: a signature answers one hello, once."""

from typing import TYPE_CHECKING

from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from tests.helpers.relay_world import World


def test_on_another_connection_it_is_refused(world: "World") -> None:
    bob = world.account("bob")
    first, second = world.connect(), world.connect()
    request = bob.authenticate(first.hello)
    first.ask(request, messages.Welcome)
    assert second.refused(request) == Refusal.NOT_AUTHENTICATED
    assert not first.closing


def test_on_the_same_connection_it_is_refused(world: "World") -> None:
    bob = world.account("bob")
    client = world.connect()
    request = bob.authenticate(client.hello)
    client.ask(request, messages.Welcome)
    assert client.refused(request) == Refusal.NOT_AUTHENTICATED


def test_a_hello_is_spent_by_a_wrong_answer(world: "World") -> None:
    bob = world.account("bob")
    client, other = world.connect(), world.connect()
    assert client.refused(bob.authenticate(other.hello)) == Refusal.NOT_AUTHENTICATED
    assert client.refused(bob.authenticate(client.hello)) == Refusal.NOT_AUTHENTICATED


def test_a_goodbye_that_was_overheard_removes_nobody(world: "World") -> None:
    bob = world.account("bob")
    overheard = bob.leave(world.connect().hello)
    assert world.connect().refused(overheard) == Refusal.NOT_AUTHENTICATED
    world.sign_in(bob)
