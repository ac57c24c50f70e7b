"""Pairing by short code: two real engines and a real switchboard, and what may come between them."""

import pytest

from e2echat.client.events import (
    MessageState,
    NewStranger,
    Paired,
    PairingFailed,
)
from e2echat.client.pairing import run as words
from e2echat.client.pairing.codes import LIFE, MOST_RUNS
from e2echat.crypto.codes import Code
from e2echat.errors import PairingError
from e2echat.wire.relay_messages import Refusal
from tests.helpers.pairing import invite, join, links, pair, wrong
from tests.world import Person, World


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    alice, bob = world.join("alice", "bob")
    return alice, bob


def test_both_are_verified_and_talk(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting, joining = pair(world, alice, bob)
    assert (inviting.peer, joining.peer) == ("bob", "alice")
    assert alice.events.count(Paired("bob", "code", verified=True)) == 1
    assert bob.events.count(Paired("alice", "code", verified=True)) == 1
    for person, other in ((alice, bob), (bob, alice)):
        contact = person.contact(other.name)
        assert (contact.identity, contact.device) == (other.own.identity.raw, other.own.device.device.raw)
        assert (contact.standing, contact.verified_by, contact.vouched) == ("contact", "code", True)
        assert contact.verified_at is not None
        assert not contact.knock
        assert links(person) == set()
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
    assert (links(alice), links(bob)) == (set(), set())


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
    assert links(alice) == set()


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
    assert links(alice) == set()
    assert not any(isinstance(event, PairingFailed) for event in alice.events)
    late = join(bob, inviting.code)
    world.pass_time(5)
    assert str(late.error) == words.UNKNOWN


def test_withdrawing_what_is_over_changes_nothing(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    inviting, _ = pair(world, alice, bob)
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
    pair(world, bob, alice)
    world.settle()
    assert bob.contact("alice").standing == "contact"
    assert alice.state(message) is MessageState.DELIVERED


def test_whom_we_had_blocked_is_let_in_again(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    alice.send("bob", "hello")
    world.settle()
    alice.step(lambda: alice.engine.trust.block(alice.contact("bob")))
    pair(world, alice, bob)
    assert alice.contact("bob").standing == "contact"
    assert alice.contact("bob").verified_at is not None


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
    assert links(alice) == set()
    joining = join(bob, inviting.code)
    world.pass_time(5)
    assert joining.peer is None
