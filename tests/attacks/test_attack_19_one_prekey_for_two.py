"""One one-time prekey handed to two senders: the second's first message fails, and it recovers by itself."""

from collections.abc import Iterator

import pytest

from e2echat.client.events import MessageState
from tests.world import World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def test_the_first_is_heard_and_the_second_within_two_hours(world: World) -> None:
    alice, bob, carol = world.join("alice", "bob", "carol")
    bundle = alice.look_up("bob")
    assert bundle.one_time is not None
    for person in (alice, carol):
        person.meet("bob", bundle)
    alice.send("bob", "from alice")
    world.settle()
    message = carol.send("bob", "from carol")
    world.pass_time(60)
    assert bob.heard("alice") == ["from alice"]
    assert not bob.knows("carol")
    assert bob.drops == []
    assert carol.state(message) is MessageState.STORED
    world.pass_time(2 * 3600, step=600)
    assert bob.heard("carol") == ["from carol"]
    bob.accept("carol")
    world.settle()
    assert carol.state(message) is MessageState.DELIVERED


def test_one_bundle_for_two_of_the_last_resort_serves_both(world: World) -> None:
    alice, bob, carol = world.join("alice", "bob", "carol")
    bundle = world.last_resort(alice, "bob")
    for person in (alice, carol):
        person.meet("bob", bundle)
        person.send("bob", f"from {person.name}")
    world.settle()
    assert [bob.heard(name) for name in ("alice", "carol")] == [["from alice"], ["from carol"]]


def test_who_is_written_to_before_she_has_recovered_recovers_too(world: World) -> None:
    """Bob begins a session of his own: it is answered, and carol's first message sits in one that never will be."""
    alice, bob, carol = world.join("alice", "bob", "carol")
    bundle = alice.look_up("bob")
    for person in (alice, carol):
        person.meet("bob", bundle)
    alice.send("bob", "from alice")
    world.settle()
    message = carol.send("bob", "from carol")
    world.settle()
    bob.send("carol", "from bob")
    world.settle()
    later = carol.send("bob", "later")
    world.pass_time(60)
    assert carol.heard("bob") == ["from bob"]
    assert carol.state(message) is MessageState.STORED
    world.pass_time(2 * 3600, step=600)
    assert sorted(bob.heard("carol")) == ["from carol", "later"]
    assert carol.state(message) is MessageState.DELIVERED
    assert carol.state(later) is MessageState.DELIVERED
