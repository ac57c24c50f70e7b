"""Envelopes that come back to their sender, or go to somebody else: nothing of the client's state changes."""

from collections.abc import Iterator

import pytest

from e2echat.crypto.session import envelope_hash
from tests.world import Frame, Person, World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def _everything(person: Person) -> list[object]:
    records = person.records
    tables = (records.contacts, records.sessions, records.messages, records.streams, records.held)
    return [row for table in tables for row in table.select()]


def _record(world: World) -> list[Frame]:
    """All that the relay delivers from now on."""
    recorded: list[Frame] = []

    def record(_person: Person, _link: str, frames: list[Frame]) -> list[Frame]:
        recorded.extend(frames)
        return frames

    world.tamper = record
    return recorded


def _take(person: Person, frames: list[Frame]) -> None:
    for _, body in frames:
        person.step(lambda body=body: person.engine.inbox.take(body[16:]))  # type: ignore[misc]


def test_what_comes_back_to_its_sender_is_rejected(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    recorded = _record(world)
    alice.send("bob", "hello")
    world.settle()
    first = list(recorded)
    bob.send("alice", "hi")
    world.settle()
    recorded.clear()
    alice.send("bob", "more")
    world.settle()
    hers = [
        frame for frame in recorded if alice.records.taken.seen_from(envelope_hash(frame[1][16:])) is None
    ]
    before = _everything(alice)
    assert first
    assert hers
    _take(alice, first + hers)
    assert _everything(alice) == before


def test_what_goes_to_a_third_is_rejected(world: World) -> None:
    alice, bob, carol = world.join("alice", "bob", "carol")
    carol.send("bob", "I know him as well")
    alice.send("carol", "and her")
    world.settle()
    recorded = _record(world)
    alice.send("bob", "hello")
    world.settle()
    bob.send("alice", "hi")
    world.settle()
    before = _everything(carol)
    assert len(recorded) > 2
    _take(carol, recorded)
    assert _everything(carol) == before
