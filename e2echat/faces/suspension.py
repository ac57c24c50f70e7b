"""Ctrl+Z: the profile is left to other processes before this one stops, so that they need not wait for ``fg``."""

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2echat.client.account import Account


def stop_process() -> None:
    """Be stopped as by Ctrl+Z; returns when the shell lets the process go on."""
    # To this very thread: it stops before another line of it runs.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def suspend(account: "Account") -> None:
    """Leave the profile, stop, and take it up again."""
    account.let_go()
    stop_process()
    account.take_up()


@contextmanager
def suspendable(suspend: Callable[[], None]) -> Iterator[None]:
    """Within, SIGTSTP calls ``suspend``, on a thread of its own: the handler itself may interrupt anything.

    Where stops are ignored, or this is not the main thread, nothing changes.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
    ):
        yield
        return
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def serve() -> None:
        while asked.get():
            suspend()

    # Not joined: what it waits for may wait for who ends this.
    threading.Thread(target=serve, name="e2echat-suspend", daemon=True).start()
    former = signal.signal(signal.SIGTSTP, lambda *_: asked.put(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, former)
        asked.put(False)
