"""How a figure is taken: rounds of all figures in turn, so that a busy moment hits every one alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Figure:
    """``work`` does the thing ``count`` times; ``beside`` names the figure that it is read against."""

    name: str
    work: Callable[[], object]
    count: int = 1
    beside: str | None = None


def run(figures: list[Figure]) -> dict[str, tuple[float, float]]:
    """Seconds of each figure by name: the median, and (highest - lowest) / median."""
    taken: dict[str, list[float]] = {figure.name: [] for figure in figures}
    for figure in figures:
        figure.work()
    for _ in range(ROUNDS):
        for figure in figures:
            begin = time.perf_counter()
            figure.work()
            taken[figure.name].append((time.perf_counter() - begin) / figure.count)
    return {name: (median(each), (max(each) - min(each)) / median(each)) for name, each in taken.items()}
