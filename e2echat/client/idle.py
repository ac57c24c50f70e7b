"""Noticing that nobody uses an account: after so long it is locked. docs/cli.md, "lock"."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

UNATTENDED = frozenset(
    {
        *("next_event", "unshown", "mark_shown", "status", "contacts", "settings", "provenance"),
        *("catch_up", "require_connection", "ask_relay", "check_database"),
    }
)
"""Methods that faces call by themselves, with nobody there, and commands that a status bar or a timer may run again and again."""
LOOK = 5.0
"""Seconds between two looks at the clock at most: a wait does not notice that the machine slept."""


def seconds_since_boot() -> float:
    """A clock that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Idle:
    """Calls ``lock``, once, when nobody has used the account for ``limit`` seconds; 0: never. Any thread may call."""

    def __init__(self, lock: Callable[[], None], clock: Callable[[], float] = seconds_since_boot) -> None:
        self._lock = lock
        self._clock = clock
        self._changed = threading.Condition()
        self._last = clock()
        self._under_way = 0
        self._limit = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def set_limit(self, limit: int) -> None:
        """Seconds, or 0."""
        with self._changed:
            self._limit = limit
            self._last = self._clock()
            if limit and self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="e2echat-idle", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @contextmanager
    def use(self, method: str) -> Iterator[None]:
        """Within, somebody uses the account, and the time begins again afterwards; unless nobody need be there for it."""
        if method in UNATTENDED:
            yield
            return
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._last = self._clock()

    def close(self) -> None:
        """Watch no longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def left(self) -> float | None:
        """Seconds until it is time; None: there is no such time. Under the lock."""
        if not self._limit:
            return None
        return self._limit if self._under_way else self._limit - (self._clock() - self._last)

    def _watch(self) -> None:
        with self._changed:
            while not self._closed and ((left := self.left()) is None or left > 0):
                self._changed.wait(None if left is None else min(left, LOOK))
            if self._closed:
                return
        self._lock()
