"""What was measured: a line for each server, load and payload, and what can be read off lines."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
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
    machine_cpu: float
    sent: int
    arrived: int
    left: int
    refused: int
    p50_us: float
    p99_us: float
    worst_us: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """The server's CPU time a message, in microseconds."""
        return self.server_cpu / self.messages * 1e6

    @property
    def others(self) -> float:
        """How many cores others kept busy meanwhile."""
        return max(0.0, self.machine_cpu - self.server_cpu - self.generator_cpu) / self.seconds


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
    def p99_us(self) -> float:
        return median(run.p99_us for run in self.runs)

    @property
    def worst_us(self) -> float:
        return median(run.worst_us for run in self.runs)

    @property
    def spread(self) -> float:
        """How far the rates lie apart, as a part of the median."""
        rates = [run.rate for run in self.runs]
        return (max(rates) - min(rates)) / self.rate

    @property
    def others(self) -> float:
        """How many cores others kept busy meanwhile."""
        return median(run.others for run in self.runs)

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

    def p50_over(self, other: Self) -> float:
        """How many times the median latency of ``other``."""
        return median(mine.p50_us / theirs.p50_us for mine, theirs in zip(self.runs, other.runs, strict=True))

    def p99_over(self, other: Self) -> float:
        return median(mine.p99_us / theirs.p99_us for mine, theirs in zip(self.runs, other.runs, strict=True))

    def cpu_over(self, other: Self) -> float:
        """How many times the CPU time a message of ``other``."""
        return median(mine.cpu_us / theirs.cpu_us for mine, theirs in zip(self.runs, other.runs, strict=True))


@dataclass(frozen=True, slots=True)
class Number:
    """Something that is no rate under load, once a round."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    def over(self, other: Self) -> float:
        """How many times ``other``: the median over the rounds, each by itself."""
        return median(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True))


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured together, and may be held against one another."""

    lines: tuple[Line, ...] = ()
    numbers: tuple[Number, ...] = ()
    about: str = ""
    """When, and how."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that the bench has found, by part; parts that were left out are not in it."""

    parts: Mapping[str, Part] = field(default_factory=dict)
    machine: str = ""

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for part in self.parts.values() for line in part.lines)

    @property
    def numbers(self) -> tuple[Number, ...]:
        return tuple(number for part in self.parts.values() for number in part.numbers)

    def line(self, server: str, load: str, payload: int) -> Line | None:
        """The one line, if it was measured."""
        wanted = (server, load, payload)
        return next((each for each in self.lines if (each.server, each.load, each.payload) == wanted), None)

    def number(self, name: str) -> Number | None:
        return next((each for each in self.numbers if each.name == name), None)

    def updated(self, name: str, part: Part) -> Self:
        """These, with a part measured again as a whole: nothing is held against a figure of another day."""
        return replace(self, parts={**self.parts, name: part})

    def save(self, path: Path) -> None:
        """Keep them as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """What ``save`` kept."""
        kept: dict[str, Any] = json.loads(path.read_text())
        return cls({name: _part(**part) for name, part in kept["parts"].items()}, kept["machine"])


def _part(lines: list[dict[str, Any]], numbers: list[dict[str, Any]], about: str) -> Part:
    """Out of JSON."""
    return Part(
        tuple(Line(**each | {"runs": tuple(Run(**run) for run in each["runs"])}) for each in lines),
        tuple(Number(**each | {"values": tuple(each["values"])}) for each in numbers),
        about,
    )
