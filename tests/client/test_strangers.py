"""What a client does where a relay asks strangers for work, rations prekeys, or has had enough of knocks."""

from collections.abc import Iterator
from functools import partial

import pytest

from e2echat.client.dialogue import Stocked
from e2echat.client.engine import MAILBOX
from e2echat.client.events import MessageState, Problem
from e2echat.client.inquiries import ASK_AGAIN, CROWDED_AGAIN
from e2echat.client.prekey_supply import TELL_AGAIN
from e2echat.errors import MalformedError
from e2echat.relay.limits import Limits
from e2echat.wire import relay_messages as relay
from e2echat.wire.relay_messages import MOST_WORK, Refusal
from tests.world import Person, World, Worlds

QUICK = {"work_bits": 4, "work_bits_most": 4}


@pytest.fixture(name="worlds")
def _worlds() -> Iterator[Worlds]:
    worlds = Worlds()
    yield worlds
    worlds.close()


@pytest.fixture(name="world")
def _world(worlds: Worlds) -> World:
    return worlds.make()


def _problems(person: Person) -> list[Problem]:
    return [event for event in person.events if isinstance(event, Problem)]


def _work(world: World) -> tuple[int, int]:
    counters = world.board.counters
    return counters.puzzles, counters.knocks


# --- work -----------------------------------------------------------------------------------------------------------


def test_a_stranger_works_once_and_a_contact_never(world: World) -> None:
    alice, bob = world.introduce()
    # Alice for Bob; Bob answers by the route in her introduction.
    assert _work(world) == (1, 1)
    for person, name in ((alice, "bob"), (bob, "alice")):
        person.send(name, "more")
    world.pass_time(60, 5)
    assert _work(world) == (1, 1)


def test_a_contact_begins_anew_under_the_capability(world: World) -> None:
    alice, bob = world.introduce()
    alice.records.sessions.delete("WHERE contact = ?", alice.contact("bob").id)
    message = alice.send("bob", "again")
    world.pass_time(30, 5)
    assert _work(world) == (1, 1)
    assert alice.state(message) is MessageState.DELIVERED
    assert bob.heard("alice") == ["hello", "again"]


def test_where_the_capability_is_no_good_he_works(world: World) -> None:
    alice, bob = world.introduce()
    alice.records.sessions.delete("WHERE contact = ?", alice.contact("bob").id)
    alice.records.contacts.update("capability = ?", bytes(32))
    alice.send("bob", "again")
    world.pass_time(30, 5)
    assert _work(world) == (2, 2)
    assert bob.heard("alice") == ["hello", "again"]
    assert _problems(alice) == []


def test_whose_name_it_is_can_be_asked_for_nothing(world: World) -> None:
    world.introduce()
    (carol,) = world.join("carol")
    link = str(world.address)
    carol.step(lambda: carol.engine.inquiries.want(link, "bob", prekeys=False))
    world.run()
    answer = carol.engine.inquiries.answers[link, "bob"]
    assert isinstance(answer, relay.Bundle)
    assert answer.knock is None
    assert _work(world) == (1, 1)


def test_a_connection_that_is_lost_takes_its_puzzle_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = world.join("alice", "bob")
    link = str(world.address)
    late = []
    with monkeypatch.context() as patch:
        patch.setattr(Person, "solve", lambda _, *solve: late.append(solve))
        alice.step(lambda: alice.engine.inquiries.want(link, "bob", prekeys=True))
        world.run()
        assert alice.engine.working(link)
        alice.cut(link)
        assert not alice.engine.working(link)
        world.run()
    assert len(late) == 2
    alice.go_offline()
    alice.solve(*late[0])
    alice.go_online()
    # A third puzzle was set on the third connection, and solved.
    for solve in late:
        alice.solve(*solve)
    world.run()
    assert isinstance(alice.engine.inquiries.answers[link, "bob"], relay.Bundle)
    assert alice.drops == []
    assert _work(world) == (3, 1)


