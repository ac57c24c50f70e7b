"""The relay under load, beside others: ``python -m bench.relay chatty scatter``."""

import argparse
import contextlib
import os
import platform
import queue
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.relay import idle, report, stored
from bench.relay.appending import Appending
from bench.relay.build import BUILD
from bench.relay.loads import CHATTY, DURABLE, DURABLE_ONE, GATHERED, PAYLOADS, ROUTING, Load
from bench.relay.measuring import Pace, measure
from bench.relay.ours import Relay, RoomyRelay, RoomyTlsRelay, TlsRelay
from bench.relay.packages import available
from bench.relay.pages import page
from bench.relay.peers import KEEPERS, PEERS, Peer
from bench.relay.results import Part, Results
from bench.relay.systems import Forwarder, System

KEPT = "relay.json"
RESULTS = Path(__file__).parents[1] / "results"
"""A whole run, for readers."""
_ROUTERS: tuple[type[System], ...] = (Forwarder, Relay, TlsRelay)
_KEEPERS: tuple[type[System], ...] = (RoomyRelay, RoomyTlsRelay)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    pace: Pace
    stored: int
    connections: int


WHOLE = Scale(Pace(), stored=1_000_000, connections=10_000)
QUICK = Scale(Pace(rounds=3, warm_up=0.1, window=0.25), stored=50_000, connections=1_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """What was chosen to be measured."""

    scale: Scale
    payloads: Sequence[int]
    only: Sequence[str]

    def _wanted(self, servers: Iterable[type[System]]) -> list[type[System]]:
        return [each for each in servers if not self.only or any(part in each.name for part in self.only)]

    def _peers(self, servers: Iterable[type[Peer]]) -> list[type[Peer]]:
        wanted = self._wanted(servers)
        return available([each for each in servers if each in wanted])

    def load(self, load: Load) -> Part:
        """All servers that can, under one load."""
        online = load.online
        servers = [
            *self._peers(() if online else KEEPERS),
            *self._wanted(_ROUTERS if online else _KEEPERS),
            *self._peers(PEERS if online else ()),
        ]
        with contextlib.ExitStack() as stack:
            systems = [stack.enter_context(server()) for server in servers]
            lines = measure(
                [each for each in systems if _takes(each, load)],
                load,
                self.payloads,
                self.scale.pace,
                beside=(Appending,) if load is DURABLE_ONE else (),
            )
        for payload in self.payloads if lines else ():
            report.lines([line for line in lines if line.payload == payload])
        return Part(tuple(lines))

    def million(self) -> Part:
        """As many stored as the scale says."""
        print()
        numbers = stored.measure(self.scale.stored, self.scale.pace)
        for number in numbers:
            report.number(number)
        return Part(numbers=tuple(numbers))

    def idle(self) -> Part:
        """As many connections as the scale says, and some to others."""
        print()
        numbers, lines = idle.peers(self._peers(PEERS)), []
        count = idle.possible(self.scale.connections)
        for relay in idle.RELAYS:
            number, chats = idle.crowd(relay, count, self.scale.pace)
            numbers.append(number)
            lines += chats
        for each in numbers:
            report.number(each)
        for alone, crowded in zip(lines[::2], lines[1::2], strict=True):
            report.latencies(alone, crowded)
        return Part(tuple(lines), tuple(numbers))


def _takes(system: System, load: Load) -> bool:
    """Whether it is of interest under a load: who knows no cumulative acknowledgements has none to gather."""
    if load is GATHERED:
        return system.protocol == Relay.protocol
    return load is CHATTY or not system.chats_only


def _kept() -> Results:
    """What former runs found, unless another version of this kept it."""
    try:
        return Results.load(BUILD / KEPT)
    except (OSError, ValueError, KeyError, TypeError):
        return Results()


def _keep(results: Results, folder: Path) -> None:
    """Write figures, page and plot."""
    results.save(folder / KEPT)
    (folder / "relay.md").write_text(page(results))
    try:
        from bench.relay import plot  # noqa: PLC0415 - only `make bench` installs what it draws with
    except ModuleNotFoundError:
        print("no plot: `make bench` installs matplotlib")
    else:
        plot.draw(results, folder / "relay.svg")
    print(f"kept in {folder}")


def parts() -> dict[str, Callable[[Bench], Part]]:
    """What can be measured, by name."""

    def under(load: Load) -> Callable[[Bench], Part]:
        return lambda bench: bench.load(load)

    loads = {load.name: under(load) for load in (*ROUTING, *DURABLE, DURABLE_ONE)}
    return {**loads, "million": Bench.million, "idle": Bench.idle}


def main(words: Sequence[str] | None = None) -> None:
    """Measure what ``words`` name, or everything; keep it, and say which bars are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    known = parts()
    chosen_help = f"of {', '.join(known)}; all, if none is named"
    parser.add_argument("parts", nargs="*", choices=[*known, []], metavar="PART", help=chosen_help)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter runs, smaller crowds")
    parser.add_argument("--keep", action="store_true", help="write the figures to bench/results, too")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--window", type=float, help="seconds of each run")
    parser.add_argument("--payload", type=int, action="append", help="bytes; may be given again")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORDS", help="servers with this in their name"
    )
    chosen = parser.parse_args(words)
    scale = QUICK if chosen.quick else WHOLE
    pace = replace(
        scale.pace, **{k: v for k, v in (("rounds", chosen.rounds), ("window", chosen.window)) if v}
    )
    bench = Bench(replace(scale, pace=pace), chosen.payload or PAYLOADS, chosen.only)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}"
    when = f"{time.strftime('%Y-%m-%d %H:%M')}, {pace.rounds} rounds of {pace.window} s"
    results = replace(_kept(), machine=machine)
    failed = False
    for name in chosen.parts or known:
        begun = time.monotonic()
        try:
            found = known[name](bench)
        except (RuntimeError, OSError, queue.Empty) as error:
            failed = True
            print(f"FAILED: {name}: {error or type(error).__name__}", flush=True)
            continue
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
        others = median([line.others for line in found.lines] or [0.0])
        about = f"{when}; others kept {others:.1f} cores busy"
        results = results.updated(name, replace(found, about=about))
        results.save(BUILD / KEPT)
    report.verdicts(results)
    for folder in (BUILD, *([RESULTS] if chosen.keep else [])):
        _keep(results, folder)
    if failed:
        sys.exit(1)
