"""Whose name it is that somebody pairs under, and whose place nobody takes. docs/spec/pairing.md."""

import pytest

from e2echat.client.events import (
    ContactChanged,
    KeyChanged,
    MessageState,
    Paired,
    PairingFailed,
    Problem,
)
from e2echat.client.pairing import run as words
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.crypto.keys import Device, ExchangeKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import PairingError
from tests.helpers.pairing import invite, join, links, pair, told_of_a_change
from tests.world import Person, World


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    alice, bob = world.join("alice", "bob")
    return alice, bob


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize("inviting", [False, True])
def test_nobody_takes_anothers_place_by_pairing(world: World, *, inviting: bool, verified: bool) -> None:
    alice, bob = world.introduce()
    if verified:
        alice.verify("bob", bob)
    before = alice.contact("bob")
    mallory = world.usurp(bob)
    alice.events.clear()
    first, second = (alice, mallory) if inviting else (mallory, alice)
    invitation = invite(first)
    joining = join(second, invitation.code)
    world.pass_time(10)
    told = invitation.error if inviting else joining.error
    assert isinstance(told, PairingError)
    assert "another key than the bob whom you know" in str(told)
    assert "e2echat verify bob" in str(told)
    after = alice.contact("bob")
    assert (after.identity, after.mailbox, after.capability) == (
        before.identity,
        before.mailbox,
        before.capability,
    )
    assert (after.verified_at, after.verified_by) == (before.verified_at, before.verified_by)


@pytest.mark.parametrize("inviting", [False, True])
def test_a_name_that_is_somebody_elses_gets_nothing(world: World, *, inviting: bool) -> None:
    """He wrote first, so that there is a session: nothing but the question to the relay is in his way."""
    alice, _, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    pair(world, *((alice, mallory) if inviting else (mallory, alice)))
    mallory.send("alice", "I am carol")
    world.pass_time(10)
    assert alice.heard("carol") == ["I am carol"]
    message = alice.send("carol", "for carol alone")
    world.pass_time(30, 4)
    assert alice.state(message) is MessageState.QUEUED
    assert any(isinstance(event, KeyChanged) for event in alice.events)
    assert mallory.heard("alice") == []


@pytest.mark.parametrize("inviting", [False, True])
def test_an_outdated_certificate_is_no_wrong_code(world: World, *, inviting: bool) -> None:
    alice, bob = world.introduce()
    own = bob.own
    later = Device.create(
        bob.key, own.identity, own.device.device.epoch + 1, ExchangeKey.generate(SystemRandomness()).public
    )
    alice.step(lambda: alice.engine.peers.meet(alice.contact("bob"), own.identity, later))
    alice.accept("bob")
    before = alice.contact("bob")
    runs = pair(world, *((alice, bob) if inviting else (bob, alice)))
    told = str(runs[0 if inviting else 1].error)
    assert "bob shows an outdated device certificate" in told
    assert alice.contact("bob") == before


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize("inviting", [False, True])
def test_a_change_that_waits_for_a_person_is_not_taken_by_pairing(
    world: World, *, inviting: bool, verified: bool
) -> None:
    """The relay may have lied about it, for whoever pairs."""
    alice, again = told_of_a_change(world, verified=verified)
    before = alice.contact("bob")
    runs = pair(world, *((alice, again) if inviting else (again, alice)))
    told = runs[0 if inviting else 1].error
    assert isinstance(told, PairingError)
    assert "e2echat verify bob" in str(told)
    assert "e2echat accept bob" in str(told)
    assert alice.contact("bob") == before
    (mallory,) = world.join("mallory")
    mallory.pose_as("bob")
    runs = pair(world, *((alice, mallory) if inviting else (mallory, alice)))
    assert "another key than the bob whom you know" in str(runs[0 if inviting else 1].error)
    assert alice.contact("bob") == before
    assert not any(isinstance(event, Paired) for event in alice.events)
    assert again.heard("alice") == mallory.heard("alice") == []


