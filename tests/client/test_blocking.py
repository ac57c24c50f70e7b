"""Blocking: at once, without a trace to the other side; and the capability that everybody else is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from e2echat.client.dialogue import Renewed
from e2echat.client.engine import MAILBOX
from e2echat.client.events import Gap, MessageArrived, MessageState, Problem
from e2echat.client.views import Views
from e2echat.errors import PeerBlockedError
from e2echat.wire.relay_messages import Refusal
from tests.world import Frame, Person, World

DAY = 86_400


def _block(person: Person, name: str) -> None:
    person.step(lambda: person.engine.trust.block(person.contact(name)))


def _capability(person: Person) -> bytes:
    found = person.records.own("capability")
    assert found is not None
    return found


def _three(world: World) -> tuple[Person, Person, Person]:
    """Alice, who talks with Bob and Carol."""
    alice, bob = world.introduce()
    (carol,) = world.join("carol")
    carol.send("alice", "hello from carol")
    world.settle()
    alice.send("carol", "hi")
    world.settle()
    return alice, bob, carol


def test_nothing_of_a_blocked_contact_is_shown_or_answered(world: World) -> None:
    alice, bob = world.introduce()
    _block(alice, "bob")
    alice.events.clear()
    message = bob.send("alice", "can you hear me?")
    world.pass_time(30, 2)
    assert alice.heard("bob") == ["hi"]
    assert not any(isinstance(event, MessageArrived) for event in alice.events)
    assert bob.state(message) is MessageState.STORED


def test_what_waits_to_be_shown_of_one_waits_until_he_is_accepted(world: World) -> None:
    alice, bob = world.introduce()
    bob.send("alice", "unread")
    world.settle()
    unread = len(alice.records.unshown())
    assert unread
    _block(alice, "bob")
    assert alice.records.unshown() == []
    (row,) = Views(alice.engine.context).contacts()
    assert (row.standing, row.unread) == ("blocked", 0)
    alice.accept("bob")
    assert len(alice.records.unshown()) == unread


def test_what_waits_for_an_earlier_one_is_not_shown_with_a_gap(world: World) -> None:
    alice, bob = world.introduce()
    kept: list[Frame] = []

    def hold_first(person: Person, _link: str, frames: list[Frame]) -> list[Frame]:
        if person is alice and not kept and frames:
            kept.extend(frames[:1])
            return frames[1:]
        return frames

    world.tamper = hold_first
    bob.send("alice", "one")
    world.run()
    bob.send("alice", "two")
    world.run()
    world.tamper = None
    assert alice.records.first_held_at() is not None
    _block(alice, "bob")
    assert alice.records.first_held_at() is None
    world.pass_time(60, 5)
    assert alice.heard("bob") == ["hi"]
    assert not any(isinstance(event, Gap) for event in alice.events)
    alice.accept("bob")
    world.pass_time(120, 5)
    assert alice.heard("bob") == ["hi", "two", "one"]  # late, behind a gap, as for anybody


def test_what_he_wrote_meanwhile_comes_once_he_is_accepted(world: World) -> None:
    alice, bob = world.introduce()
    _block(alice, "bob")
    messages = [bob.send("alice", f"{number}") for number in range(3)]
    world.pass_time(60, 5)
    alice.accept("bob")
    world.pass_time(7200, 300)
    assert alice.heard("bob") == ["hi", "0", "1", "2"]
    assert {bob.state(message) for message in messages} == {MessageState.DELIVERED}
    assert bob.contact("alice").capability == _capability(alice)
    assert not bob.contact("alice").knock


def test_another_session_of_his_is_not_taken_either(world: World) -> None:
    alice, bob = world.introduce()
    _block(alice, "bob")
    prekeys = alice.records.prekeys.count()
    again = world.reinstall(bob)
    again.send("alice", "from another device")
    (eve,) = world.join("eve")
    eve.pose_as("bob")
    eve.send("alice", "under his name")
    world.pass_time(30, 2)
    assert alice.heard("bob") == ["hi"]
    assert not alice.contact("bob").key_changed
    assert alice.engine.inbox.doubted == {}
    assert alice.records.prekeys.count() >= prekeys


def test_nothing_is_sent_to_him(world: World) -> None:
    alice, bob = world.introduce()
    bob.go_offline()
    alice.go_offline()
    waiting = alice.send("bob", "before")
    _block(alice, "bob")
    with pytest.raises(PeerBlockedError):
        alice.send("bob", "never")
    with pytest.raises(PeerBlockedError):
        alice.verify("bob", bob)
    alice.go_online()
    bob.go_online()
    world.pass_time(60, 5)
    assert bob.heard("alice") == ["hello"]
    assert alice.state(waiting) is MessageState.QUEUED
    due = alice.engine.next_due()
    assert due is None or due > world.now + DAY
    alice.accept("bob")
    world.pass_time(60, 5)
    assert bob.heard("alice") == ["hello", "before"]


def test_blocking_twice_rotates_once(world: World) -> None:
    alice, _bob, _carol = _three(world)
    before = _capability(alice)
    _block(alice, "bob")
    world.settle()
    after = _capability(alice)
    assert after != before
    _block(alice, "bob")
    world.settle()
    assert _capability(alice) == after


def test_a_stranger_has_nothing_to_lose(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    before = _capability(alice)
    bob.send("alice", "who are you?")
    world.settle()
    _block(alice, "bob")
    world.settle()
    assert _capability(alice) == before
    assert not alice.engine.unsent


def test_the_others_are_told_the_new_capability_in_their_sessions(world: World) -> None:
    alice, bob, carol = _three(world)
    former = _capability(alice)
    _block(alice, "bob")
    world.settle()
    assert carol.contact("alice").capability == _capability(alice) != former
    assert bob.contact("alice").capability == former
    assert not carol.contact("alice").knock
    message = carol.send("alice", "still here")
    world.settle()
    assert carol.state(message) is MessageState.DELIVERED


def test_the_others_are_told_only_once_the_relay_has_it(world: World) -> None:
    alice, _bob, carol = _three(world)
    former = _capability(alice)
    alice.cut(MAILBOX)
    alice.online = False
    _block(alice, "bob")
    world.settle()
    assert alice.engine.unsent
    assert (_capability(alice), carol.contact("alice").capability) == (former, former)
    alice.crash()
    alice.go_online()
    world.settle()
    assert carol.contact("alice").capability == _capability(alice) != former
    assert not alice.engine.unsent


def test_an_answer_to_a_former_rotation_changes_nothing(world: World) -> None:
    alice, _bob, _carol = _three(world)
    former = _capability(alice)
    alice.go_offline()
    _block(alice, "bob")
    alice.step(lambda: alice.engine._happened(MAILBOX, Renewed(bytes(32), None)))
    assert _capability(alice) == former
    alice.events.clear()
    alice.step(lambda: alice.engine._happened(MAILBOX, Renewed(bytes(32), Refusal.STORAGE)))
    assert any(isinstance(event, Problem) for event in alice.events)
    assert _capability(alice) == former


def test_a_refused_rotation_is_tried_again_on_the_next_connection(world: World) -> None:
    alice, _bob, carol = _three(world)
    former = _capability(alice)
    world.board._directory._reserved.add("alice")  # as while another claim of the name is under way
    _block(alice, "bob")
    world.settle()
    assert _capability(alice) == former
    world.board._directory._reserved.clear()
    world.settle()
    assert _capability(alice) == former
    alice.cut(MAILBOX)
    world.settle()
    assert carol.contact("alice").capability == _capability(alice) != former


def test_whom_we_wrote_to_first_is_told_and_can_prove_nothing_with_it(world: World) -> None:
    """A route that we send in a session of our own must not hold the proof that we wait for."""
    alice, bob, _carol = _three(world)
    world.reinstall(alice)
    alice = world.people["alice"]
    alice.send("bob", "again")
    world.settle()
    bob.accept("alice")
    bob.send("alice", "welcome back")
    world.settle()
    best = alice.engine.sessions.best(alice.contact("bob"))
    assert best is not None
    assert alice.engine.sessions.read(best).initiator
    asked = replace(best, former=alice.engine.sessions.read(best).ca)
    assert alice.engine.sessions.reply_proof(asked) is None


def test_a_contact_who_was_away_for_a_month_still_gets_through(world: World) -> None:
    """The former capability is over, and the envelope that told the new one has expired at the relay."""
    alice, _bob, carol = _three(world)
    carol.go_offline()
    _block(alice, "bob")
    world.settle()
    alice.go_offline()
    world.pass_time(timedelta(days=32).total_seconds(), DAY)
    world.board.sweep(world.seconds)
    world.run()
    carol.go_online()
    message = carol.send("alice", "back from the sea")
    world.pass_time(30, 2)
    assert carol.state(message) is MessageState.STORED
    assert carol.contact("alice").knock
    alice.go_online()
    world.pass_time(60, 2)
    assert carol.state(message) is MessageState.DELIVERED
    assert alice.heard("carol") == ["hello from carol", "back from the sea"]
    assert carol.contact("alice").capability == _capability(alice)
    assert not carol.contact("alice").knock


def test_who_is_refused_for_the_rate_of_a_former_capability_knocks(world: World) -> None:
    alice, _bob, carol = _three(world)
    carol.go_offline()
    _block(alice, "bob")
    world.settle()
    alice.go_offline()

    def withhold(person: Person, _link: str, frames: list[Frame]) -> list[Frame]:
        return [] if person is carol else frames

    world.tamper = withhold  # or she would learn the new capability before she writes
    carol.go_online()
    for number in range(120):
        carol.send("alice", f"{number}")
    world.pass_time(60, 5)
    assert carol.contact("alice").knock
    world.tamper = None
    alice.go_online()
    world.pass_time(60, 5)
    assert alice.heard("carol")[1:] == [f"{number}" for number in range(120)]
