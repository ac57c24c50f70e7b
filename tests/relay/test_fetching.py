"""Who gets a bundle, what for, and what the relay hands out and counts."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.prekeys import PrekeyKind
from e2echat.crypto.puzzles import Puzzle
from e2echat.relay.limits import DAY, Limits
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal
from e2echat.wire.schema import Message

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, Client, World

QUICK = Limits(work_bits=4)


def publish(world: "World", account: "Account", count: int) -> None:
    signed = account.prekey(PrekeyKind.SIGNED, 1)
    one_time = [account.prekey(PrekeyKind.ONE_TIME, number) for number in range(1, count + 1)]
    owner = world.sign_in(account)
    owner.ask(messages.Publish(3, signed, one_time), messages.Done)
    owner.leave()


@pytest.fixture(name="bob")
def _bob(world: "World") -> "Account":
    bob = world.account("bob")
    publish(world, bob, 3)
    return bob


@pytest.fixture(name="solve")
def _solve(relay_world: "ModuleType") -> Callable[["Client", messages.Challenge], bytes]:
    def solve(client: "Client", challenge: messages.Challenge) -> bytes:
        solution: bytes = relay_world.solve(client.hello, challenge, "bob")
        return solution

    return solve


Solve = Callable[["Client", messages.Challenge], bytes]


def with_solution(solution: bytes, name: str = "bob", *, prekeys: bool = True) -> messages.Fetch:
    return messages.Fetch(4, name, prekeys, None, solution)


# --- what it takes --------------------------------------------------------------------------------------------------


def test_prekeys_take_work_or_the_capability(world: "World", bob: "Account") -> None:
    assert world.connect().refused(messages.Fetch(1, "bob", True)) == Refusal.WORK
    under_it = world.connect().ask(messages.Fetch(1, "bob", True, bob.capability), messages.Bundle)
    assert under_it.one_time is not None
    assert under_it.knock is None
    worked_for = world.connect().knock("bob", prekeys=True)
    assert worked_for.one_time is not None
    assert worked_for.knock is not None


def test_another_capability_is_refused_and_uses_nothing_up(world: "World", bob: "Account") -> None:
    for capability in (bytes(32), world.account("eve").capability):
        refused = world.connect().refused(messages.Fetch(1, "bob", True, capability))
        assert refused == Refusal.NO_SUCH_CAPABILITY
    assert len(list(world.database.rows("SELECT * FROM one_time"))) == 3


def test_a_former_capability_is_good_for_no_prekeys(world: "World", bob: "Account") -> None:
    former, bob.capability = bob.capability, bytes(31) + b"1"
    world.connect().ask(bob.claim(), messages.Done)
    world.connect().open(bob, capability=former)
    refused = world.connect().refused(messages.Fetch(1, "bob", True, former))
    assert refused == Refusal.NO_SUCH_CAPABILITY
    world.connect().ask(messages.Fetch(1, "bob", True, bob.capability), messages.Bundle)


def test_records_alone_take_nothing_and_bring_no_token(world: "World", bob: "Account") -> None:
    bundle = world.connect().ask(messages.Fetch(1, "bob", False), messages.Bundle)
    assert bundle.identity == bob.identity.raw
    assert (bundle.signed, bundle.one_time, bundle.knock) == (None, None, None)


def test_a_token_alone_uses_no_prekey_up(world: "World", bob: "Account") -> None:
    assert world.connect().knock("bob").knock is not None
    assert len(list(world.database.rows("SELECT * FROM one_time"))) == 3


def test_nobody_is_asked_to_work_for_nobody(world: "World") -> None:
    assert world.connect().refused(messages.AskPuzzle(1, "nobody")) == Refusal.NO_SUCH_NAME


def test_an_owners_connection_gets_no_puzzle(world: "World", bob: "Account") -> None:
    world.account("eve")
    assert world.sign_in(bob).refused(messages.AskPuzzle(1, "eve")) == Refusal.MALFORMED


# --- the work -------------------------------------------------------------------------------------------------------


def test_a_solution_is_good_once(world: "World", bob: "Account", solve: Solve) -> None:
    client = world.connect()
    solution = solve(client, client.challenge("bob"))
    client.ask(with_solution(solution), messages.Bundle)
    assert client.refused(with_solution(solution)) == Refusal.WORK


def test_a_wrong_one_uses_the_puzzle_up(world: "World", bob: "Account", solve: Solve) -> None:
    client = world.connect()
    challenge = client.challenge("bob")
    solution = solve(client, challenge)
    wrong = next(
        each
        for each in (number.to_bytes(8) for number in range(1000))
        if not _solves(client, challenge, each)
    )
    assert client.refused(with_solution(wrong)) == Refusal.WORK
    assert client.refused(with_solution(solution)) == Refusal.WORK


def _solves(client: "Client", challenge: messages.Challenge, solution: bytes) -> bool:
    return Puzzle(client.hello.hash, challenge.challenge, "bob", challenge.bits).solved_by(solution)


def test_it_is_for_the_name_that_it_was_set_for(world: "World", bob: "Account", solve: Solve) -> None:
    world.account("eve")
    client = world.connect()
    solution = solve(client, client.challenge("bob"))
    assert client.refused(with_solution(solution, "eve")) == Refusal.WORK


def test_it_is_for_its_connection(world: "World", bob: "Account") -> None:
    one, other = world.connect(), world.connect()
    challenge = one.challenge("bob")
    other.challenge("bob")
    assert other.refused(with_solution(_only(one, challenge, other))) == Refusal.WORK


def test_it_is_for_its_hello(world: "World", bob: "Account") -> None:
    """A relay cannot let its clients do the work that another relay asks of it: their hellos differ."""
    one, other = world.connect(), world.connect()
    challenge = one.challenge("bob")
    assert one.refused(with_solution(_only(other, challenge, one))) == Refusal.WORK


def test_it_is_for_the_last_puzzle(world: "World", bob: "Account") -> None:
    client = world.connect()
    first = client.challenge("bob")
    assert client.challenge("bob").challenge != first.challenge
    assert client.refused(with_solution(_only(client, first, client))) == Refusal.WORK


def _only(client: "Client", challenge: messages.Challenge, other: "Client") -> bytes:
    """A solution on one connection that by no luck is one of the puzzle that the other has."""
    posed, _ = other.connection.puzzle or (None, 0)
    assert posed is not None
    numbers = (number.to_bytes(8) for number in range(100_000))
    return next(each for each in numbers if _solves(client, challenge, each) and not posed.solved_by(each))


def test_it_is_for_a_time(world: "World", bob: "Account", solve: Solve) -> None:
    client = world.connect()
    solution = solve(client, client.challenge("bob"))
    world.now += world.limits.work_life + 1
    assert client.refused(with_solution(solution)) == Refusal.WORK
    solution = solve(client, client.challenge("bob"))
    world.now += world.limits.work_life - 1
    client.ask(with_solution(solution), messages.Bundle)


def test_without_a_puzzle_there_is_no_solution(world: "World", bob: "Account") -> None:
    assert world.connect().refused(with_solution(bytes(8))) == Refusal.WORK


# --- one-time prekeys -----------------------------------------------------------------------------------------------


def test_they_are_rationed_and_come_again(make_world: "Callable[..., World]") -> None:
    world = make_world(replace(QUICK, one_time_burst=2, one_time_daily=24))
    bob = world.account("bob")
    publish(world, bob, 5)
    fetch = messages.Fetch(1, "bob", True, bob.capability)
    sender = world.connect()
    bundles = [sender.ask(fetch, messages.Bundle) for _ in range(4)]
    assert [bundle.one_time is not None for bundle in bundles] == [True, True, False, False]
    assert all(bundle.signed for bundle in bundles)
    world.now += 3600
    assert sender.ask(fetch, messages.Bundle).one_time is not None
    assert sender.ask(fetch, messages.Bundle).one_time is None
    assert world.board.counters.short == 3


def test_their_owner_is_told_of_each(world: "World", bob: "Account") -> None:
    owner, sender = world.sign_in(bob), world.connect()
    fetch = messages.Fetch(1, "bob", True, bob.capability)
    told = []
    for _ in range(4):
        sender.ask(fetch, messages.Bundle)
        stock = owner.message(messages.Stock)
        told.append((stock.one_time_left, stock.short))
    assert told == [(2, False), (1, False), (0, False), (0, True)]


def test_an_owner_who_was_away_is_told_once_that_they_were_not_enough(world: "World", bob: "Account") -> None:
    sender = world.connect()
    for _ in range(4):
        sender.ask(messages.Fetch(1, "bob", True, bob.capability), messages.Bundle)
    owner = world.sign_in(bob)
    assert owner.message(messages.Stock) == messages.Stock(0, short=True)
    owner.leave()
    assert world.sign_in(bob).hear() == []


def test_what_could_not_be_taken_is_neither_given_nor_lost(world: "World", bob: "Account") -> None:
    world.storing = False
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(messages.encode(messages.Fetch(1, "bob", True, bob.capability)))
    world.store_batch(fail=True)
    assert sender.message(messages.Refused).reason == Refusal.STORAGE
    assert owner.hear() == []
    world.storing = True
    sender.ask(messages.Fetch(1, "bob", True, bob.capability), messages.Bundle)
    assert owner.message(messages.Stock).one_time_left == 2


# --- an address's budgets -------------------------------------------------------------------------------------------


def from_address(world: "World", client: "Client", address: str | None) -> "Client":
    client.connection.address = address
    return client


def test_an_address_has_its_fetches_over_all_connections(make_world: "Callable[..., World]") -> None:
    world = make_world(replace(QUICK, address_fetch_burst=3, address_fetch_rate=0.1))
    world.account("bob")
    fetch = messages.Fetch(1, "bob", False)
    clients = [from_address(world, world.connect(), "192.0.2.1") for _ in range(3)]
    clients[0].ask(fetch, messages.Bundle)
    clients[1].ask(fetch, messages.Bundle)
    clients[1].ask(messages.AskPuzzle(2, "bob"), messages.Challenge)
    assert clients[2].refused(fetch) == Refusal.LIMIT
    assert clients[0].refused(messages.AskPuzzle(2, "bob")) == Refusal.LIMIT
    from_address(world, world.connect(), "192.0.2.2").ask(fetch, messages.Bundle)
    loopback = from_address(world, world.connect(), None)
    for _ in range(5):
        loopback.ask(fetch, messages.Bundle)
    assert world.board.counters.refusals == {"address": 2}
    world.now += 10
    clients[2].ask(fetch, messages.Bundle)


def test_an_address_has_its_claims(make_world: "Callable[..., World]", relay_world: "ModuleType") -> None:
    world = make_world(Limits(address_claims=2))
    names = iter("abcdef")

    def claim(address: str | None) -> Message:
        client = from_address(world, world.connect(), address)
        account = relay_world.Account(next(names), world.key.public)
        return client.ask(account.claim(), Message)

    answers = [claim("192.0.2.1") for _ in range(3)]
    assert [type(each) for each in answers] == [messages.Done, messages.Done, messages.Refused]
    assert isinstance(claim("192.0.2.2"), messages.Done)
    assert isinstance(claim(None), messages.Done)
    world.now += DAY / 2
    assert isinstance(claim("192.0.2.1"), messages.Done)


def test_an_address_has_its_requests(make_world: "Callable[..., World]") -> None:
    world = make_world(Limits(address_request_burst=2, address_request_rate=1.0))
    bob = world.account("bob")
    clients = [from_address(world, world.connect(), "192.0.2.1") for _ in range(2)]
    clients[0].open(bob)
    clients[1].open(bob)
    opening = messages.Open(1, world.mailboxes["bob"], bob.capability, False)
    assert clients[0].refused(opening) == Refusal.LIMIT
    world.now += 1
    clients[0].open(bob)
