"""A profile that is locked while others have it open: nobody has its keys then, and its passphrase opens it again."""

import gc
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.client import doorman, holding, idle, keeper, locking
from e2echat.client.account import Account
from e2echat.client.bequest import Bequest
from e2echat.client.context import Context
from e2echat.client.engine import Engine
from e2echat.client.events import MessageArrived
from e2echat.client.local import LocalAccount
from e2echat.client.own import Own
from e2echat.client.remote import Remote
from e2echat.client.settings import Settings
from e2echat.errors import (
    LocalError,
    LockedError,
    NoProfileError,
    ProfileBusyError,
    StorageError,
    WrongPassphraseError,
)
from e2echat.store.database import Database
from e2echat.store.lock_mark import LockMark
from e2echat.store.passphrase import FLOOR
from e2echat.store.profile import Profile
from e2echat.store.vault import VaultContents, seal_vault
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0
PASSPHRASE = "correct horse"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "seal_vault", partial(seal_vault, cost=FLOOR))


@pytest.fixture
def alice(site: "Site") -> Iterator[Account]:
    """Whose profile has a passphrase."""
    account = site.create("alice")
    account.change_passphrase(None, PASSPHRASE)
    yield account
    account.close()


@pytest.fixture
def home(site: "Site") -> Path:
    return site.home("alice")


def _open(home: Path, *, stays: bool = False) -> Account:
    return Account.open(home, lambda: PASSPHRASE, stays=stays)


def _unused_for(account: Account, seconds: int) -> Settings:
    return replace(account.settings(), lock_after=seconds)


def _listen(account: Account) -> None:
    """Until it is locked."""
    with suppress(LockedError):
        while account.next_event(PATIENCE) is not None:
            pass
        pytest.fail("it was not locked")


def _has_no_keys(account: Account) -> bool:
    sharing = account._sharing
    return (sharing._owner, sharing._vault, sharing._bequest) == (None, None, None)


def test_whoever_has_it_open_has_it_no_longer(alice: Account, home: Path) -> None:
    heir, other = _open(home, stays=True), _open(home)
    assert heir._sharing._bequest is not None
    assert Account.lock_profile(home)
    for account in (alice, heir, other):
        with pytest.raises(LockedError):
            account.status()
        assert _has_no_keys(account)
        account.close()
    assert not Account.lock_profile(home)
    with _open(home) as again:
        assert again.name == "alice"


@pytest.mark.parametrize("who", ["owner", "other"])
def test_any_of_them_may_lock_it(alice: Account, home: Path, who: str) -> None:
    other = _open(home, stays=True)
    (alice if who == "owner" else other).lock()
    for account in (alice, other):
        with pytest.raises(LockedError):
            account.contacts()
        account.close()


def test_who_asks_the_owner_alone_locks_the_others_too(alice: Account, home: Path) -> None:
    """As a program of another language does, through the socket."""
    heir = _open(home, stays=True)
    inside(alice).lock()
    _listen(heir)
    assert _has_no_keys(heir)
    heir.close()


def test_calls_under_way_end(alice: Account, home: Path) -> None:
    other = _open(home)
    ended: list[str] = []

    def listen(account: Account, name: str) -> None:
        _listen(account)
        ended.append(name)

    listening = [threading.Thread(target=listen, args=each) for each in ((alice, "owner"), (other, "other"))]
    for thread in listening:
        thread.start()
    alice.lock()
    for thread in listening:
        thread.join(PATIENCE)
    assert sorted(ended) == ["other", "owner"]
    other.close()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Python collects nothing by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _in_memory() -> set[str]:
    kinds = (Own, VaultContents, Database, Engine, Context)
    return {type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds)}


def test_nothing_of_the_account_is_left_in_the_process(uncollected: None, alice: Account, home: Path) -> None:
    heir = _open(home, stays=True)
    assert _in_memory() == {"Own", "VaultContents", "Database", "Engine", "Context"}
    alice.lock()
    heir.close()
    assert _in_memory() == set()


def test_who_was_suspended_forgets_before_it_goes_on(alice: Account, home: Path) -> None:
    """It cannot be told: it finds the mark."""
    alice.let_go()
    assert alice._sharing._vault is not None
    assert not Account.lock_profile(home)
    alice.take_up()
    with pytest.raises(LockedError):
        alice.status()
    assert _has_no_keys(alice)