def test_a_relay_that_asks_for_more_than_it_may_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = world.join("alice", "bob")
    monkeypatch.setattr("e2echat.relay.knocks.Knocks.work", lambda *_: MOST_WORK + 1)
    monkeypatch.setattr(Person, "solve", lambda *_: pytest.fail("nobody works for it"))
    alice.step(lambda: alice.engine.inquiries.want(str(world.address), "bob", prekeys=True))
    for _ in range(10):
        world.turn()
    assert alice.drops
    assert all(isinstance(error, MalformedError) for error in alice.drops)


# --- too many strangers ---------------------------------------------------------------------------------------------


def test_a_crowd_is_told_and_waited_for(worlds: Worlds) -> None:
    world = worlds.make(Limits(knocks_daily=1, **QUICK))
    alice, bob = world.introduce()
    world.join("carol")
    alice.records.contacts.update("capability = ?", bytes(32))
    alice.send("bob", "text")
    before = world.board.counters.refusals.get("crowded", 0)
    world.pass_time(5 * ASK_AGAIN // 1000, 5)
    assert world.board.counters.refusals["crowded"] == before + 1
    assert len(_problems(alice)) == 1
    world.pass_time(CROWDED_AGAIN // 1000, 60)
    assert world.board.counters.refusals["crowded"] == before + 2
    world.pass_time(86_400, CROWDED_AGAIN // 1000)
    assert bob.heard("alice") == ["hello", "text"]


def test_a_crowd_does_not_concern_contacts(worlds: Worlds) -> None:
    world = worlds.make(Limits(knocks_daily=1, **QUICK))
    alice, bob = world.introduce()
    (carol,) = world.join("carol")
    link = str(world.address)
    carol.step(lambda: carol.engine.inquiries.want(link, "bob", prekeys=True))
    world.run()
    assert carol.engine.inquiries.answers[link, "bob"] is Refusal.CROWDED
    alice.records.sessions.delete("WHERE contact = ?", alice.contact("bob").id)
    message = alice.send("bob", "from a contact")
    world.pass_time(15, 5)
    assert alice.state(message) is MessageState.DELIVERED
    assert bob.heard("alice")[-1] == "from a contact"


# --- prekeys that run short -----------------------------------------------------------------------------------------


def test_an_owner_who_is_there_replenishes_at_once(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    for _ in range(76):
        alice.look_up("bob")
    entry = world.board._directory.find("bob")
    assert entry
    assert bob.engine.supply.left == len(entry.one_time) == 100
    assert _problems(bob) == []


def test_what_is_said_during_an_upload_is_not_what_will_be_there(world: World) -> None:
    (bob,) = world.join("bob")
    for uploading, left in ((True, 100), (False, 30)):
        bob.step(partial(bob.engine.supply.happened, Stocked(30, short=False), uploading=uploading))
        assert bob.engine.supply.left == left


def test_an_owner_is_told_once_a_day_that_they_ran_short(worlds: Worlds) -> None:
    world = worlds.make(Limits(one_time_burst=2, one_time_daily=1, knocks_daily=1_000, **QUICK))
    alice, bob = world.join("alice", "bob")
    for _ in range(2):
        alice.look_up("bob")
    assert _problems(bob) == []
    for _ in range(3):
        assert alice.look_up("bob").one_time is None
    assert len(_problems(bob)) == 1
    world.now += TELL_AGAIN
    assert alice.look_up("bob").one_time is not None
    assert alice.look_up("bob").one_time is None
    assert len(_problems(bob)) == 2


def test_an_owner_who_comes_back_to_none_is_told(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    for _ in range(100):
        assert alice.look_up("bob").one_time is not None
    bob.go_online()
    assert len(_problems(bob)) == 1
    assert bob.engine.supply.left == 100


def test_a_new_owner_is_told_of_nothing(world: World) -> None:
    (alice,) = world.join("alice")
    alice.cut(MAILBOX)
    world.run()
    assert _problems(alice) == []
