"""One-time prekeys drained: rationed, then the last resort serves; the owner is told, and so is whoever sends."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from e2echat.client.events import MessageArrived, Problem
from e2echat.crypto.prekeys import PrekeyKind
from e2echat.relay.limits import DAY, Limits
from e2echat.relay.server import Relay
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal
from tests.world import World as PeoplesWorld
from tests.world import Worlds

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import World

BATCH = 30


@pytest.fixture(name="people")
def _people() -> Iterator[PeoplesWorld]:
    worlds = Worlds()
    yield worlds.make(Limits(work_bits=4, work_bits_most=4))
    worlds.close()


def test_strangers_get_no_more_of_them_in_a_day_than_they_may_knock(world: "World") -> None:
    bob = world.account("bob")
    owner = world.sign_in(bob)
    one_time = [bob.prekey(PrekeyKind.ONE_TIME, number) for number in range(BATCH)]
    owner.ask(messages.Publish(3, bob.prekey(PrekeyKind.SIGNED, 1), one_time), messages.Done)
    got = 0
    while True:
        # Each from a connection of its own, since nobody has to keep to one.
        stranger = world.connect()
        stranger.say(messages.encode(messages.AskPuzzle(1, "bob")))
        (answer,) = [messages.decode(body) for _, body in stranger.hear()]
        if isinstance(answer, messages.Refused):
            assert answer.reason == Refusal.CROWDED
            break
        got += stranger.knock("bob", prekeys=True).one_time is not None
    assert got == world.limits.knocks_daily < BATCH


def test_a_contact_who_drains_them_is_rationed_and_served_by_the_last_resort(people: PeoplesWorld) -> None:
    alice, bob = people.introduce()
    limits = people.limits
    bob.go_offline()
    capability = alice.contact("bob").capability
    short = []
    link = str(people.address)
    for _ in range(limits.one_time_burst + 10):
        alice.step(lambda: alice.engine._sending[link].fetch("bob", prekeys=True, capability=capability))
        people.run()
        short.append(people.board.counters.short)
    # Alice had one when they met.
    assert short == [0] * (limits.one_time_burst - 1) + list(range(1, 12))


def test_the_owner_and_the_sender_are_told_and_both_go_on(people: PeoplesWorld) -> None:
    alice, bob = people.introduce()
    (carol,) = people.join("carol")
    capability = alice.contact("bob").capability
    dialogue = alice.engine._sending[str(people.address)]
    for _ in range(people.limits.one_time_burst + 1):
        alice.step(lambda: dialogue.fetch("bob", prekeys=True, capability=capability))
        people.run()
    (problem,) = [event for event in bob.events if isinstance(event, Problem)]
    assert "prekeys" in problem.reason
    carol.send("bob", "a first message")
    people.settle()
    (arrived,) = [
        event.message
        for event in bob.events
        if isinstance(event, MessageArrived) and event.message.peer == "carol"
    ]
    assert arrived.reduced_forward_secrecy
    (sent,) = carol.rows("bob")
    assert sent.reduced
    # A day on there are some again.
    people.now += DAY * 1000
    bob.go_offline()
    bob.go_online()
    assert carol.look_up("bob").one_time is not None


def test_many_at_once_never_get_the_same(
    start_relay: Callable[..., Relay], relay_world: "ModuleType", relay_sockets: "ModuleType"
) -> None:
    """From the outside, at a real relay."""
    relay = start_relay(tls=False, limits=Limits(work_bits=4, work_bits_most=4, one_time_burst=1_000))
    bob = relay_world.Account("bob", relay.address.key)
    with relay_sockets.SocketClient(relay) as owner:
        owner.ask(bob.claim(), messages.Done)
        owner.ask(bob.authenticate(owner.hello), messages.Welcome)
        one_time = [bob.prekey(PrekeyKind.ONE_TIME, number) for number in range(BATCH)]
        owner.ask(messages.Publish(3, bob.prekey(PrekeyKind.SIGNED, 1), one_time), messages.Done)
        got: list[bytes | None] = []

        def drain() -> None:
            with relay_sockets.SocketClient(relay) as client:
                for _ in range(BATCH):
                    fetch = messages.Fetch(4, "bob", True, bob.capability)
                    got.append(client.ask(fetch, messages.Bundle).one_time)

        threads = [threading.Thread(target=drain) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = [owner.message(messages.Stock) for _ in range(4 * BATCH)]
    assert sorted(each for each in got if each is not None) == sorted(one_time)
    assert len(got) == 4 * BATCH
    left = [stock.one_time_left for stock in told]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    assert sum(stock.short for stock in told) == 3 * BATCH
