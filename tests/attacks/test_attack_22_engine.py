"""Records of an installation that has been replaced, shown by the relay or by whoever has the old device."""

from collections.abc import Iterator

import pytest

from e2echat.client.dialogue import Fetched
from e2echat.client.events import KeyChanged, MessageState, Problem
from tests.world import World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def test_an_older_bundle_is_refused(world: World) -> None:
    alice, bob = world.introduce()
    old = alice.look_up("bob")
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(2)
    alice.accept("bob")
    world.pass_time(15)
    alice.events.clear()
    alice.step(lambda: alice.engine.introductions.fetched(str(world.address), Fetched("bob", True, old)))
    assert [type(event) for event in alice.events] == [Problem]
    assert not alice.contact("bob").key_changed
    message = alice.send("bob", "to the new one")
    world.settle()
    assert alice.state(message) is MessageState.DELIVERED


def test_an_older_one_does_not_take_the_place_of_a_newer_that_waits(world: World) -> None:
    alice, bob = world.introduce()
    second = world.reinstall(bob)
    shown = alice.look_up("bob")
    third = world.reinstall(second)
    third.send("alice", "my third")
    world.pass_time(2)
    newest = alice.contact("bob").changed_device
    assert newest == third.own.device.device.raw
    alice.step(lambda: alice.engine.introductions.fetched(str(world.address), Fetched("bob", True, shown)))
    assert alice.contact("bob").changed_device == newest


def test_a_first_message_of_the_old_device_is_refused(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.meet("alice")
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.settle()
    alice.events.clear()
    held = bob.step(lambda: bob.engine.add_text(bob.contact("alice"), "the old one"))
    assert held
    (row,) = bob.records.outbox_of(bob.contact("alice").id, world.now, 9)
    alice.step(lambda: alice.engine.inbox.take(row.envelope))
    assert alice.heard("bob") == ["a new telephone"]
    assert not any(isinstance(event, KeyChanged) for event in alice.events)
    assert alice.records.sessions.count() == 1
