"""A flood of garbage at a client: bounded work, and nothing changes."""

from collections.abc import Iterator
from random import Random

import pytest

from e2echat.client.engine import MAILBOX
from e2echat.crypto.session import INITIAL, ORDINARY, Session
from tests.world import Frame, Person, World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def _garbage(random: Random) -> bytes:
    kind = random.choice([INITIAL, ORDINARY, 0x77])
    size = random.choice([0, 1, 40, 2047, 4607, 61_439])
    return bytes([kind]) + random.randbytes(size)


def test_garbage_is_taken_in_and_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = world.introduce()
    random, flood = Random(11), 300
    tried = 0
    decrypt = Session.decrypt

    def count(session: Session, envelope: bytes, now: int) -> object:
        nonlocal tried
        tried += 1
        return decrypt(session, envelope, now)

    before = bob.records.sessions.select(), bob.records.messages.count(), bob.records.contacts.select()
    monkeypatch.setattr(Session, "decrypt", count)
    for _ in range(flood):
        bob.step(lambda: bob.engine.inbox.take(_garbage(random)))
    monkeypatch.undo()
    after = bob.records.sessions.select(), bob.records.messages.count(), bob.records.contacts.select()
    assert before == after
    assert tried <= flood * bob.records.sessions.count()
    alice.send("bob", "still here")
    world.settle()
    assert bob.heard("alice") == ["hello", "still here"]


def test_garbage_among_what_is_delivered_does_no_harm(world: World) -> None:
    alice, bob = world.introduce()
    random = Random(12)

    def spoil(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        if person is not bob:
            return frames
        return [(tag, body[:16] + _garbage(random)) for tag, body in frames]

    world.tamper = spoil
    alice.send("bob", "one")
    world.settle()
    assert bob.heard("alice") == ["hello"]
    world.tamper = None
    world.pass_time(30)
    assert bob.heard("alice") == ["hello", "one"]


def test_first_messages_that_nobody_sent_cost_no_look_at_the_sessions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob = world.introduce()

    def fail(*_: object) -> None:
        raise AssertionError("no session can have begun with it")

    monkeypatch.setattr(Session, "from_bytes", fail)
    bob.step(lambda: bob.engine.inbox.take(bytes([INITIAL]) + bytes(4607)))


@pytest.mark.parametrize("tag", [0, 2, 3, 6, 15])
def test_frames_of_no_kind_end_only_the_connection(world: World, tag: int) -> None:
    alice, bob = world.introduce()
    for link in (MAILBOX, str(world.address)):
        bob.step(lambda link=link: bob.engine.link_frames(link, [(tag, b"garbage")]))  # type: ignore[misc]
    assert len(bob.drops) == 2
    world.run()
    alice.send("bob", "still here")
    world.settle()
    assert bob.heard("alice") == ["hello", "still here"]
