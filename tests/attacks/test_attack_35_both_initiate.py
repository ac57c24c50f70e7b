"""Both write first at once: in every order of delivery they come to one session, and nothing is lost."""

from collections.abc import Iterator
from random import Random

import pytest

from e2echat.client.engine import MAILBOX
from e2echat.client.events import MessageState
from tests.world import Frame, Person, World, Worlds

WORLDS, SCHEDULES = 10, 30


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


class Schedule:
    """Envelopes go into a pool; which of them arrives when, and who writes meanwhile, is drawn from a seed."""

    def __init__(self, world: World, one: Person, other: Person, seed: int) -> None:
        self.random = Random(seed)
        self.world = world
        self.people = (one, other)
        self.pool: list[tuple[Person, Frame]] = []
        self.sent: dict[str, list[str]] = {one.name: [], other.name: []}
        self.ids: dict[str, list[bytes]] = {one.name: [], other.name: []}
        world.tamper = self._into_the_pool

    def _into_the_pool(self, person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        self.pool += [(person, frame) for frame in frames]
        return []

    def peer(self, person: Person) -> Person:
        return self.people[person is self.people[0]]

    def begin(self) -> None:
        """Both look each other up before either has written."""
        for person in self.people:
            person.meet(self.peer(person).name)
        for person in self.people:
            self.write(person)

    def write(self, person: Person) -> None:
        text = f"{len(self.sent[person.name])}"
        self.sent[person.name].append(text)
        self.ids[person.name].append(person.send(self.peer(person).name, text))

    def deliver(self) -> None:
        if self.pool:
            person, frame = self.pool.pop(self.random.randrange(len(self.pool)))
            person.step(lambda: person.engine.link_frames(MAILBOX, [frame]))

    def play(self) -> None:
        self.begin()
        for _ in range(12):
            match self.random.randrange(6):
                case 0:
                    self.write(self.random.choice(self.people))
                case 1:
                    self.world.settle()
                case 2:
                    self.world.turn()
                case _:
                    self.deliver()
        while self.pool or self.world.turn():
            self.deliver()
        self.world.tamper = None
        self.world.settle()
        for person in self.people:
            self.write(person)
            self.world.settle()

    def verdict(self) -> None:
        chosen = set()
        for person in self.people:
            peer = self.peer(person)
            assert peer.heard(person.name) == self.sent[person.name]
            states = {person.state(message) for message in self.ids[person.name]}
            assert states == {MessageState.DELIVERED}
            best = person.engine.sessions.best(person.contact(peer.name))
            assert best is not None
            assert best.confirmed
            chosen.add(best.sid)
        assert len(chosen) == 1


def _forget_each_other(people: tuple[Person, ...]) -> None:
    for person in people:
        person.records.contacts.delete("")
        person.records._database.execute("DELETE FROM seen")


@pytest.mark.campaign
@pytest.mark.parametrize("number", range(WORLDS))
def test_both_come_to_one_session(world: World, number: int) -> None:
    alice, bob = world.join("alice", "bob")
    for seed in range(number * SCHEDULES, (number + 1) * SCHEDULES):
        schedule = Schedule(world, alice, bob, seed)
        schedule.play()
        schedule.verdict()
        _forget_each_other((alice, bob))
        world.now += 60_000
