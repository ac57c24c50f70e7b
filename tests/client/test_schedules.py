"""Two people, and everything that can go wrong between them: nothing lost, nothing twice, order kept or the gap shown.

A schedule is a list of small events drawn from a seed. A failing seed is the whole bug report.
"""

from collections import defaultdict
from random import Random

import pytest

from e2echat.client.engine import MAILBOX
from e2echat.client.events import Gap, MessageState
from tests.world import Frame, Person, World

HONEST = (
    "send",
    "send",
    "send",
    "cut",
    "crash",
    "forget",
    "offline",
    "online",
    "restart",
    "wait",
    "turn",
    "turn",
)
HOSTILE = (*HONEST, "bend", "bend", "unbend")


class Schedule:
    """Plays a schedule and knows what must come out of it."""

    def __init__(self, world: World, seed: int) -> None:
        self.random = Random(seed)
        self.world = world
        self.people = world.join("alice", "bob")
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.ids: dict[str, list[bytes]] = defaultdict(list)

    def peer(self, person: Person) -> Person:
        return self.people[1] if person is self.people[0] else self.people[0]

    def play(self, events: tuple[str, ...], length: int) -> None:
        for _ in range(length):
            getattr(self, self.random.choice(events))(self.random.choice(self.people))
        self.world.tamper = None
        for person in self.people:
            person.cut(MAILBOX)  # what a hostile relay withholds on a connection, it delivers on the next
            person.go_online()
        # Everything was sent before the last quiet hours; the longest wait between two attempts is one hour.
        for person in self.people:
            peer = self.peer(person)
            if person.knows(peer.name):
                person.accept(peer.name)
        self.world.pass_time(30)
        self.world.pass_time(4 * 3600, step=600)

    def send(self, person: Person) -> None:
        peer = self.peer(person)
        if not person.knows(peer.name) and not person.online:
            return
        text = f"{person.name} {len(self.sent[person.name])}"
        self.ids[person.name].append(person.send(peer.name, text))
        self.sent[person.name].append(text)

    def cut(self, person: Person) -> None:
        person.cut(self.random.choice([MAILBOX, str(self.world.address)]))

    def crash(self, person: Person) -> None:
        person.crash()

    def forget(self, person: Person) -> None:
        """Whatever the next step asks for never leaves: the process died behind its commit."""
        person.lose_effects = True
        if person.knows(self.peer(person).name):
            self.send(person)
        person.step(person.engine.tick)
        person.lose_effects = False
        person.crash()

    def offline(self, person: Person) -> None:
        person.go_offline()

    def online(self, person: Person) -> None:
        person.go_online()

    def restart(self, _: Person) -> None:
        self.world.restart_relay()

    def wait(self, _: Person) -> None:
        self.world.pass_time(self.random.choice([0.05, 1, 12, 700]), step=5)

    def turn(self, _: Person) -> None:
        self.world.turn()

    def bend(self, _: Person) -> None:
        self.world.tamper = self.bent

    def unbend(self, _: Person) -> None:
        self.world.tamper = None

    def bent(self, _person: Person, _link: str, frames: list[Frame]) -> list[Frame]:
        """A relay that drops, repeats and reorders what it delivers."""
        result = []
        for frame in frames:
            result += [frame] * self.random.choice([0, 1, 1, 2])
        self.random.shuffle(result)
        return result

    def verdict(self, *, in_order: bool) -> None:
        for person in self.people:
            peer = self.peer(person)
            heard = peer.heard(person.name)
            assert sorted(heard) == sorted(self.sent[person.name])
            if in_order:
                assert heard == self.sent[person.name]
            elif heard != self.sent[person.name]:
                assert any(isinstance(event, Gap) for event in peer.events)
            states = {person.state(message_id) for message_id in self.ids[person.name]}
            assert states <= {MessageState.DELIVERED, MessageState.READ}


@pytest.mark.parametrize("seed", range(40))
def test_honest_network(world: World, seed: int) -> None:
    schedule = Schedule(world, seed)
    schedule.play(HONEST, 40)
    schedule.verdict(in_order=True)


@pytest.mark.parametrize("seed", range(40))
def test_relay_that_drops_repeats_and_reorders(world: World, seed: int) -> None:
    schedule = Schedule(world, seed)
    schedule.play(HOSTILE, 40)
    schedule.verdict(in_order=False)
