"""A thread that does the work which relays ask of strangers, one puzzle after the other. docs/spec/relay.md, "Work"."""

import threading
import time
from collections import deque
from collections.abc import Callable

from e2echat.crypto.puzzles import Puzzle

BATCH = 4_096
"""Tries between two looks at whether anybody still waits: about a millisecond."""


class Solver:
    """Started by the first puzzle. All methods may be called from any thread, and none of them waits for work."""

    def __init__(self, solved: Callable[[str, Puzzle, bytes], None]) -> None:
        """``solved`` is called on the solver's thread with each puzzle, the link that it is for, and the solution."""
        self._solved = solved
        self._changed = threading.Condition(threading.RLock())
        self._puzzles: deque[tuple[str, Puzzle]] = deque()
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, link: str, puzzle: Puzzle) -> None:
        """Solve this as well. A link has one puzzle at a time: a former one of its own is given up."""
        with self._changed:
            self.forget(link)
            self._puzzles.append((link, puzzle))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="e2echat-work", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def forget(self, link: str) -> None:
        """Nobody waits for this link's puzzle any more."""
        with self._changed:
            self._puzzles = deque(each for each in self._puzzles if each[0] != link)

    def close(self) -> None:
        """Stop working; ``solved`` may be called once more, by work that is through already."""
        with self._changed:
            self._closed = True
            self._puzzles.clear()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for the thread to end, after ``close``, without any lock that ``solved`` takes."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (found := self._next()) is not None:
            solution = self._solve(found)
            if solution is not None:
                self._solved(*found, solution)

    def _next(self) -> tuple[str, Puzzle] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._puzzles or self._closed)
            return self._puzzles[0] if self._puzzles else None

    def _solve(self, found: tuple[str, Puzzle]) -> bytes | None:
        """The solution; None when nobody waits for it any more."""
        first, solution = 0, None
        while solution is None:
            solution = found[1].search(first, BATCH)
            first += BATCH
            # Whoever waits for the interpreter gets it now, and not in a switch interval's time.
            time.sleep(0)
            with self._changed:
                if found not in self._puzzles:
                    return None
                if solution is not None:
                    self._puzzles.remove(found)
        return solution
