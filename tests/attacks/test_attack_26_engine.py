"""The first message replayed to a client: one session, one message, with either kind of prekey."""

from collections.abc import Iterator

import pytest

from e2echat.client.engine import MAILBOX
from tests.world import Frame, Person, World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


@pytest.mark.parametrize("one_time", [True, False])
@pytest.mark.parametrize("answered", [True, False])
def test_one_session(world: World, one_time: bool, answered: bool) -> None:
    alice, bob = world.join("alice", "bob")
    if not one_time:
        alice.meet("bob", world.last_resort(alice, "bob"))
    firsts: list[Frame] = []

    def record(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        firsts.extend(frames if person is bob else [])
        return frames

    world.tamper = record
    alice.send("bob", "hello")
    world.settle()
    if answered:
        bob.send("alice", "hi")
        world.settle()
    rows = bob.records.messages.count(), bob.records.sessions.select(), bob.records.prekeys.count()
    for _ in range(3):
        bob.step(lambda: bob.engine.link_frames(MAILBOX, firsts[:1]))
        bob.records.contacts.update("receipt_due = NULL")
    bob.records._database.execute("DELETE FROM seen")
    bob.step(lambda: bob.engine.link_frames(MAILBOX, firsts[:1]))
    assert (bob.records.messages.count(), bob.records.sessions.select(), bob.records.prekeys.count()) == rows
    assert bob.heard("alice") == ["hello"]
    assert bob.rows("alice")[0].reduced is not one_time
