"""Pairing by short code: two real engines and a real switchboard, and what may come between them."""

import pytest

from e2echat.client.events import (
    ContactChanged,
    KeyChanged,
    MessageState,
    NewStranger,
    Paired,
    PairingFailed,
    Problem,
)
from e2echat.client.pairing import codes as pairings
from e2echat.client.pairing import run as words
from e2echat.client.pairing.codes import LIFE, MOST_RUNS
from e2echat.client.pairing.run import Run
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.crypto.codes import Code
from e2echat.crypto.keys import Device, ExchangeKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import PairingError
from e2echat.wire.relay_messages import Refusal
from tests.world import Person, World


def invite(person: Person) -> Run:
    run = person.step(person.engine.pairings.invite)
    person.world.run()
    assert run.shown
    return run


def join(person: Person, code: Code) -> Run:
    run = person.step(lambda: person.engine.pairings.join(code, person.world.address))
    person.world.run()
    return run


def wrong(code: Code) -> Code:
    """The same place, other words."""
    first, second = code.words
    return Code(code.nameplate, ("otter" if first != "otter" else "guitar", second))


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    alice, bob = world.join("alice", "bob")
    return alice, bob


def _pair(world: World, alice: Person, bob: Person) -> tuple[Run, Run]:
    inviting = invite(alice)
    joining = join(bob, inviting.code)
    world.pass_time(5)
    return inviting, joining


def _links(person: Person) -> set[str]:
    return {link for link in person.pipes if link.startswith(pairings.LINK)}