def test_a_heir_that_is_slow_finds_the_mark(alice: Account, home: Path) -> None:
    """The lock falls between the end of the owner and the heir's taking over."""
    heir = _open(home, stays=True)
    with heir._sharing._changed:  # it cannot settle meanwhile
        alice.close()
        Profile.open(home).mark.renew()
    with pytest.raises(LockedError):
        heir.status()
    assert _has_no_keys(heir)
    heir.close()


def test_what_came_meanwhile_waits_at_the_relay(site: "Site", alice: Account, home: Path) -> None:
    bob = site.create("bob")
    alice.lock()
    bob.send("alice", "are you there?")
    with _open(home) as again:
        while not again.unshown():
            assert again.next_event(PATIENCE)
        assert [message.text for message in again.unshown()] == ["are you there?"]


def test_without_a_passphrase_there_is_nothing_to_lock(site: "Site") -> None:
    account = site.create("carol")
    for lock in (account.lock, lambda: Account.lock_profile(site.home("carol"))):
        with pytest.raises(LocalError):
            lock()
    assert account.name == "carol"
    with pytest.raises(LocalError):
        account.change_settings(_unused_for(account, 600))
    account.close()
    with pytest.raises(LocalError):
        Account.lock_profile(site.home("carol"))
    with pytest.raises(NoProfileError):
        Account.lock_profile(site.home("nobody"))


def test_an_owner_that_does_not_let_go_is_an_error(
    alice: Account, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "WAIT", 0.1)
    monkeypatch.setattr(LocalAccount, "lock", lambda _: None)
    with pytest.raises(ProfileBusyError):
        Account.lock_profile(home)


