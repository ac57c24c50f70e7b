"""Timers that run out, signals of typing, and what settings keep back."""

from dataclasses import replace

import pytest

from e2echat.client import expiry, preferences
from e2echat.client.arrivals import READ_DELAY
from e2echat.client.events import MessagesExpired, MessageState, TypingChanged
from e2echat.client.expiry import DAY
from e2echat.client.settings import Settings
from e2echat.client.writing import LIVELY, TYPING_AGAIN
from tests.world import Person, World

HOUR = 3600


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    return world.introduce()


def _agree(alice: Person, bob: Person, seconds: int = HOUR) -> None:
    alice.step(lambda: alice.engine.writing.set_timer(alice.contact(bob.name), seconds))
    alice.world.settle()


def _show(person: Person, peer: str) -> None:
    for row in person.rows(peer):
        person.step(lambda row=row: person.engine.arrivals.mark_shown(row.id))  # type: ignore[misc]


def _texts(*people: Person) -> list[list[str]]:
    first, second = people
    return [[row.text for row in one.rows(other.name)] for one, other in ((first, second), (second, first))]


# --- timers ----------------------------------------------------------------------------------------------------------


def test_a_message_lasts_from_reading_there_and_from_sending_here(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _agree(alice, bob)
    alice.send("bob", "for an hour")
    alice.world.settle()
    alice.world.pass_time(HOUR - 10, HOUR)
    _show(bob, "alice")
    assert _texts(alice, bob) == [["hello", "hi", "for an hour"]] * 2
    alice.world.pass_time(20, 20)
    assert _texts(alice, bob) == [["hello", "hi"], ["hello", "hi", "for an hour"]]
    alice.world.pass_time(HOUR - 40, HOUR)
    assert len(bob.rows("alice")) == 3
    alice.world.pass_time(40, 20)
    assert _texts(alice, bob) == [["hello", "hi"]] * 2
    for person, peer in ((alice, "bob"), (bob, "alice")):
        (expired,) = (event for event in person.events if isinstance(event, MessagesExpired))
        assert (expired.peer, len(expired.numbers)) == (peer, 1)


def test_what_nobody_has_read_yet_stays(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _agree(alice, bob, 5)
    alice.send("bob", "unread")
    alice.world.settle()
    alice.world.pass_time(HOUR, HOUR / 4)
    assert bob.heard("alice") == ["hello", "unread"]


def test_what_has_not_arrived_yet_is_still_sent(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _agree(alice, bob, 5)
    bob.go_offline()
    message = alice.send("bob", "on its way")
    alice.world.pass_time(HOUR, HOUR / 4)
    assert alice.state(message) is MessageState.STORED
    bob.go_online()
    alice.world.pass_time(2)
    assert bob.heard("alice") == ["hello", "on its way"]
    assert alice.records.outgoing_message(message) is None


def test_a_message_keeps_the_timer_that_it_was_sent_with(people: tuple[Person, Person]) -> None:
    alice, bob = people
    alice.send("bob", "for good")
    _agree(alice, bob, 5)
    bob.send("alice", "for a while")
    _agree(alice, bob, 0)
    _show(alice, "bob")
    _show(bob, "alice")
    alice.world.pass_time(20, 5)
    assert _texts(alice, bob) == [["hello", "hi", "for good"]] * 2


def test_an_edit_does_not_prolong_it(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _agree(alice, bob, 60)
    message = alice.send("bob", "one")
    alice.world.pass_time(30, 10)
    row = alice.records.outgoing_message(message)
    assert row is not None
    alice.step(lambda: alice.engine.writing.edit(row, "two"))
    alice.world.settle()
    alice.world.pass_time(31, 10)
    assert [row.text for row in alice.rows("bob")] == ["hello", "hi"]


def test_the_clock_is_woken_when_a_message_is_due(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _agree(alice, bob, 60)
    alice.world.pass_time(5)
    alice.send("bob", "one")
    alice.world.settle()
    due = alice.engine.next_due()
    assert due is not None
    assert due <= alice.world.now + 60_000


# --- read receipts ---------------------------------------------------------------------------------------------------


def test_who_does_not_want_to_say_what_he_read_does_not(people: tuple[Person, Person]) -> None:
    alice, bob = people
    bob.step(lambda: preferences.save(bob.records, Settings(read_receipts=False)))
    message = alice.send("bob", "read me")
    alice.world.settle()
    _show(bob, "alice")
    alice.world.pass_time(10)
    assert alice.state(message) is MessageState.DELIVERED
    bob.step(lambda: preferences.save(bob.records, Settings(read_receipts=True)))
    second = alice.send("bob", "and me")
    alice.world.settle()
    _show(bob, "alice")
    alice.world.pass_time(READ_DELAY / 1000 + 0.5)
    assert {alice.state(one) for one in (message, second)} == {MessageState.READ}


def test_a_receipt_tells_apart_what_was_shown_and_what_waits(people: tuple[Person, Person]) -> None:
    alice, bob = people
    messages = [alice.send("bob", f"{number}") for number in range(4)]
    alice.world.settle()
    rows = bob.rows("alice")
    for row in (rows[-4], rows[-2]):
        bob.step(lambda row=row: bob.engine.arrivals.mark_shown(row.id))  # type: ignore[misc]
    alice.world.pass_time(2)
    read, delivered = MessageState.READ, MessageState.DELIVERED
    assert [alice.state(message) for message in messages] == [read, delivered, read, delivered]


# --- typing ----------------------------------------------------------------------------------------------------------


def _type(person: Person, peer: str, *, active: bool = True) -> None:
    person.step(lambda: person.engine.typing(person.contact(peer), active=active))
    person.world.settle()


def _seen(person: Person) -> list[bool]:
    return [event.active for event in person.events if isinstance(event, TypingChanged)]


def test_nobody_is_told_unless_the_person_wants_that(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _type(alice, "bob")
    assert _seen(bob) == []
    alice.step(lambda: preferences.save(alice.records, Settings(typing=True)))
    _type(alice, "bob")
    assert _seen(bob) == [True]
    assert bob.heard("alice") == ["hello"]


@pytest.fixture(name="typists")
def _typists(people: tuple[Person, Person]) -> tuple[Person, Person]:
    alice, bob = people
    alice.step(lambda: preferences.save(alice.records, Settings(typing=True)))
    return alice, bob


def test_keys_are_told_now_and_then(typists: tuple[Person, Person]) -> None:
    alice, bob = typists
    for _ in range(20):
        _type(alice, "bob")
    assert _seen(bob) == [True]
    alice.world.pass_time(TYPING_AGAIN / 1000)
    _type(alice, "bob")
    _type(alice, "bob", active=False)
    _type(alice, "bob", active=False)
    assert _seen(bob) == [True, True, False]


def test_nothing_of_it_waits_at_the_relay(typists: tuple[Person, Person]) -> None:
    alice, bob = typists
    bob.go_offline()
    alice.world.pass_time(LIVELY / 1000, 30)
    _type(alice, "bob")
    bob.go_online()
    alice.world.settle()
    assert _seen(bob) == []


def test_what_had_waited_is_not_news(typists: tuple[Person, Person]) -> None:
    alice, bob = typists
    bob.go_offline()
    _type(alice, "bob")
    bob.go_online()
    alice.world.settle()
    assert _seen(bob) == []


def test_a_stranger_is_not_told_and_not_seen(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    for person in (alice, bob):
        person.step(lambda person=person: preferences.save(person.records, Settings(typing=True)))  # type: ignore[misc]
    alice.send("bob", "hello")
    world.settle()
    _type(alice, "bob")
    _type(bob, "alice")
    assert _seen(alice) == _seen(bob) == []


def test_without_a_connection_it_is_not_kept_for_later(typists: tuple[Person, Person]) -> None:
    alice, bob = typists
    alice.go_offline()
    _type(alice, "bob")
    assert alice.records.unaccepted_signals() == 0
    alice.go_online()
    alice.world.settle()
    assert _seen(bob) == []


# --- retention -------------------------------------------------------------------------------------------------------


def _keep(person: Person, *, days: int = 0, messages: int = 0) -> None:
    def change() -> None:
        preferences.save(person.records, Settings(keep_days=days, keep_messages=messages))
        person.engine.housekeeping.expiry.hurry()

    person.step(change)
    person.step(person.engine.tick)


def test_only_so_many_are_kept_and_nothing_that_is_still_needed(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _show(alice, "bob")
    for number in range(6):
        alice.send("bob", f"{number}")
    alice.world.settle()
    _keep(alice, messages=3)
    assert [row.text for row in alice.rows("bob")] == ["3", "4", "5"]
    _keep(bob, messages=3)
    assert [row.text for row in bob.rows("alice")] == ["hello", *map(str, range(6))]
    _show(bob, "alice")
    bob.world.pass_time(DAY / 1000 + 1, DAY / 4000)
    assert [row.text for row in bob.rows("alice")] == ["3", "4", "5"]
    bob.go_offline()
    waiting = [alice.send("bob", f"to come {number}") for number in range(5)]
    alice.world.settle()
    _keep(alice, messages=1)
    assert [row.message_id for row in alice.rows("bob")] == waiting


def test_what_is_old_goes_in_the_conversations_that_are_meant(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _show(alice, "bob")
    contact = alice.contact("bob")
    known = alice.records.content.conversation(contact.id)
    alice.records.content.conversations.save(replace(known, keep_days=0))
    _keep(alice, days=2)
    alice.world.pass_time(4 * DAY / 1000, DAY / 2000)
    assert len(alice.rows("bob")) == 2
    alice.records.content.conversations.save(replace(known, keep_days=None))
    alice.send("bob", "new")
    alice.world.settle()
    alice.world.pass_time(DAY / 1000 + 1, DAY / 2000)
    assert [row.text for row in alice.rows("bob")] == ["new"]
    assert alice.records.history.search("hello", contact.id) == []
    assert len(bob.rows("alice")) == 3


def test_a_long_history_goes_step_by_step(
    people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "AT_ONCE", 2)
    alice, _ = people
    for number in range(8):
        alice.send("bob", f"{number}")
    alice.world.settle()
    _keep(alice, messages=1)
    counts = [len(alice.rows("bob"))]
    for _ in range(9):
        alice.step(alice.engine.tick)
        counts.append(len(alice.rows("bob")))
    # Her own hello and Bob's unshown one are among them.
    assert counts[:3] == [8, 6, 4]
    assert counts[-1] == 2
    assert alice.engine.housekeeping.due > alice.world.now
