"""What faces see of the records: exact, in order, without secrets."""

import pytest

from e2echat.client.context import instant
from e2echat.client.events import MessageArrived, MessageState, StateChanged
from e2echat.client.views import Views
from e2echat.crypto.keys import fingerprint_groups
from tests.world import Person, World


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    return world.introduce()


def _views(person: Person) -> Views:
    return Views(person.engine.context)


def test_a_message_as_both_see_it(people: tuple[Person, Person]) -> None:
    alice, bob = people
    (sent, *_), (received, *_) = (
        _views(one).messages(one.rows(other.name)) for one, other in ((alice, bob), (bob, alice))
    )
    assert (sent.direction, sent.sender, sent.recipient, sent.state) == (
        "out",
        "alice",
        "bob",
        MessageState.DELIVERED,
    )
    assert (received.direction, received.sender, received.recipient, received.state) == (
        "in",
        "alice",
        "bob",
        MessageState.RECEIVED,
    )
    assert sent.id == received.id
    assert sent.sent_at == received.sent_at
    assert sent.received_at is None
    assert received.received_at is not None


def test_contacts_by_name_with_what_is_unread(people: tuple[Person, Person]) -> None:
    alice, bob = people
    (carol,) = alice.world.join("carol")
    carol.send("bob", "psst")
    alice.world.settle()
    contacts = _views(bob).contacts()
    assert [(row.name, row.standing, row.unread) for row in contacts] == [
        ("alice", "contact", 1),
        ("carol", "stranger", 1),
    ]
    assert contacts[1].fingerprint == fingerprint_groups(carol.own.identity.fingerprint)
    assert not contacts[1].verified


def test_verified_is_not_said_of_a_changed_key(people: tuple[Person, Person]) -> None:
    alice, bob = people
    alice.verify("bob", bob)
    assert _views(alice).contacts()[0].verified
    alice.world.reinstall(bob).send("alice", "a new telephone")
    alice.world.pass_time(2)
    (contact,) = _views(alice).contacts()
    assert contact.key_changed
    assert not contact.verified


def test_events_follow_the_commit_in_order(people: tuple[Person, Person]) -> None:
    alice, bob = people
    alice.events.clear()
    message = alice.send("bob", "text")
    alice.world.settle()
    states = [event.message.state for event in alice.events if isinstance(event, StateChanged)]
    assert states == [MessageState.STORED, MessageState.DELIVERED]
    assert [event.message.id for event in bob.events if isinstance(event, MessageArrived)][
        -1
    ] == message.hex()


def test_texts_are_not_in_repr(people: tuple[Person, Person]) -> None:
    alice, _ = people
    assert all("hello" not in repr(event) for event in alice.events)


@pytest.mark.parametrize("milliseconds", [-(1 << 60), 1 << 53, 1 << 62])
def test_a_moment_that_no_calendar_has_is_the_last(milliseconds: int) -> None:
    assert instant(milliseconds).year == 9999


def test_a_moment_is_in_utc() -> None:
    assert instant(1_700_000_000_123).isoformat() == "2023-11-14T22:13:20.123000+00:00"
