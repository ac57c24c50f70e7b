"""A relay that replays, reorders, drops, repeats across a reconnect, or loses what it accepted.

Real cores on both sides and in between; the relay bends what it delivers.
"""

from collections.abc import Iterator

import pytest

from e2echat.client.engine import MAILBOX
from e2echat.client.events import Gap, MessageState
from tests.world import Frame, Person, World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def _introduce(world: World) -> tuple[Person, Person]:
    """Two people who have exchanged a message each."""
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "hello")
    world.settle()
    bob.send("alice", "hi")
    world.settle()
    return alice, bob


def test_attack_1_a_replayed_envelope_is_shown_once(world: World) -> None:
    alice, bob = _introduce(world)
    recorded: list[Frame] = []

    def replay(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        fresh = [frame for frame in frames if frame not in recorded]
        if person is bob and fresh:
            recorded.extend(fresh)
            return [*recorded, *recorded]
        return frames

    world.tamper = replay
    for text in ("one", "two"):
        alice.send("bob", text)
        world.settle()
    assert len(recorded) > 1
    assert bob.heard("alice") == ["hello", "one", "two"]


def test_attack_2_reordered_envelopes_are_shown_in_the_senders_order(world: World) -> None:
    alice, bob = _introduce(world)
    bob.go_offline()
    for text in ("one", "two", "three"):
        alice.send("bob", text)
    world.settle()
    seen: list[int] = []

    def reverse(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        if person is bob:
            seen.append(len(frames))
            return frames[::-1]
        return frames

    world.tamper = reverse
    bob.go_online()
    world.settle()
    assert max(seen) >= 3
    assert bob.heard("alice") == ["hello", "one", "two", "three"]


def test_attack_3_a_dropped_envelope_leaves_a_visible_gap(world: World) -> None:
    alice, bob = _introduce(world)
    dropped: list[bytes] = []

    def drop_the_first(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        if person is bob and frames and not dropped:
            dropped.append(frames[0][1])
        return [frame for frame in frames if frame[1] not in dropped]

    world.tamper = drop_the_first
    alice.send("bob", "one")
    world.settle()
    alice.send("bob", "two")
    world.pass_time(60)
    assert bob.heard("alice") == ["hello", "two"]
    assert any(isinstance(event, Gap) and event.missing == 1 for event in bob.events)


def test_attack_4_what_comes_again_after_a_reconnect_is_shown_once(world: World) -> None:
    alice, bob = _introduce(world)
    alice.send("bob", "one")
    deliveries = 0

    def count(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        nonlocal deliveries
        deliveries += len(frames) if person is bob else 0
        return frames

    world.tamper = count
    while "one" not in bob.heard("alice"):
        assert world.turn()
    bob.cut(MAILBOX)  # before the acknowledgement leaves
    world.settle()
    assert deliveries == 2
    assert bob.heard("alice") == ["hello", "one"]


def test_attack_9_what_the_relay_accepted_and_lost_is_sent_again(world: World) -> None:
    alice, bob = _introduce(world)
    bob.go_offline()
    message = alice.send("bob", "one")
    world.settle()
    assert alice.state(message) is MessageState.STORED
    for row in list(world._mailboxes.index()):
        world._mailboxes.drop(row.number)
    world._mailboxes.commit()
    assert not list(world._mailboxes.index())
    world.restart_relay()
    bob.go_online()
    world.pass_time(60)
    assert bob.heard("alice") == ["hello", "one"]
    assert alice.state(message) is MessageState.DELIVERED