def test_a_change_that_a_person_took_is_verified_by_pairing(world: World) -> None:
    alice, again = told_of_a_change(world, verified=True)
    alice.accept("bob")
    assert alice.contact("bob").verified_at is None
    pair(world, alice, again)
    contact = alice.contact("bob")
    assert (contact.key_changed, contact.verified_by) == (False, "code")
    message = alice.send("bob", "to the new one")
    world.pass_time(30, 2)
    assert alice.state(message) is MessageState.DELIVERED


def test_the_key_in_force_dismisses_a_change_that_waits(world: World) -> None:
    """Whom she paired with is the Bob whom she knows: the other one is not."""
    alice, bob = world.introduce()
    mallory = Person(world, "bob")
    alice.step(
        lambda: alice.engine.peers.meet(alice.contact("bob"), mallory.own.identity, mallory.own.device.device)
    )
    assert alice.contact("bob").key_changed
    pair(world, alice, bob)
    contact = alice.contact("bob")
    assert (contact.identity, contact.key_changed) == (bob.own.identity.raw, False)
    assert contact.verified_by == "code"
    mallory.records.close()


def test_who_is_not_taken_hears_that_the_code_was_right(world: World) -> None:
    alice, bob = world.introduce()
    mallory = world.usurp(bob)
    runs = pair(world, alice, mallory)
    assert str(runs[1].error) == words.NOT_TAKEN
    assert alice.events.count(PairingFailed(str(runs[0].code), str(runs[0].error), expired=False)) == 1
    assert links(alice) == links(mallory) == set()


@pytest.mark.parametrize("inviting", [False, True])
def test_a_stranger_who_took_a_name_is_in_nobodys_way(world: World, *, inviting: bool) -> None:
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    mallory.send("alice", "I am carol")
    world.pass_time(10)
    assert alice.heard("carol") == ["I am carol"]
    first, second = (alice, carol) if inviting else (carol, alice)
    assert all(run.paired and run.paired.verified for run in pair(world, first, second))
    contact = alice.contact("carol")
    assert (contact.identity, contact.standing, contact.verified) == (carol.own.identity.raw, "contact", True)
    assert any(isinstance(event, Problem) and "from somebody else" in event.reason for event in alice.events)
    message = alice.send("carol", "for carol alone")
    world.settle()
    assert alice.state(message) is MessageState.DELIVERED
    assert mallory.heard("alice") == []
    mallory.send("alice", "still carol")
    world.pass_time(30, 2)
    assert alice.heard("carol") == []


@pytest.mark.parametrize("inviting", [False, True])
def test_who_merely_pairs_under_a_strangers_name_does_not_put_him_out(
    world: World, *, inviting: bool
) -> None:
    """Carol wrote first and was not answered yet; Mallory was given a code."""
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    carol.send("alice", "hello")
    world.settle()
    mallory.pose_as("carol")
    runs = pair(world, *((alice, mallory) if inviting else (mallory, alice)))
    assert "another key than the carol whom you know" in str(runs[0 if inviting else 1].error)
    contact = alice.contact("carol")
    assert (contact.identity, contact.verified_at, contact.vouched) == (carol.own.identity.raw, None, True)
    assert alice.heard("carol") == ["hello"]


@pytest.mark.parametrize("inviting", [False, True])
def test_nobody_is_put_out_without_the_relays_word(
    world: World, monkeypatch: pytest.MonkeyPatch, *, inviting: bool
) -> None:
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    mallory.send("alice", "I am carol")
    world.settle()
    monkeypatch.setattr(SendingDialogue, "_ask", lambda *_: None)
    runs = pair(world, *((alice, carol) if inviting else (carol, alice)))
    world.pass_time(10)
    assert "could not be asked whose name it is" in str(runs[0 if inviting else 1].error)
    assert alice.heard("carol") == ["I am carol"]


