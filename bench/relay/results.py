"""What was measured: a line for each server, load and payload, and what can be read off lines."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

_SATURATED = 0.9
"""Of a core."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: times in seconds, latencies in microseconds and only where one message is in flight at a time."""

    seconds: float
    messages: int
    server_cpu: float
    generator_cpu: float
    sent: int
    left: int
    refused: int
    p50_us: float
    p99_us: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """The server's CPU time a message, in microseconds."""
        return self.server_cpu / self.messages * 1e6


@dataclass(frozen=True, slots=True)
class Line:
    """All runs of one server under one load; run i of one line was taken in the same round as run i of another."""

    server: str
    load: str
    payload: int
    runs: tuple[Run, ...]

    @property
    def rate(self) -> float:
        return median(run.rate for run in self.runs)

    @property
    def cpu_us(self) -> float:
        return median(run.cpu_us for run in self.runs)

    @property
    def p50_us(self) -> float:
        return median(run.p50_us for run in self.runs)

    @property
    def spread(self) -> float:
        """How far the rates lie apart, as a part of the median."""
        rates = [run.rate for run in self.runs]
        return (max(rates) - min(rates)) / self.rate

    @property
    def saturated(self) -> str:
        """Which side had no time left: a whole core, in the median run."""
        server = median(run.server_cpu / run.seconds for run in self.runs) >= _SATURATED
        generator = median(run.generator_cpu / run.seconds for run in self.runs) >= _SATURATED
        return {
            (True, True): "both",
            (True, False): "server",
            (False, True): "generator",
            (False, False): "neither",
        }[server, generator]

    def rate_over(self, other: Self) -> float:
        """How many times as fast as ``other``: the median over the rounds, each by itself."""
        return median(mine.rate / theirs.rate for mine, theirs in zip(self.runs, other.runs, strict=True))

    def cpu_over(self, other: Self) -> float:
        """How many times the CPU time a message of ``other``."""
        return median(mine.cpu_us / theirs.cpu_us for mine, theirs in zip(self.runs, other.runs, strict=True))


def save(lines: Iterable[Line], path: Path) -> None:
    """Keep lines as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")


def load(path: Path) -> list[Line]:
    """Lines that ``save`` kept."""
    kept: list[dict[str, Any]] = json.loads(path.read_text())
    return [Line(**fields | {"runs": tuple(Run(**run) for run in fields["runs"])}) for fields in kept]
