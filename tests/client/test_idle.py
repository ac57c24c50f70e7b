"""When a profile locks by itself."""

import threading
from collections.abc import Iterator

import pytest

from e2echat.client.idle import UNATTENDED, Idle
from e2echat.client.methods import served_names

PATIENCE = 30.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def locked() -> threading.Event:
    return threading.Event()


@pytest.fixture
def idle(clock: Clock, locked: threading.Event) -> Iterator[Idle]:
    made = Idle(locked.set, clock)
    yield made
    made.close()


def _watches(idle: Idle) -> bool:
    return idle._thread is not None


def test_never_unless_wanted(idle: Idle, clock: Clock) -> None:
    clock.now += 1e9
    assert idle.left() is None
    assert not _watches(idle)


def test_after_its_time(
    idle: Idle, clock: Clock, locked: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.client.idle.LOOK", 0.01)
    idle.set_limit(600)
    assert idle.left() == 600
    clock.now += 599
    assert idle.left() == 1
    assert not locked.is_set()
    clock.now += 1
    assert locked.wait(PATIENCE)


@pytest.mark.parametrize("method", ["send", "history", "typing"])
def test_who_uses_it_puts_it_off(idle: Idle, clock: Clock, method: str) -> None:
    idle.set_limit(600)
    clock.now += 500
    with idle.use(method):
        clock.now += 10_000
        assert idle.left() == 600
    assert idle.left() == 600
    clock.now += 100
    assert idle.left() == 500


@pytest.mark.parametrize("method", sorted(UNATTENDED))
def test_what_faces_do_by_themselves_does_not(idle: Idle, clock: Clock, method: str) -> None:
    assert method in served_names()
    idle.set_limit(600)
    clock.now += 500
    with idle.use(method):
        assert idle.left() == 100
    assert idle.left() == 100


def test_a_call_that_fails_is_over(idle: Idle, clock: Clock) -> None:
    idle.set_limit(600)
    with pytest.raises(KeyError), idle.use("send"):
        raise KeyError
    clock.now += 600
    assert idle.left() == 0


def test_switched_off_again(idle: Idle, clock: Clock, locked: threading.Event) -> None:
    idle.set_limit(600)
    idle.set_limit(0)
    clock.now += 601
    assert idle.left() is None
    idle.close()
    assert not locked.is_set()
