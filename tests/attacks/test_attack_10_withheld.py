"""Withheld by the relay for 29 or 31 days: accepted, or expired cleanly."""

from collections.abc import Iterator

import pytest

from e2echat.client.events import MessageState
from tests.world import Frame, Person, World, Worlds

DAY = 86_400


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def _withhold(world: World, days: int) -> None:
    """The relay keeps everything back for so long; the clients look once a day."""

    def nothing(_person: Person, _link: str, _frames: list[Frame]) -> list[Frame]:
        return []

    world.tamper = nothing
    world.run()
    world.pass_time(days * DAY, DAY)
    world.tamper = None


@pytest.mark.parametrize("days", [29, 31])
def test_a_message_of_a_session_is_taken_whenever_it_comes(world: World, days: int) -> None:
    alice, bob = world.introduce()
    message = alice.send("bob", "withheld")
    _withhold(world, days)
    assert bob.heard("alice") == ["hello"]
    for person in (alice, bob):
        person.go_offline()
        person.go_online()
    world.pass_time(30)
    assert bob.heard("alice") == ["hello", "withheld"]
    assert alice.state(message) is MessageState.DELIVERED


@pytest.mark.parametrize("days", [29, 31])
def test_a_first_message_waits_as_long_as_the_relay_keeps_it(world: World, days: int) -> None:
    """Alice is not there to send it again: past 30 days the relay has dropped it, and nothing else has happened."""
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    alice.send("bob", "hello")
    world.settle()
    alice.go_offline()
    world.pass_time(days * DAY, DAY)
    world.board.sweep(world.seconds)
    world.run()
    bob.go_online()
    world.settle()
    assert bob.heard("alice") == (["hello"] if days < 30 else [])
    assert bob.drops == []
    alice.go_online()
    world.pass_time(30)
    assert bob.heard("alice") == ["hello"]


def test_a_first_message_to_prekeys_long_gone_changes_nothing(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    alice.send("bob", "hello")
    world.settle()
    bob.records.prekeys.delete("")
    bob.go_online()
    world.settle()
    assert bob.heard("alice") == []
    assert bob.records.contacts.count() == bob.records.sessions.count() == 0
    assert bob.drops == []
