"""One engine, its records and its links under one lock, and a thread that watches the clock.

A step is one transaction. Its effects are carried out after the commit and before the lock is let go, so that
what leaves is in the order of the steps; nothing in them blocks.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from e2echat.client import bugs
from e2echat.client.backend import GoneError
from e2echat.client.effects import Drop, Effect, Part, Scrub, Send, Solve, Tell, Up, Want
from e2echat.client.engine import MAILBOX, Engine
from e2echat.client.events import AllIn, Disconnected, Event, Working
from e2echat.client.link import Link
from e2echat.client.solver import Solver
from e2echat.client.subscription import Subscription
from e2echat.crypto.puzzles import Puzzle
from e2echat.errors import E2EChatError, StorageError
from e2echat.store.records import Records
from e2echat.wire.address import RelayAddress

MAX_LINKS = 16
"""Connections kept to relays; a contact says where his is, and may say so again and again."""
BREATH = 1.0
"""Seconds before the clock's next step after one that failed."""

Result = TypeVar("Result")


def unix_milliseconds() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Runtime:
    """Runs an engine. Implements ``LinkListener`` for its links."""

    def __init__(self, engine: Engine, records: Records) -> None:
        self.engine = engine
        self.records = records
        self.failures: dict[str, E2EChatError] = {}
        """Why each link is down, by its name; a link that is up has no entry."""
        self.all_in = False
        """Whether everything that waited at the relay at sign-in has been taken in."""
        self._changed = threading.Condition(threading.RLock())
        self._subscriptions: list[Subscription] = []
        self._caller = threading.local()
        self._links: dict[str, Link] = {}
        self._names: dict[Link, str] = {}
        self._retired: list[Link] = []
        self._closed = False
        self._solver = Solver(self._solved)
        self._clock = threading.Thread(target=self._watch_clock, name="e2echat-clock", daemon=True)

    # --- what the account calls ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to watch the clock. What has outlived its time is gone when this returns, and nobody is shown it."""
        expiry = self.engine.housekeeping.expiry
        while self.step(expiry.run_out):
            pass
        self._clock.start()

    def start(self) -> None:
        """Connect, and stay connected. Again does nothing."""
        with self._changed:
            if not self.started and not self._closed:
                self._connect_own()
                self._changed.notify_all()

    def relink(self) -> None:
        """Make every connection anew: where our relay is, or what leads there, has changed."""
        with self._changed:
            if self.started:
                for name in list(self._links):
                    self._retire(name)
                self.engine.abandon()
                self.failures.clear()
                self.all_in = False
                self._connect_own()

    def hurry(self) -> None:
        """Somebody has something to send: what is not connected tries again soon."""
        with self._changed:
            for link in self._links.values():
                link.hurry()

    @property
    def started(self) -> bool:
        """Whether it connects at all."""
        return bool(self._links)

    def step(self, action: Callable[[], Result]) -> Result:
        """Run ``action`` on the engine as one step.

        Raises:
            StorageError: the disk did not take it; nothing of it happened.
            GoneError: after ``close``.
        """
        with self._changed:
            self._require_open()
            self.engine.begin(unix_milliseconds())
            sound = False
            try:
                with self.records.transaction():
                    try:
                        result = action()
                    except E2EChatError as error:
                        # A refusal comes before anything is sealed or queued; a failing disk comes anywhere.
                        sound = not isinstance(error, StorageError)
                        raise
                    effects = self.engine.finish()
                self._carry_out(effects)
                sound = True
            finally:
                if not sound:
                    self._start_over()
                self._changed.notify_all()
            return result

    def _start_over(self) -> None:
        """The engine may be ahead of the records, whatever interrupted it: nothing that it queued may leave."""
        self.engine.abandon()
        failure = StorageError("a step could not be completed")
        self._carry_out([Drop(name, failure) for name in self._links])

    def look(self, question: Callable[[], Result]) -> Result:
        """Ask the records or the engine something, between steps; GoneError after ``close``."""
        with self._changed:
            self._require_open()
            return question()

    def wait(
        self, question: Callable[[], Result], timeout: float, *, working: Callable[[], bool] = lambda: False
    ) -> Result | None:
        """The first answer that is not None; None when there is none within ``timeout`` seconds.

        Time in which we are ``working`` for the answer does not count.

        Raises:
            GoneError: closed meanwhile.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                self._require_open()
                answer = question()
                began = time.monotonic()
                if answer is None and working():
                    self._changed.wait(BREATH)
                    deadline += time.monotonic() - began
                    continue
                left = deadline - began
                if answer is not None or left <= 0:
                    return answer
                self._changed.wait(min(left, threading.TIMEOUT_MAX))

    def subscribe(self) -> Subscription:
        """Events from now on, for one consumer."""
        with self._changed:
            self._subscriptions.append(Subscription())
            return self._subscriptions[-1]

    def unsubscribe(self, subscription: Subscription) -> None:
        """Its consumer has gone: what was called for it ends with GoneError."""
        with self._changed:
            self._subscriptions.remove(subscription)
            subscription.closed = True
            self._changed.notify_all()

    @contextmanager
    def calling_for(self, subscription: Subscription) -> Iterator[None]:
        """What this thread does within is for that consumer."""
        self._caller.subscription = subscription
        try:
            yield
        finally:
            self._caller.subscription = None

    def next_event(self, subscription: Subscription, timeout: float | None) -> Event | None:
        """The oldest event that its consumer has not taken; None when there is none within ``timeout`` seconds.

        Raises:
            GoneError: closed meanwhile.
        """
        return self.wait(subscription.take, threading.TIMEOUT_MAX if timeout is None else timeout)

    def close(self, flush: float) -> None:
        """Stop: links flushed for at most ``flush`` seconds, threads ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            links = [*self._links.values(), *self._retired]
        self._solver.close()
        for link in links:
            link.close(flush=flush)
        self._solver.join()
        if self._clock.ident is not None:
            self._clock.join()

    # --- LinkListener ------------------------------------------------------------------------------------------------

    def link_up(self, link: Link, certificate_hash: bytes) -> None:
        """See ``LinkListener``."""
        self._reported(lambda: self.engine.link_up(self._names[link], certificate_hash), link)

    def link_frames(self, link: Link, frames: list[tuple[int, bytes]]) -> None:
        """See ``LinkListener``."""
        self._reported(lambda: self.engine.link_frames(self._names[link], frames), link)

    def link_down(self, link: Link, error: E2EChatError) -> None:
        """See ``LinkListener``."""
        with self._changed:
            if link in self._names:
                # The reason for which the engine dropped a connection says more than that it is gone.
                self.failures.setdefault(self._names[link], error)
                self._solver.forget(self._names[link])
        self._reported(lambda: self.engine.link_down(self._names[link], str(error)), link)

    # --- work -------------------------------------------------------------------------------------------------------

    def _solved(self, link: str, puzzle: Puzzle, solution: bytes) -> None:
        self._reported(lambda: self.engine.solved(link, puzzle, solution))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _require_open(self) -> None:
        caller: Subscription | None = getattr(self._caller, "subscription", None)
        if self._closed or (caller is not None and caller.closed):
            raise GoneError

    def _reported(self, action: Callable[[], None], link: Link | None = None) -> None:
        """A step that no caller waits for: a failing disk is kept as the reason for being disconnected.

        Of a link that was retired nothing is heard any more.
        """
        try:
            with self._changed:
                if not self._closed and (link is None or link in self._names):
                    self.step(action)
        except StorageError as error:
            self.failures[MAILBOX] = error
        except Exception as error:  # noqa: BLE001 - a bug is reported, and must not silence the link for good
            bugs.report(error)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(name, data):
                    self._links[name].send(data)
                case Solve(name, puzzle):
                    self._solver.put(name, puzzle)
                    self._tell(Working(name, puzzle.bits))
                case Drop(name, error):
                    self._drop(name, error)
                case Up(name):
                    self.failures.pop(name, None)
                case Want(address, name):
                    self._want(name or address, address)
                case Part(name) if name in self._links:
                    self._retire(name)
                case Tell(event):
                    self._tell(event)
                case Scrub():
                    self.records.empty_log()

    def _drop(self, name: str, error: E2EChatError) -> None:
        self._solver.forget(name)
        self.failures[name] = error
        self._links[name].drop(retry=True)
        if name == MAILBOX:
            self._tell(Disconnected(str(error)))

    def _want(self, name: str, address: str) -> None:
        if self.started and name not in self._links:
            self._make_room()
            if len(self._links) < MAX_LINKS:
                self._connect(name, RelayAddress.parse(address))

    def _tell(self, event: Event) -> None:
        if isinstance(event, AllIn | Disconnected):
            self.all_in = isinstance(event, AllIn)
        for subscription in self._subscriptions:
            subscription.put(event)

    def _make_room(self) -> None:
        """A relay that moved, or a contact who said that his did, leaves a link behind that nobody needs."""
        own = self.engine.context.own
        asked = {link for link, _ in self.engine.inquiries.wanted}
        for name in self._links.keys() - {MAILBOX} - asked:
            if name not in self.engine.pairings and not own.reaches_over(self.records, name):
                self._retire(name)

    def _retire(self, name: str) -> None:
        link = self._links.pop(name)
        del self._names[link]
        self.failures.pop(name, None)
        self._solver.forget(name)
        link.drop(retry=False)
        self._retired = [one for one in self._retired if one.running]
        self._retired.append(link)

    def _connect_own(self) -> None:
        address = self.engine.context.own.address
        self._connect(MAILBOX, address)
        self._connect(str(address), address)

    def _connect(self, name: str, address: RelayAddress) -> None:
        link = Link(address, self, proxy=self.engine.context.own.proxy)
        self._links[name] = link
        self._names[link] = name
        link.start()

    def _watch_clock(self) -> None:
        """Wake the engine when something is due."""
        with self._changed:
            while not self._closed:
                left = self._time_left()
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                before = self.failures.get(MAILBOX)
                # Without connections nothing is due but what concerns this profile alone.
                self._reported(self.engine.tick if self.started else self.engine.housekeeping.expiry.run)
                if self.failures.get(MAILBOX) is not before:
                    self._changed.wait(BREATH)

    def _time_left(self) -> float | None:
        try:
            due = self.engine.next_due() if self.started else self.engine.housekeeping.expiry.due
        except StorageError as error:
            self.failures[MAILBOX] = error
            return BREATH
        return None if due is None else (due - unix_milliseconds()) / 1000
