"""Waking the I/O thread: often, at once, and too late."""

import select

from e2echat.relay.wakeup import Wakeup


def _is_ready(wakeup: Wakeup) -> bool:
    return bool(select.select([wakeup.fileno()], [], [], 0)[0])


def test_it_is_ready_until_it_is_cleared() -> None:
    wakeup = Wakeup()
    assert not _is_ready(wakeup)
    wakeup.wake()
    wakeup.wake()
    assert _is_ready(wakeup)
    wakeup.clear()
    assert not _is_ready(wakeup)
    wakeup.clear()
    wakeup.close()


def test_more_calls_than_it_holds_are_no_fault() -> None:
    wakeup = Wakeup()
    for _ in range(70_000):
        wakeup.wake()
    looks = 0
    while _is_ready(wakeup):
        wakeup.clear()
        looks += 1
    assert 1 < looks < 70
    wakeup.close()


def test_nobody_is_woken_any_more_once_it_is_closed() -> None:
    wakeup = Wakeup()
    wakeup.close()
    wakeup.wake()
