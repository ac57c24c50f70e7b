"""How far messages of ours have come, said in a stream that nothing is ever changed in: once it stays so, and is news."""

from dataclasses import dataclass, field

from e2echat.client.events import MessageState
from e2echat.faces.wording import reached

STAYS = 3.0
"""Seconds after which a state is taken to last: by then what is on its way is usually read."""


@dataclass(slots=True)
class _Mark:
    state: MessageState
    since: float
    said: bool = False


@dataclass(slots=True)
class Marks:
    """By number on the screen. Silence says that it is as with the message before. Times are of one clock, in seconds."""

    _open: dict[int, _Mark] = field(default_factory=dict)
    """Messages that can still come further, or of which that is not said yet."""
    _said: MessageState | None = None

    def note(self, number: int, state: MessageState, now: float, *, said: bool = False) -> None:
        """A message of ours is in ``state`` now; ``said``: its line on the screen says so."""
        known = self._open.get(number)
        if known is None or known.state is not state:
            self._open[number] = _Mark(state, now, said)
        if said:
            self._said = state

    def drop(self, numbers: list[int]) -> None:
        """These messages are gone, and nothing is to be said of them any more."""
        for number in numbers:
            self._open.pop(number, None)

    def answered(self) -> None:
        """The peer has written: whatever had reached him needs no saying any more."""
        for mark in self._open.values():
            if reached(mark.state, MessageState.DELIVERED):
                mark.said = True
                self._said = MessageState.READ
        self._tidy()

    def settle(self, now: float, *, stays: float = STAYS) -> list[tuple[list[int], MessageState]]:
        """What is to be said now: numbers, and the state that they are in; each once."""
        news: dict[MessageState, list[int]] = {}
        for number, mark in sorted(self._open.items()):
            if not mark.said and now - mark.since >= stays:
                mark.said = True
                news.setdefault(mark.state, []).append(number)
        changes = []
        for state, numbers in news.items():
            if state is not self._said:
                changes.append((numbers, state))
            self._said = state
        self._tidy()
        return changes

    def _tidy(self) -> None:
        done = [n for n, mark in self._open.items() if mark.said and mark.state is MessageState.READ]
        for number in done:
            del self._open[number]


def spans(numbers: list[int]) -> str:
    """``[3]``, ``[3]-[5]``, ``[3]-[5], [7]``, of ascending numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"[{run[0]}]" if len(run) == 1 else f"[{run[0]}]-[{run[-1]}]" for run in runs)
