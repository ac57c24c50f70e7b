"""Timers and retention without a relay: at opening, before anything is shown, and as long as the profile is open."""

from typing import TYPE_CHECKING

import pytest

from e2echat.client import runtime
from e2echat.client.account import Account
from e2echat.client.events import MessagesExpired, MessageState
from e2echat.client.expiry import DAY

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0
HOUR = 3600


class Clock:
    """The wall clock of every account of a test."""

    def __init__(self) -> None:
        self.ahead = 0
        self._real = runtime.unix_milliseconds

    def __call__(self) -> int:
        return self._real() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(runtime, "unix_milliseconds", made)
    return made


@pytest.fixture
def texts(site: "Site") -> list[str]:
    """What alice wrote to bob; her account is closed, and the relay has gone."""
    alice, bob = site.create("alice"), site.create("bob")
    alice.wait(alice.send("bob", "hello"), MessageState.STORED, PATIENCE)
    while not bob.unshown():
        bob.next_event(PATIENCE)
    bob.accept("alice")
    alice.wait(alice.set_timer("bob", HOUR), MessageState.DELIVERED, PATIENCE)
    alice.wait(alice.send("bob", "for an hour"), MessageState.DELIVERED, PATIENCE)
    alice.close()
    bob.close()
    site.stop()
    return ["hello", "for an hour"]


def _texts(account: Account) -> list[str]:
    return [message.text for message in account.history("bob")]


def _await_expired(account: Account) -> None:
    while not isinstance(event := account.next_event(PATIENCE), MessagesExpired):
        assert event is not None


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens by itself after the opening."""
    monkeypatch.setattr(runtime.Runtime, "_watch_clock", lambda _: None)


def test_whoever_opens_it_late_is_shown_nothing_of_it(
    site: "Site", texts: list[str], clock: Clock, unwatched: None
) -> None:
    clock.ahead = (HOUR - 60) * 1000
    with site.open("alice", connect=False) as account:
        assert _texts(account) == texts
    clock.ahead = (HOUR + 60) * 1000
    with site.open("alice", connect=False) as account:
        assert _texts(account) == ["hello"]


def test_many_at_once(
    site: "Site", texts: list[str], clock: Clock, unwatched: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.client.expiry.AT_ONCE", 1)
    clock.ahead = (HOUR + 60) * 1000
    with site.open("alice", connect=False) as account:
        assert _texts(account) == ["hello"]


@pytest.mark.parametrize("connect", [False, True])
def test_it_goes_while_the_profile_is_open(
    site: "Site", texts: list[str], clock: Clock, connect: bool
) -> None:
    with site.open("alice", connect=connect) as account:
        assert _texts(account) == texts
        clock.ahead = (HOUR + 60) * 1000
        # Any change has the clock look again.
        account.keep("bob", 0, 0)
        _await_expired(account)
        assert _texts(account) == ["hello"]


def test_what_is_kept_for_a_while_goes_as_well(site: "Site", texts: list[str], clock: Clock) -> None:
    with site.open("alice", connect=False) as account:
        account.keep("bob", 2, None)
    clock.ahead = 3 * DAY
    with site.open("alice", connect=False) as account:
        _await_expired(account)
        while _texts(account):
            _await_expired(account)


def test_keep_is_carried_out_at_once(site: "Site", texts: list[str], clock: Clock) -> None:
    with site.open("alice", connect=False) as account:
        account.keep("bob", None, 1)
        _await_expired(account)
        assert _texts(account) == ["for an hour"]
