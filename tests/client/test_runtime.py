"""Steps that fail: a disk that does not take them leaves nothing half done, and the account goes on."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client import runtime
from e2echat.client.account import Account
from e2echat.client.backend import GoneError
from e2echat.client.effects import Want
from e2echat.client.engine import Engine
from e2echat.client.events import Event, MessageArrived, MessageState, Missed, Problem, Working
from e2echat.client.own import Own
from e2echat.client.runtime import MAX_LINKS
from e2echat.client.subscription import MAX_EVENTS
from e2echat.crypto.puzzles import Puzzle
from e2echat.errors import LocalError, StorageError
from e2echat.store.database import Database
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0
Breaks = Callable[[Account, str], "Any"]


@pytest.fixture(name="broken")
def _broken(monkeypatch: pytest.MonkeyPatch) -> Breaks:
    """Within it, one account's disk refuses statements that begin so."""
    execute = Database.execute

    @contextmanager
    def broken(account: Account, beginning: str) -> Iterator[threading.Event]:
        refused = threading.Event()

        def failing(database: Database, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
            if database is inside(account)._records._database and sql.startswith(beginning):
                refused.set()
                raise StorageError("the disk is full")
            return execute(database, sql, params)

        with monkeypatch.context() as patch:
            patch.setattr(Database, "execute", failing)
            yield refused

    return broken


@pytest.fixture(name="people")
def _people(site: "Site") -> tuple[Account, Account]:
    alice, bob = site.create("alice"), site.create("bob")
    alice.send("bob", "hello")
    _await(bob, lambda event: isinstance(event, MessageArrived))
    bob.send("alice", "hi")
    _await(alice, lambda event: isinstance(event, MessageArrived))
    return alice, bob


def test_work_for_a_stranger_is_told_and_is_not_waiting(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = site.create("alice")
    site.create("bob")
    really, working, asked = Puzzle.search, Engine.working, threading.Event()

    def slowly(puzzle: Puzzle, first: int, count: int) -> bytes | None:
        # Until whoever waits has been told that this is work.
        assert asked.wait(PATIENCE)
        return really(puzzle, first, count)

    def ask(engine: Engine, link: str) -> bool:
        if found := working(engine, link):
            asked.set()
        return found

    monkeypatch.setattr(Puzzle, "search", slowly)
    monkeypatch.setattr(Engine, "working", ask)
    alice.send("bob", "hello", timeout=PATIENCE)
    _await(alice, lambda event: event == Working(site.address, 4))


def _await(account: Account, wanted: Callable[[Event], bool]) -> None:
    while (event := account.next_event(PATIENCE)) is not None:
        if wanted(event):
            return
    raise AssertionError("it did not happen")


@pytest.mark.parametrize(("working", "answer"), [(True, "found"), (False, None)])
def test_time_that_is_worked_is_not_waited(
    site: "Site", monkeypatch: pytest.MonkeyPatch, working: bool, answer: str | None
) -> None:
    account = site.create("alice")
    seconds = itertools.count(step=1.0)
    monkeypatch.setattr(
        runtime, "time", SimpleNamespace(monotonic=lambda: next(seconds), time_ns=time.time_ns)
    )
    monkeypatch.setattr(runtime, "BREATH", 0.001)
    answers = iter([*[None] * 50, "found"])
    found = inside(account).runtime.wait(lambda: next(answers), 0.003, working=lambda: working)
    assert found == answer


@pytest.mark.parametrize("beginning", ["BEGIN", "INSERT INTO messages", "INSERT INTO outbox", "COMMIT"])
def test_a_text_that_the_disk_does_not_take(
    people: tuple[Account, Account], broken: Breaks, beginning: str
) -> None:
    alice, bob = people
    before = alice.history("bob")
    with broken(alice, beginning), pytest.raises(StorageError):
        alice.send("bob", "lost")
    assert [message.id for message in alice.history("bob")] == [message.id for message in before]
    message = alice.send("bob", "kept")
    assert alice.wait(message, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED
    assert [message.text for message in bob.history("alice")] == ["hello", "hi", "kept"]


@pytest.mark.parametrize("beginning", ["BEGIN", "INSERT INTO seen", "COMMIT"])
def test_an_envelope_that_the_disk_does_not_take_comes_again(
    people: tuple[Account, Account], broken: Breaks, beginning: str
) -> None:
    alice, bob = people
    with broken(bob, beginning) as refused:
        message = alice.send("bob", "wait for it")
        assert refused.wait(PATIENCE)
    assert alice.wait(message, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED
    assert [message.text for message in bob.history("alice")] == ["hello", "hi", "wait for it"]


def test_a_disk_that_fails_without_a_connection_says_so(
    people: tuple[Account, Account], site: "Site", broken: Breaks
) -> None:
    people[1].close()
    with site.open("bob", connect=False) as bob:
        with broken(bob, "BEGIN"), pytest.raises(StorageError):
            bob.accept("alice")
        bob.accept("alice")


def test_what_a_failed_step_wanted_told_is_not_told(people: tuple[Account, Account]) -> None:
    alice, _ = people
    runtime = inside(alice).runtime

    def fail() -> None:
        inside(alice)._engine.context.tell(Problem("half done"))
        raise LocalError("no")

    with pytest.raises(LocalError):
        runtime.step(fail)
    runtime.step(lambda: None)
    while (event := alice.next_event(0)) is not None:
        assert event != Problem("half done")


def test_waiting_ends_when_the_account_is_closed(site: "Site") -> None:
    alice = site.create("alice")
    runtime = inside(alice).runtime
    alice.close()
    with pytest.raises(GoneError):
        runtime.wait(lambda: None, PATIENCE)


def test_events_that_nobody_takes_are_bounded(people: tuple[Account, Account]) -> None:
    alice, _ = people
    event = MessageArrived(alice.history("bob")[0])
    for _ in range(MAX_EVENTS + 10):
        inside(alice).runtime._tell(event)
    assert isinstance(alice.next_event(0), Missed)
    assert [alice.next_event(0) for _ in range(MAX_EVENTS + 1)] == [event] * MAX_EVENTS + [None]


def test_what_an_interrupted_step_sealed_never_leaves(
    people: tuple[Account, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C between sealing and commit: the next text gets the same number and key, and must be the one that arrives."""
    alice, bob = people
    finish = inside(alice)._engine.finish

    def interrupted() -> object:
        finish()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(inside(alice)._engine, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            alice.send("bob", "never kept")
    kept = alice.send("bob", "kept")
    assert alice.wait(kept, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED
    assert [message.text for message in bob.unshown()] == ["hello", "kept"]


def test_a_bug_in_a_step_is_reported_and_the_links_go_on(
    people: tuple[Account, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people
    reported = threading.Event()
    take = inside(bob)._engine.link_frames

    def buggy(link: str, frames: Any) -> None:
        if reported.is_set():
            take(link, frames)
        else:
            raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: reported.set())
        patch.setattr(inside(bob)._engine, "link_frames", buggy)
        message = alice.send("bob", "still there?")
        assert alice.wait(message, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED
    assert reported.is_set()


def test_links_are_few_whatever_is_wanted(
    people: tuple[Account, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = people
    runtime = inside(alice).runtime
    pin = str(alice.address).removeprefix("relay://").partition("@")[0]
    monkeypatch.setattr(Own, "reaches_over", lambda *_: True)  # a contact at each of them
    with runtime._changed:
        runtime._carry_out([Want(f"relay://{pin}@localhost:{port}") for port in range(1, 60)])
    assert len(runtime._links) == MAX_LINKS
