"""``send`` while a relay wants work: what a person hears of it."""

import threading
from io import StringIO
from typing import TYPE_CHECKING, cast

import pytest

from e2echat.client.events import Connected, Event, Problem, Working
from e2echat.errors import LocalError
from e2echat.faces.cli.send import told_of_work
from e2echat.faces.output import Output
from e2echat.faces.wording import notice, work_words

if TYPE_CHECKING:
    from e2echat.client.account import Account


class Worker:
    """Tells of events, and notes when all were taken."""

    def __init__(self, *events: Event) -> None:
        self._events = list(events)
        self.told = threading.Event()

    def next_event(self, timeout: float | None) -> Event:
        assert timeout is not None
        if self._events:
            return self._events.pop(0)
        self.told.set()
        raise LocalError("the account is closed")


def told(*events: Event, is_screen: bool = True, as_json: bool = False) -> str:
    out, worker = Output(StringIO(), (notes := StringIO()), is_screen=is_screen), Worker(*events)
    out.json = as_json
    with told_of_work(cast("Account", worker), out):
        if is_screen and not as_json:
            assert worker.told.wait(30)
    return notes.getvalue()


def test_long_work_is_told_on_a_terminal_alone() -> None:
    assert "puzzle" in told(Connected(), Working("relay", 24))
    assert told(Connected(), Working("relay", 20)) == ""
    assert "brought back" in told(Problem("brought back from an older state"))
    assert told(Working("relay", 24), is_screen=False) == ""
    assert told(Working("relay", 24), as_json=True) == ""


@pytest.mark.parametrize(("bits", "said"), [(20, None), (21, "1 s"), (24, "8 s"), (26, "34 s")])
def test_how_long_it_takes(bits: int, said: str | None) -> None:
    words = work_words(bits)
    assert words is None if said is None else words is not None and said in words
    assert notice(Working("relay", bits)) == words