def test_both_are_verified_and_talk(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting, joining = _pair(world, alice, bob)
    assert (inviting.peer, joining.peer) == ("bob", "alice")
    assert alice.events.count(Paired("bob", "code", verified=True)) == 1
    assert bob.events.count(Paired("alice", "code", verified=True)) == 1
    for person, other in ((alice, bob), (bob, alice)):
        contact = person.contact(other.name)
        assert (contact.identity, contact.device) == (other.own.identity.raw, other.own.device.device.raw)
        assert (contact.standing, contact.verified_by, contact.vouched) == ("contact", "code", True)
        assert contact.verified_at is not None
        assert not contact.knock
        assert _links(person) == set()
    message = bob.send("alice", "hello")
    world.settle()
    assert bob.state(message) is MessageState.DELIVERED
    assert [row.verified for row in alice.rows("bob")] == [True]
    answer = alice.send("bob", "hi")
    world.settle()
    assert alice.state(answer) is MessageState.DELIVERED
    assert alice.contact("bob").vouched
    assert not any(isinstance(event, NewStranger) for event in (*alice.events, *bob.events))


@pytest.mark.parametrize("who", ["inviter", "joiner"])
def test_either_may_be_away_for_a_while(world: World, people: tuple[Person, Person], who: str) -> None:
    alice, bob = people
    inviting = invite(alice)
    away = alice if who == "inviter" else bob
    if who == "inviter":
        alice.go_offline()
    joining = join(bob, inviting.code)
    if who == "joiner":
        bob.go_offline()
    world.pass_time(60, 1)
    assert None in (inviting.peer, joining.peer)
    away.go_online()
    world.pass_time(5)
    assert (inviting.peer, joining.peer) == ("bob", "alice")


def test_a_relay_that_restarts_in_between(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    alice.go_offline()
    joining = join(bob, inviting.code)
    world.restart_relay()
    bob.step(lambda: bob.engine.link_down(joining.link, "gone"))
    alice.go_online()
    world.pass_time(5)
    assert (inviting.peer, joining.peer) == ("bob", "alice")


def test_a_joiner_who_is_back_before_the_inviter_waits_a_little(
    world: World, people: tuple[Person, Person]
) -> None:
    alice, bob = people
    inviting = invite(alice)
    alice.go_offline()
    world.restart_relay()
    joining = join(bob, inviting.code)
    world.pass_time(1)
    assert joining.error is None
    alice.go_online()
    world.pass_time(5)
    assert (inviting.peer, joining.peer) == ("bob", "alice")


def test_a_wrong_guess_burns_the_code_and_both_are_told(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    guessing = join(bob, wrong(inviting.code))
    world.pass_time(10)
    assert isinstance(inviting.error, PairingError)
    assert isinstance(guessing.error, PairingError)
    assert alice.events.count(PairingFailed(str(inviting.code), words.WRONG, expired=False)) == 1
    assert not alice.knows("bob")
    assert not bob.knows("alice")
    late = join(bob, inviting.code)
    world.pass_time(5)
    assert str(late.error) == words.UNKNOWN
    assert (_links(alice), _links(bob)) == (set(), set())


def test_who_comes_second_is_told(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    (carol,) = world.join("carol")
    inviting = invite(alice)
    alice.go_offline()
    join(bob, inviting.code)
    late = join(carol, inviting.code)
    world.pass_time(5)
    assert isinstance(late.error, PairingError)
    alice.go_online()
    world.pass_time(5)
    assert inviting.peer == "bob"


def test_a_code_ends_by_itself(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    world.pass_time(LIFE / 1000, 30)
    assert alice.events.count(PairingFailed(str(inviting.code), words.EXPIRED, expired=True)) == 1
    assert alice.engine.pairings.next_due() is None
    late = join(bob, inviting.code)
    world.pass_time(5)
    assert str(late.error) == words.UNKNOWN
    assert _links(alice) == set()


def test_a_joiner_whom_nobody_answers_ends_too(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    alice.go_offline()
    joining = join(bob, inviting.code)
    world.pass_time(LIFE / 1000, 30)
    assert isinstance(joining.error, PairingError)
    assert not bob.knows("alice")
    assert bob.engine.pairings.next_due() is None


def test_a_code_that_is_withdrawn_is_gone_at_the_relay(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    alice.step(lambda: alice.engine.pairings.withdraw(inviting))
    world.run()
    assert _links(alice) == set()
    assert not any(isinstance(event, PairingFailed) for event in alice.events)
    late = join(bob, inviting.code)
    world.pass_time(5)
    assert str(late.error) == words.UNKNOWN


def test_withdrawing_what_is_over_changes_nothing(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting, _ = _pair(world, alice, bob)
    alice.step(lambda: alice.engine.pairings.withdraw(inviting))
    assert inviting.error is None


def test_a_taken_number_is_nobodys_problem(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people
    first = invite(alice)
    made: list[int] = []
    generate = Code.generate.__func__  # type: ignore[attr-defined]

    def crowded(cls: type[Code], randomness: object, digits: int = 4) -> Code:
        made.append(digits)
        return first.code if len(made) <= 7 else generate(cls, randomness, digits)

    monkeypatch.setattr(Code, "generate", classmethod(crowded))
    second = invite(bob)
    assert made == [4, 4, 4, 5, 5, 5, 6, 6]
    assert len(second.code.nameplate) == 6
    assert second.code != first.code


def test_ones_own_code_is_told_at_once(world: World, people: tuple[Person, Person]) -> None:
    alice, _ = people
    inviting = invite(alice)
    with pytest.raises(PairingError):
        join(alice, inviting.code)
    assert inviting.error is None


def test_somebody_with_our_own_key_is_refused(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    bob.key, bob.own = alice.key, alice.own
    bob.engine.context.own = alice.own
    joining = join(bob, inviting.code)
    world.pass_time(10)
    assert isinstance(inviting.error, PairingError)
    assert isinstance(joining.error, PairingError)


def test_only_so_many_run_at_once(world: World, people: tuple[Person, Person]) -> None:
    alice, _ = people
    for _number in range(MOST_RUNS):
        alice.step(alice.engine.pairings.invite)
    with pytest.raises(PairingError):
        alice.step(alice.engine.pairings.invite)


def test_a_stranger_who_pairs_is_none_any_more(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    message = alice.send("bob", "who am I?")
    world.settle()
    assert bob.contact("alice").standing == "stranger"
    _pair(world, bob, alice)
    world.settle()
    assert bob.contact("alice").standing == "contact"
    assert alice.state(message) is MessageState.DELIVERED


def test_whom_we_had_blocked_is_let_in_again(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    alice.send("bob", "hello")
    world.settle()
    alice.step(lambda: alice.engine.trust.block(alice.contact("bob")))
    _pair(world, alice, bob)
    assert alice.contact("bob").standing == "contact"
    assert alice.contact("bob").verified_at is not None


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
    _pair(world, *((alice, mallory) if inviting else (mallory, alice)))
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
    runs = _pair(world, *((alice, bob) if inviting else (bob, alice)))
    told = str(runs[0 if inviting else 1].error)
    assert "bob shows an outdated device certificate" in told
    assert alice.contact("bob") == before


def _told_of_a_change(world: World, *, verified: bool) -> tuple[Person, Person]:
    """Alice knows Bob, and the relay says that his name has another key now; who has it."""
    alice, bob = world.introduce()
    if verified:
        alice.verify("bob", bob)
    again = world.usurp(bob)
    alice.send("bob", "asks whose key it is")
    again.send("alice", "I lost my keys")
    world.pass_time(30, 2)
    assert alice.contact("bob").changed_identity == again.own.identity.raw
    return alice, again


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize("inviting", [False, True])
def test_a_change_that_waits_for_a_person_is_not_taken_by_pairing(
    world: World, *, inviting: bool, verified: bool
) -> None:
    """The relay may have lied about it, for whoever pairs."""
    alice, again = _told_of_a_change(world, verified=verified)
    before = alice.contact("bob")
    runs = _pair(world, *((alice, again) if inviting else (again, alice)))
    told = runs[0 if inviting else 1].error
    assert isinstance(told, PairingError)
    assert "e2echat verify bob" in str(told)
    assert "e2echat accept bob" in str(told)
    assert alice.contact("bob") == before
    (mallory,) = world.join("mallory")
    mallory.pose_as("bob")
    runs = _pair(world, *((alice, mallory) if inviting else (mallory, alice)))
    assert "another key than the bob whom you know" in str(runs[0 if inviting else 1].error)
    assert alice.contact("bob") == before
    assert not any(isinstance(event, Paired) for event in alice.events)
    assert again.heard("alice") == mallory.heard("alice") == []


def test_a_change_that_a_person_took_is_verified_by_pairing(world: World) -> None:
    alice, again = _told_of_a_change(world, verified=True)
    alice.accept("bob")
    assert alice.contact("bob").verified_at is None
    _pair(world, alice, again)
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
    _pair(world, alice, bob)
    contact = alice.contact("bob")
    assert (contact.identity, contact.key_changed) == (bob.own.identity.raw, False)
    assert contact.verified_by == "code"
    mallory.records.close()


def test_who_is_not_taken_hears_that_the_code_was_right(world: World) -> None:
    alice, bob = world.introduce()
    mallory = world.usurp(bob)
    runs = _pair(world, alice, mallory)
    assert str(runs[1].error) == words.NOT_TAKEN
    assert alice.events.count(PairingFailed(str(runs[0].code), str(runs[0].error), expired=False)) == 1
    assert _links(alice) == _links(mallory) == set()


@pytest.mark.parametrize("inviting", [False, True])
def test_a_stranger_who_took_a_name_is_in_nobodys_way(world: World, *, inviting: bool) -> None:
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    mallory.send("alice", "I am carol")
    world.pass_time(10)
    assert alice.heard("carol") == ["I am carol"]
    first, second = (alice, carol) if inviting else (carol, alice)
    assert all(run.paired and run.paired.verified for run in _pair(world, first, second))
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
    runs = _pair(world, *((alice, mallory) if inviting else (mallory, alice)))
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
    runs = _pair(world, *((alice, carol) if inviting else (carol, alice)))
    world.pass_time(10)
    assert "could not be asked whose name it is" in str(runs[0 if inviting else 1].error)
    assert alice.heard("carol") == ["I am carol"]


@pytest.mark.parametrize("inviting", [False, True])
def test_a_name_that_is_anothers_is_found_out_before_anybody_is_verified(
    world: World, *, inviting: bool
) -> None:
    alice, carol, mallory = world.join("alice", "carol", "mallory")
    mallory.pose_as("carol")
    runs = _pair(world, *((alice, mallory) if inviting else (mallory, alice)))
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


@pytest.mark.parametrize("how", ["withdrawn", "expired"])
def test_whoever_was_met_is_told_of_whatever_ends_the_code(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The relay has delivered what he said, and keeps the answer back."""
    alice, bob = people
    run = invite(alice)
    monkeypatch.setattr(type(alice.engine.pairings), "_have_named", lambda *_: None)
    join(bob, run.code)
    world.pass_time(3)
    assert run.met
    assert not run.paired
    if how == "withdrawn":
        alice.step(lambda: alice.engine.pairings.withdraw(run))
        world.run()
    else:
        world.pass_time(LIFE / 1000, 5)
    assert run.error is None
    assert run.paired == Paired("bob", "code", verified=True)
    assert not any(isinstance(event, PairingFailed) for event in alice.events)


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


def test_who_is_not_let_in_yet_is_told_so_and_not_of_a_wrong_code(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people
    run = invite(alice)
    monkeypatch.setattr(type(bob.own), "route", lambda *_: None)
    joining = join(bob, run.code)
    world.pass_time(3)
    assert "has not let us in yet" in str(joining.error)


def test_the_answer_to_a_question_is_not_one_to_a_goodbye(
    world: World, people: tuple[Person, Person]
) -> None:
    alice, bob = people
    run = invite(alice)
    world.pass_time(3)
    run.ask_at = 0
    alice.step(alice.engine.tick)
    alice.step(lambda: alice.engine.pairings.withdraw(run))
    world.pass_time(3)
    late = join(bob, run.code)
    world.pass_time(3)
    assert str(late.error) == words.UNKNOWN


def test_a_name_that_nobody_has_is_not_asked_about_over_and_over(world: World) -> None:
    alice, mallory = world.join("alice", "mallory")
    mallory.pose_as("carol")
    _pair(world, alice, mallory)
    world.pass_time(300, 5)
    told = [event.reason for event in alice.events if isinstance(event, Problem)]
    assert [reason for reason in told if "carol" in reason] == told
    assert len(told) == 1
    assert not alice.contact("carol").verified


def test_a_new_device_is_accepted_by_pairing_anew(world: World) -> None:
    alice, bob = world.introduce()
    again = world.reinstall(bob)
    _pair(world, alice, again)
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


def test_a_relay_without_room_is_named(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = people
    run = alice.step(alice.engine.pairings.invite)
    monkeypatch.setattr(
        world.board._control._rendezvous,
        "meet",
        _refuse_all,  # as one that is full
    )
    world.run()
    assert isinstance(run.error, PairingError)


def _refuse_all(*_: object) -> list[bytes]:
    from e2echat.relay.refusals import RefusedRequestError  # noqa: PLC0415 - the relay's own way to say it

    raise RefusedRequestError(Refusal.LIMIT)


def test_a_step_that_fails_ends_every_run(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting = invite(alice)
    alice.engine.abandon()
    assert isinstance(inviting.error, PairingError)
    world.pass_time(5)
    assert _links(alice) == set()
    joining = join(bob, inviting.code)
    world.pass_time(5)
    assert joining.peer is None
