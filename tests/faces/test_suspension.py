"""Ctrl+Z, with a process that is not really stopped."""

import queue
import signal
import threading
from typing import Any

import pytest

from e2echat.faces import suspension
from e2echat.faces.suspension import suspend, suspendable

PATIENCE = 30.0


class Account:
    def __init__(self) -> None:
        self.done: list[str] = []

    def let_go(self) -> None:
        self.done.append("let go")

    def take_up(self) -> None:
        self.done.append("taken up")


def test_the_profile_is_left_before_the_process_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    account: Any = Account()
    monkeypatch.setattr(suspension, "stop_process", lambda: account.done.append("stopped"))
    suspend(account)
    assert account.done == ["let go", "stopped", "taken up"]


def test_the_signal_calls_on_another_thread_and_only_within() -> None:
    before = signal.getsignal(signal.SIGTSTP)
    called: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    with suspendable(lambda: called.put(threading.current_thread())):
        for _ in range(2):
            signal.raise_signal(signal.SIGTSTP)
            assert called.get(timeout=PATIENCE) is not threading.current_thread()
    assert signal.getsignal(signal.SIGTSTP) is before


def test_who_ignores_stops_goes_on_ignoring_them() -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with suspendable(lambda: pytest.fail("it stopped")):
            signal.raise_signal(signal.SIGTSTP)
            assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)


def test_another_thread_than_the_main_one_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGTSTP)

    def use() -> None:
        with suspendable(lambda: None):
            assert signal.getsignal(signal.SIGTSTP) is before

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(PATIENCE)
