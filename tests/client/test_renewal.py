"""Somebody goes on from an older state: both sides talk again at once, nothing is shown twice, no key is used twice."""

from typing import TYPE_CHECKING, TypeVar

import pytest

from e2echat.client.events import Gap, KeyChanged, MessageState, Problem, Restarted
from e2echat.client.renewal import renew
from e2echat.store.database import Database

if TYPE_CHECKING:
    from tests.world import Person, World

Kind = TypeVar("Kind")


def copy_of(person: "Person") -> Database:
    """The database as it is now."""
    copy = Database.open(None, bytes(32))
    person.records._database._connection.backup(copy._connection)
    return copy


def go_back(person: "Person", copy: Database) -> None:
    """The process ends, and starts again with an older database, which it notices."""
    person.go_offline()
    copy._connection.backup(person.records._database._connection)
    copy.close()
    with person.records.transaction():
        renew(person.records, person.key, person.world.now, person.world.randomness)
    person.crash()
    person.own = person.engine.context.own
    person.step(person.engine.renewal.forget)
    person.go_online()
    person.world.pass_time(2)


def told(person: "Person", kind: type[Kind]) -> list[Kind]:
    return [event for event in person.events if isinstance(event, kind)]


@pytest.fixture(params=[0, 3, 40 * 86_400])
def later(request: pytest.FixtureRequest) -> float:
    """Seconds between the copy and its return."""
    passed: float = request.param
    return passed


def test_both_talk_again_at_once(world: "World", later: float) -> None:
    alice, bob = world.introduce()
    alice.verify("bob", bob)
    bob.verify("alice", alice)
    copy = copy_of(alice)
    for number in range(3):
        alice.send("bob", f"lost with the laptop {number}")
        bob.send("alice", f"to the laptop {number}")
        world.settle()
    world.pass_time(later, max(0.5, later / 100))
    go_back(alice, copy)
    first, second = alice.send("bob", "I am back"), bob.send("alice", "good to hear")
    world.pass_time(2)
    assert bob.heard("alice")[-1] == "I am back"
    assert alice.heard("bob")[-1] == "good to hear"
    assert (alice.state(first), bob.state(second)) == (MessageState.DELIVERED, MessageState.DELIVERED)
    assert not told(bob, KeyChanged)
    assert len(told(bob, Restarted)) == 1
    assert bob.contact("alice").verified_at
    assert alice.contact("bob").verified_at
    assert not told(bob, Gap)
    assert not told(alice, Gap)
    assert len(told(alice, Problem)) == 1


def test_a_contact_is_told_who_says_nothing(world: "World") -> None:
    alice, bob = world.introduce()
    go_back(alice, copy_of(alice))
    assert len(told(bob, Restarted)) == 1
    assert any(row.confirmed for row in alice.engine.sessions.with_device(alice.contact("bob")))


def test_what_the_copy_had_not_delivered_arrives_and_once(world: "World") -> None:
    alice, bob = world.introduce()
    bob.go_offline()
    alice.send("bob", "one")
    alice.send("bob", "two")
    copy = copy_of(alice)
    bob.go_online()
    world.settle()
    assert bob.heard("alice")[-2:] == ["one", "two"]
    go_back(alice, copy)
    assert bob.heard("alice")[-2:] == ["one", "two"]
    assert bob.heard("alice").count("one") == 1
    assert [row.state for row in alice.rows("bob") if row.outgoing][-2:] == ["delivered", "delivered"]


def test_what_nobody_had_confirmed_reaches_the_older_state(world: "World") -> None:
    """What was sealed for sessions that are gone is sealed anew, by its sender."""
    alice, bob = world.introduce()
    copy = copy_of(alice)
    alice.go_offline()
    bob.send("alice", "while you were away")
    world.settle()
    go_back(alice, copy)
    world.pass_time(15)
    assert alice.heard("bob")[-1] == "while you were away"
    assert alice.heard("bob").count("while you were away") == 1


