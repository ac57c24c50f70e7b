"""Takes the figures: servers in turn, round after round, so that a busy moment hits every one alike."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from bench.relay.loads import Load
from bench.relay.results import Line, Run
from bench.relay.systems import Loaded, System


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often: ``warm_up`` and ``window`` in seconds."""

    rounds: int = 5
    warm_up: float = 0.2
    window: float = 1.0


def measure(systems: Sequence[System], load: Load, payloads: Sequence[int], pace: Pace) -> list[Line]:
    """A line for each server and payload; the connections are made once."""
    lines = []
    with contextlib.ExitStack() as stack:
        loaded = []
        for system in systems:
            loaded.append(Loaded(system, load))
            stack.callback(loaded[-1].close)
        for payload in payloads:
            runs: list[list[Run]] = [[] for _ in loaded]
            for each in loaded:
                each.fill(payload)
            for _ in range(pace.rounds):
                for each, taken in zip(loaded, runs, strict=True):
                    taken.append(each.run(pace.warm_up, pace.window))
            lines += [
                Line(each.system.name, load.name, payload, tuple(taken))
                for each, taken in zip(loaded, runs, strict=True)
            ]
    return lines