@pytest.mark.parametrize("inviting", [False, True])
def test_a_name_that_is_anothers_is_found_out_before_anybody_is_verified(
    world: World, *, inviting: bool
) -> None:
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    runs = pair(world, *((alice, mallory) if inviting else (mallory, alice)))
    told = runs[0 if inviting else 1]
    assert told.paired is None
    assert "the relay knows somebody else by that name" in str(told.error)
    contact = alice.contact("carol")
    assert (contact.verified_at, contact.key_changed) == (None, True)
    assert not any(isinstance(event, Paired) for event in alice.events)
    alice.accept("carol")
    alice.send("carol", "for carol alone")
    world.settle()
    assert carol.heard("alice") == ["for carol alone"]
    assert mallory.heard("alice") == []


def test_a_relay_that_says_nothing_of_a_name_makes_nobody_wait_for_ever(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people
    with monkeypatch.context() as silent:
        silent.setattr(type(alice.engine.inbox), "to_be_named", lambda _: [])
        invitation = invite(alice)
        joining = join(bob, invitation.code)
        world.pass_time(4)
        assert invitation.paired is None
        world.pass_time(10)
    assert [run.paired and run.paired.verified for run in (invitation, joining)] == [False, False]
    assert not alice.contact("bob").verified
    world.pass_time(10)
    assert alice.contact("bob").verified
    assert ContactChanged("bob") in alice.events


def test_a_relay_that_restarts_while_it_is_asked_for_the_name(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people
    monkeypatch.setattr(type(alice.engine.inbox), "to_be_named", lambda _: [])
    invitation = invite(alice)
    runs = invitation, join(bob, invitation.code)
    world.pass_time(2)
    assert all(run.named_by and not run.paired for run in runs)
    alice.go_offline()
    world.restart_relay()
    bob.step(lambda: bob.engine.link_down(runs[1].link, "gone"))
    world.pass_time(10)
    assert runs[1].error is None
    assert runs[1].paired


def test_a_number_that_was_compared_outlasts_a_code(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.send("alice", "hello")
    world.settle()
    alice.verify("bob", bob)
    before = alice.contact("bob")
    assert not before.vouched
    own, route = bob.own, bob.own.route(bob.records)
    assert route is not None
    alice.step(lambda: alice.engine.trust.introduce(own.identity, own.device.device, route, "code"))
    contact = alice.contact("bob")
    assert (contact.verified_at, contact.verified_by) == (before.verified_at, "number")
    assert contact.verified


def test_a_name_that_nobody_has_is_not_asked_about_over_and_over(world: World) -> None:
    alice, mallory = world.join("alice", "mallory")
    mallory.pose_as("carol")
    pair(world, alice, mallory)
    world.pass_time(300, 5)
    told = [event.reason for event in alice.events if isinstance(event, Problem)]
    assert [reason for reason in told if "carol" in reason] == told
    assert len(told) == 1
    assert not alice.contact("carol").verified


def test_a_new_device_is_accepted_by_pairing_anew(world: World) -> None:
    alice, bob = world.introduce()
    again = world.reinstall(bob)
    pair(world, alice, again)
    assert alice.contact("bob").device == again.own.device.device.raw


def test_an_older_device_than_was_seen_is_refused(world: World) -> None:
    alice, bob = world.introduce()
    old, key = bob.own, bob.key
    again = world.reinstall(bob)
    again.send("alice", "new")
    world.settle()
    alice.accept("bob")
    again.key, again.own = key, old
    again.engine.context.own = old
    inviting = invite(alice)
    joining = join(again, inviting.code)
    world.pass_time(10)
    assert isinstance(inviting.error, PairingError)
    assert isinstance(joining.error, PairingError)


@pytest.mark.parametrize("again", ["nothing", "a guess"])
def test_who_knew_the_code_first_is_not_replaced_while_his_name_is_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """What the relay delivers meanwhile is not heard: neither for him, nor to burn the code."""
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    mallory.send("alice", "I am carol")
    world.pass_time(10)
    run = invite(alice)
    with monkeypatch.context() as silent:
        silent.setattr(type(alice.engine.pairings), "disputed", lambda _: [])
        join(carol, run.code)
        world.pass_time(2)
    assert run.claimant
    alice.step(lambda: alice.engine.pairings._heard_joiner(run, [again.encode()]))
    world.pass_time(5)
    assert run.paired == Paired("carol", "code", verified=True)
