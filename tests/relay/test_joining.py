"""Who may join, and who has left: join tokens, removal, tombstones."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.prekeys import PrekeyKind
from e2echat.relay.accounts import Accounts
from e2echat.relay.database import _TABLES, Database
from e2echat.relay.tokens import DAY, Registration
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, World

CLOSED = Refusal.REGISTRATION_CLOSED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "relay.db"
    path.touch()
    return path


@pytest.fixture
def club(make_world: "Callable[..., World]", path: Path) -> Iterator["World"]:
    """A relay that asks for a token."""
    world = make_world(path=path, registration=Registration.TOKEN)
    yield world
    world.database.close()


@pytest.fixture
def somebody(relay_world: "ModuleType") -> "Callable[[World, str], Account]":
    def make(world: "World", name: str) -> "Account":
        account: Account = relay_world.Account(name, world.key.public)
        return account

    return make


Somebody = Callable[["World", str], "Account"]


def token(world: "World", uses: int = 1, days: int = 7) -> bytes:
    made: list[bytes | None] = []
    world.board.admin.make_token(uses, days, made.append)
    world.turn()
    (found,) = made
    assert found
    return found


def remove(world: "World", name: str) -> Refusal | None:
    answers: list[Refusal | None] = []
    world.board.admin.remove(name, answers.append)
    world.turn()
    (answer,) = answers
    return answer


@pytest.mark.parametrize("wrong", [None, bytes(16)])
def test_without_a_token_nobody_joins(club: "World", somebody: Somebody, wrong: bytes | None) -> None:
    token(club)
    assert club.connect().refused(somebody(club, "bob").claim(wrong)) == CLOSED


def test_a_token_is_good_for_so_many_names(club: "World", somebody: Somebody) -> None:
    ours = token(club, uses=2)
    for name in ("bob", "carol"):
        club.connect().ask(somebody(club, name).claim(ours), messages.Done)
    assert club.connect().refused(somebody(club, "dave").claim(ours)) == CLOSED


def test_a_used_token_stays_used_over_a_crash(club: "World", somebody: Somebody) -> None:
    one, two = token(club), token(club, uses=2)
    club.connect().ask(somebody(club, "bob").claim(one), messages.Done)
    club.connect().ask(somebody(club, "carol").claim(two), messages.Done)
    club.crash()
    assert club.connect().refused(somebody(club, "dave").claim(one)) == CLOSED
    club.connect().ask(somebody(club, "dave").claim(two), messages.Done)
    assert club.connect().refused(somebody(club, "erin").claim(two)) == CLOSED


@pytest.mark.parametrize("seconds", [2 * DAY - 1, 2 * DAY])
def test_a_token_ends(club: "World", somebody: Somebody, seconds: int) -> None:
    ours = token(club, days=2)
    club.today += seconds
    club.later(0)
    claim = somebody(club, "bob").claim(ours)
    if seconds < 2 * DAY:
        club.connect().ask(claim, messages.Done)
    else:
        assert club.connect().refused(claim) == CLOSED


def test_a_claim_that_is_not_kept_costs_no_token(club: "World", somebody: Somebody) -> None:
    ours = token(club)
    club.storing = False
    client, bob = club.connect(), somebody(club, "bob")
    client.say(messages.encode(bob.claim(ours)))
    club.store_batch(fail=True)
    assert client.message(messages.Refused).reason == Refusal.STORAGE
    club.storing = True
    club.connect().ask(bob.claim(ours), messages.Done)
    assert club.connect().refused(somebody(club, "carol").claim(ours)) == CLOSED


def test_a_token_that_is_being_used_is_not_used_twice(club: "World", somebody: Somebody) -> None:
    ours = token(club)
    club.storing = False
    club.connect().say(messages.encode(somebody(club, "bob").claim(ours)))
    assert club.connect().refused(somebody(club, "carol").claim(ours)) == CLOSED


def test_a_taken_name_costs_no_token(club: "World", somebody: Somebody) -> None:
    ours = token(club, uses=2)
    club.connect().ask(somebody(club, "bob").claim(ours), messages.Done)
    assert club.connect().refused(somebody(club, "b0b").claim(ours)) == Refusal.NAME_TAKEN
    club.connect().ask(somebody(club, "carol").claim(ours), messages.Done)


def test_who_has_a_name_needs_no_token(club: "World", somebody: Somebody) -> None:
    bob = somebody(club, "bob")
    club.connect().ask(bob.claim(token(club)), messages.Done)
    club.connect().ask(bob.claim(), messages.Done)
    club.connect().ask(bob.newer().claim(), messages.Done)


@pytest.mark.parametrize("registration", [Registration.OPEN, Registration.CLOSED])
def test_elsewhere_a_token_changes_nothing(
    make_world: "Callable[..., World]", somebody: Somebody, registration: Registration
) -> None:
    world = make_world(registration=registration)
    ours = token(world)
    bob = somebody(world, "bob")
    if registration is Registration.CLOSED:
        assert world.connect().refused(bob.claim(ours)) == CLOSED
    else:
        world.connect().ask(bob.claim(ours), messages.Done)
    assert world.accounts.tokens()[0].uses == 1


def test_a_token_that_the_disk_does_not_take_is_none(club: "World") -> None:
    made: list[bytes | None] = []
    club.storing = False
    club.board.admin.make_token(1, 1, made.append)
    club.store_batch(fail=True)
    assert made == [None]


def test_no_token_is_on_the_disk(club: "World", path: Path) -> None:
    ours = token(club)
    club.database.close()
    assert all(ours not in file.read_bytes() for file in path.parent.iterdir())


# --- removal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True])
def test_a_removed_name_is_nobodys_for_good(
    make_world: "Callable[..., World]", path: Path, somebody: Somebody, *, restarted: bool
) -> None:
    world = make_world(path=path)
    bob = world.account("bob")
    assert remove(world, "bob") is None
    if restarted:
        world.crash()
    assert world.connect().refused(messages.Fetch(1, "bob", False)) == Refusal.NO_SUCH_NAME
    for claim in (bob.claim(), somebody(world, "bob").claim(), somebody(world, "b0b").claim()):
        assert world.connect().refused(claim) == Refusal.NAME_TAKEN
    client = world.connect()
    assert client.refused(bob.authenticate(client.hello)) == Refusal.NOT_AUTHENTICATED
    opening = messages.Open(1, world.mailboxes["bob"], bob.capability, False)
    assert world.connect().refused(opening) == Refusal.NO_SUCH_CAPABILITY
    assert remove(world, "bob") is Refusal.NO_SUCH_NAME
    world.database.close()


def test_what_a_removed_one_had_is_gone_from_the_disk(
    make_world: "Callable[..., World]", relay_world: "ModuleType", path: Path
) -> None:
    world = make_world(path=path)
    bob, carol = world.account("bob"), world.account("carol")
    owner = world.sign_in(bob)
    prekeys = [bob.prekey(PrekeyKind.ONE_TIME, 1)]
    owner.ask(messages.Publish(4, bob.prekey(PrekeyKind.SIGNED, 1), prekeys), messages.Done)
    owner.leave()
    sender = world.connect()
    for account, text in ((bob, b"for bob"), (carol, b"for carol")):
        sender.say(relay_world.submissions(sender.open(account), [text]))
    assert remove(world, "bob") is None
    assert relay_world.owners(world.store) == [world.mailboxes["carol"]]
    for table in ("account", "one_time"):
        assert (
            world.database.rows(f"SELECT * FROM {table} WHERE mailbox = ?", (world.mailboxes["bob"],)) == []
        )
    world.crash()
    assert world.sign_in(carol).envelopes() == [b"for carol"]
    world.database.close()


@pytest.mark.parametrize("stage", ["live", "open", "under way", "stored"])
def test_senders_to_a_removed_one_are_settled(world: "World", relay_world: "ModuleType", stage: str) -> None:
    bob = world.account("bob")
    owner = world.sign_in(bob) if stage == "live" else None
    sender = world.connect()
    channel = sender.open(bob)
    world.storing = False
    answers: list[Refusal | None] = []
    world.board.admin.remove("bob", answers.append)
    work = world.board.take_work() if stage == "open" else []
    sender.say(relay_world.submissions(channel, [b"1", b"2"]))
    if stage == "open":
        world.board.finished(work, world.now)
    else:
        world.store_batch()
        if stage == "stored":
            world.store_batch()
    world.storing = True
    world.turn()
    assert answers == [None]
    assert sender.settled() == 2
    assert list(world.store.index()) == []
    assert owner is None or owner.closing
    # What comes later finds nobody.
    sender.say(relay_world.submissions(channel, [b"3"]))
    assert sender.closing


def test_a_removal_that_the_disk_does_not_take_did_not_happen(world: "World", somebody: Somebody) -> None:
    bob = world.account("bob")
    owner = world.sign_in(bob)
    answers: list[Refusal | None] = []
    world.storing = False
    world.board.admin.remove("bob", answers.append)
    assert world.connect().refused(bob.claim()) == Refusal.LIMIT
    world.store_batch(fail=True)
    assert answers == [Refusal.STORAGE]
    world.storing = True
    assert not owner.closing
    world.connect().ask(bob.claim(), messages.Done)


def test_nobody_is_removed_while_claiming(world: "World") -> None:
    bob = world.account("bob")
    world.storing = False
    world.connect().say(messages.encode(bob.claim()))
    answers: list[Refusal | None] = []
    world.board.admin.remove("bob", answers.append)
    assert answers == [Refusal.LIMIT]


def test_users_are_listed_with_what_waits(world: "World", relay_world: "ModuleType") -> None:
    bob, _ = world.account("bob"), world.account("alice")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [b"12345"]))
    alice, found = world.board.admin.users()
    assert (alice.name, alice.waiting, alice.size, alice.connected) == ("alice", 0, 0, False)
    assert (found.name, found.waiting, found.connected, found.one_time_prekeys) == ("bob", 1, False, 0)
    assert found.size > 5
    world.sign_in(bob)
    assert world.board.admin.users()[1].connected


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_database_of_the_first_version_is_brought_up(world: "World", path: Path) -> None:

    old = sqlite3.connect(path)
    old.executescript(f"{_TABLES[0]} PRAGMA user_version = 1;")
    old.close()
    database = Database(path)
    assert Accounts(database).tombstones() == []
    assert Accounts(database).clock() is None
    database.close()