class TestUnattended:
    @pytest.fixture
    def now(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        clock = [1000.0]
        monkeypatch.setattr(idle, "LOOK", 0.01)
        monkeypatch.setattr(idle.Idle.__init__, "__defaults__", (lambda: clock[0],))
        return clock

    @pytest.mark.parametrize("limit", [-1, 1 << 40])
    def test_times_that_nobody_can_mean(self, alice: Account, limit: int) -> None:
        with pytest.raises(LocalError):
            alice.change_settings(_unused_for(alice, limit))

    def test_it_locks_by_itself(self, now: list[float], alice: Account, home: Path) -> None:
        alice.change_settings(_unused_for(alice, 600))
        other = _open(home, stays=True)
        now[0] += 601
        for account in (alice, other):
            _listen(account)
            assert _has_no_keys(account)
            account.close()
        with _open(home) as again:
            assert again.settings().lock_after == 600

    def test_what_arrives_is_no_use_and_what_is_sent_is(
        self, now: list[float], site: "Site", alice: Account
    ) -> None:
        bob = site.create("bob")
        alice.change_settings(_unused_for(alice, 600))
        now[0] += 500
        alice.send("bob", "hello")
        now[0] += 500
        while not isinstance(bob.next_event(PATIENCE), MessageArrived):
            pass
        bob.send("alice", "hi")
        while not alice.unshown():
            alice.next_event(PATIENCE)
        now[0] += 101
        _listen(alice)

    def test_a_status_bar_that_asks_again_and_again_is_no_use(
        self, now: list[float], alice: Account, home: Path
    ) -> None:
        alice.change_settings(_unused_for(alice, 600))
        for _ in range(5):
            now[0] += 119
            with _open(home) as bar:
                bar.catch_up(PATIENCE)
                bar.ask_relay()
                assert bar.status().name == "alice"
        now[0] += 10
        _listen(alice)
        assert _has_no_keys(alice)

    def test_not_once_the_passphrase_is_gone(self, now: list[float], alice: Account) -> None:
        alice.change_settings(_unused_for(alice, 600))
        alice.change_passphrase(PASSPHRASE, None)
        assert inside(alice).idle.left() is None
        alice.change_passphrase(None, PASSPHRASE)
        assert inside(alice).idle.left() == 600


def test_nobody_gets_past_who_holds_it_without_the_passphrase(alice: Account, home: Path) -> None:
    alice.lock()
    opened: queue.SimpleQueue[Bequest] = queue.SimpleQueue()
    with Account.guarded(home, opened.put):
        with pytest.raises(WrongPassphraseError):
            Account.open(home, lambda: "wrong")
        with pytest.raises(ProfileBusyError), Account.guarded(home, opened.put):
            pass
        assert not Account.lock_profile(home)
    assert opened.empty()


class Command(threading.Thread):
    """Opens a profile, looks at the account's name, and ends."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self.asked = 0
        self.name_found = ""

    def _passphrase(self) -> str:
        self.asked += 1
        return PASSPHRASE

    def run(self) -> None:
        with Account.open(self._home, self._passphrase) as account:
            self.name_found = account.name


def test_the_passphrase_is_asked_for_once_and_opens_it_for_both(alice: Account, home: Path) -> None:
    alice.lock()
    opened: queue.SimpleQueue[Bequest] = queue.SimpleQueue()
    command = Command(home)
    with Account.guarded(home, opened.put):
        command.start()
        bequest = opened.get(timeout=PATIENCE)
    with Account.open(home, lambda: pytest.fail("it was asked for"), bequest=bequest) as holder:
        command.join(PATIENCE)
        assert holder.name == "alice"
    assert (command.name_found, command.asked) == ("alice", 1)


@pytest.mark.parametrize("when", ["the passphrase is being tried", "it was right"])
def test_a_lock_before_who_held_it_has_opened_it_holds(
    alice: Account, home: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    alice.lock()
    opened: queue.SimpleQueue[Bequest] = queue.SimpleQueue()

    def unlock_and_lock(profile: Profile, passphrase: Callable[[], str]) -> VaultContents:
        found = holding.unlock(profile, passphrase)
        assert not Account.lock_profile(home)
        return found

    with monkeypatch.context() as patch, Account.guarded(home, opened.put):
        if when == "the passphrase is being tried":
            patch.setattr(doorman, "unlock", unlock_and_lock)
        with closing(Remote(Profile.open(home).socket)) as remote:
            remote.unlock(PASSPHRASE)
        bequest = opened.get(timeout=PATIENCE)
    if when == "it was right":
        assert not Account.lock_profile(home)
    assert bequest.secrets not in repr(bequest)
    with pytest.raises(LockedError):
        Account.open(home, lambda: pytest.fail("it was asked for"), bequest=bequest)
    _open(home).close()


def test_a_lock_while_the_passphrase_is_asked_for_is_not_undone_by_giving_it(
    alice: Account, home: Path
) -> None:
    alice.lock()
    opened: queue.SimpleQueue[Bequest] = queue.SimpleQueue()

    def lock_meanwhile() -> str:
        Account.lock_profile(home)
        return PASSPHRASE

    with Account.guarded(home, opened.put):
        with pytest.raises(LockedError):
            Account.open(home, lock_meanwhile)
        assert opened.empty()


def test_it_is_not_asked_for_again_if_who_held_it_ends(alice: Account, home: Path) -> None:
    alice.lock()
    opened: queue.SimpleQueue[Bequest] = queue.SimpleQueue()
    command = Command(home)
    with Account.guarded(home, opened.put):
        command.start()
        opened.get(timeout=PATIENCE)
    command.join(PATIENCE)
    assert (command.name_found, command.asked) == ("alice", 1)


def test_there_is_nothing_to_hold_without_a_passphrase(site: "Site") -> None:
    site.create("carol").close()
    with pytest.raises(LocalError), Account.guarded(site.home("carol"), print):
        pass


@pytest.mark.parametrize("way", ["asked", "idle"])
def test_what_opens_it_is_given_to_nobody_while_it_is_being_locked(
    alice: Account, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whoever comes behind the new mark would take it for his own, and stay open."""
    local = inside(alice)
    assert local.bequest()
    given: list[str] = []
    renew = LockMark.renew

    def renew_and_ask(mark: LockMark) -> None:
        renew(mark)
        with suppress(LockedError):
            given.append(local.bequest())

    monkeypatch.setattr(LockMark, "renew", renew_and_ask)
    if way == "asked":
        local.lock()
    else:
        local._lock_unattended()
    assert given == []


def test_a_lock_that_the_disk_does_not_take_changes_nothing(
    alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: LockMark) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(LockMark, "renew", fail)
    with pytest.raises(StorageError):
        inside(alice).lock()
    assert inside(alice).bequest()


def test_a_lock_while_the_passphrase_is_asked_for_holds(alice: Account, home: Path) -> None:
    alice.close()

    def lock_meanwhile() -> str:
        Profile.open(home).mark.renew()
        return PASSPHRASE

    with pytest.raises(LockedError):
        Account.open(home, lock_meanwhile)
    # It is whoever begins then who is asked anew.
    _open(home).close()