def test_what_waited_for_one_before_it_is_shown(world: "World") -> None:
    alice, bob = world.introduce()

    def drop_first(person: "Person", _: str, frames: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        return frames[1:] if person is alice else frames

    bob.go_offline()
    bob.send("alice", "never comes")
    bob.send("alice", "comes")
    world.tamper = drop_first
    bob.go_online()
    world.tamper = None
    assert alice.records.held.count() == 1
    go_back(alice, copy_of(alice))
    assert "comes" in alice.heard("bob")


def test_both_go_back_at_once(world: "World") -> None:
    alice, bob = world.introduce()
    copies = [copy_of(alice), copy_of(bob)]
    for number in range(3):
        alice.send("bob", f"{number}")
        bob.send("alice", f"{number}")
        world.settle()
    for person, copy in zip((alice, bob), copies, strict=True):
        go_back(person, copy)
    first, second = alice.send("bob", "again"), bob.send("alice", "anew")
    world.pass_time(20)
    assert (alice.state(first), bob.state(second)) == (MessageState.DELIVERED, MessageState.DELIVERED)


def test_again_and_again(world: "World") -> None:
    alice, bob = world.introduce()
    for number in range(4):
        copy = copy_of(alice)
        alice.send("bob", f"{number}")
        world.settle()
        go_back(alice, copy)
    last = bob.send("alice", "still there?")
    world.pass_time(2)
    assert bob.state(last) == MessageState.DELIVERED
    assert len({device.epoch for device in [alice.own.device.device, bob.own.device.device]}) == 2


@pytest.mark.parametrize("moment", ["before forgetting", "before greeting"])
def test_a_crash_in_the_middle(world: "World", moment: str) -> None:
    alice, bob = world.introduce()
    copy = copy_of(alice)
    alice.send("bob", "lost")
    world.settle()
    alice.go_offline()
    copy._connection.backup(alice.records._database._connection)
    copy.close()
    with alice.records.transaction():
        renew(alice.records, alice.key, world.now, world.randomness)
    if moment == "before greeting":
        alice.crash()
        alice.step(alice.engine.renewal.forget)
    alice.crash()
    alice.own = alice.engine.context.own
    if alice.engine.renewal.due:
        alice.step(alice.engine.renewal.forget)
    alice.go_online()
    world.pass_time(2)
    assert len(told(bob, Restarted)) == 1
    message = bob.send("alice", "hello again")
    world.pass_time(2)
    assert bob.state(message) == MessageState.DELIVERED


def test_nothing_that_a_later_life_may_have_used_is_left(world: "World") -> None:
    alice, bob = world.introduce()
    former = {row.sid for row in alice.records.sessions.select()}
    prekeys = {row.dh_secret for row in alice.records.prekeys.select()}
    sign_in = alice.own.sign_in
    copy = copy_of(alice)
    alice.send("bob", "lost")
    world.settle()
    go_back(alice, copy)
    alice.send("bob", "new")
    world.pass_time(2)
    assert bob.heard("alice")[-1] == "new"
    assert not former & {row.sid for row in alice.records.sessions.select()}
    assert not prekeys & {row.dh_secret for row in alice.records.prekeys.select()}
    assert alice.own.sign_in != sign_in


def test_a_stolen_account_key_alone_does_not_recertify(world: "World") -> None:
    """Another device key, under whatever epoch, is a key change."""
    alice, bob = world.introduce()
    world.reinstall(alice)
    world.people["alice"].send("bob", "it is me")
    world.pass_time(2)
    assert len(told(bob, KeyChanged)) == 1
    assert bob.contact("alice").key_changed


def test_an_earlier_certificate_of_the_same_key_is_refused(world: "World") -> None:
    alice, bob = world.introduce()
    old = alice.own
    go_back(alice, copy_of(alice))
    device = bob.contact("alice").device
    assert device == alice.own.device.device.raw != old.device.device.raw
    alice.engine.context.own = old
    message = alice.send("bob", "from the former life")
    world.pass_time(2)
    assert bob.contact("alice").device == device
    assert alice.state(message) in (MessageState.STORED, MessageState.DELIVERED)
