"""How a figure is taken: rounds of all figures in turn, so that a busy moment hits every one alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Figure:
    """``work`` does the thing ``count`` times; ``beside`` names the figures that it is read against.

    ``clock`` is the process's CPU time, the steadier figure, wherever the work is done in this process.
    """

    name: str
    work: Callable[[], object]
    count: int = 1
    beside: tuple[str, ...] = ()
    clock: Callable[[], float] = time.process_time


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of one figure, a round each."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, as a part of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.median

    def over(self, other: "Taken") -> float:
        """How many times as long it takes as ``other``: the median over the rounds, each by itself."""
        return median(mine / theirs for mine, theirs in zip(self.rounds, other.rounds, strict=True))


def run(figures: list[Figure]) -> dict[str, Taken]:
    """Each figure by name."""
    rounds: dict[str, list[float]] = {figure.name: [] for figure in figures}
    for figure in figures:
        figure.work()
    for _ in range(ROUNDS):
        for figure in figures:
            begin = figure.clock()
            figure.work()
            rounds[figure.name].append((figure.clock() - begin) / figure.count)
    return {name: Taken(tuple(each)) for name, each in rounds.items()}
