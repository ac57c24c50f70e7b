"""Takes the figures: servers in turn, round after round, so that a busy moment hits every one alike."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.relay.loads import Load
from bench.relay.results import Line, Run
from bench.relay.systems import Loaded, System


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often: ``warm_up`` and ``window`` in seconds."""

    rounds: int = 5
    warm_up: float = 0.15
    window: float = 0.6


class Measured(Protocol):
    """Something that does a load whenever it is told to."""

    @property
    def name(self) -> str: ...
    def fill(self, size: int) -> None: ...
    def run(self, warm_up: float, window: float) -> Run: ...
    def close(self) -> None: ...


_TRIES = 3


def _run(measured: Measured, pace: Pace) -> Run:
    """A run in which something happened: on a machine that others use a short one can pass without.

    Raises:
        RuntimeError: nothing ever happens.
    """
    for _ in range(_TRIES):
        run = measured.run(pace.warm_up, pace.window)
        if run.messages and run.server_cpu:
            return run
    raise RuntimeError(f"{measured.name}: not one message in {_TRIES} runs of {pace.window} s")


def measure(
    systems: Sequence[System],
    load: Load,
    payloads: Sequence[int],
    pace: Pace,
    *,
    beside: Sequence[Callable[[], Measured]] = (),
) -> list[Line]:
    """A line for each server and payload, by payload; connections are made once. ``beside`` are no servers."""
    lines = []
    with contextlib.ExitStack() as stack:
        loaded: list[Measured] = []
        for make in (*beside, *((lambda system=system: Loaded(system, load)) for system in systems)):
            loaded.append(make())
            stack.callback(loaded[-1].close)
        for payload in payloads:
            runs: list[list[Run]] = [[] for _ in loaded]
            for each in loaded:
                each.fill(payload)
            for _ in range(pace.rounds):
                for each, taken in zip(loaded, runs, strict=True):
                    taken.append(_run(each, pace))
            lines += [
                Line(each.name, load.name, payload, tuple(taken))
                for each, taken in zip(loaded, runs, strict=True)
            ]
    return lines
