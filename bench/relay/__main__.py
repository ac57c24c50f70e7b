"""The relay under load, beside others: ``python -m bench.relay chatty scatter``."""

import argparse
import contextlib
from collections.abc import Callable

from bench.relay.build import BUILD
from bench.relay.loads import DURABLE, DURABLE_ONE, PAYLOADS, ROUTING, Load
from bench.relay.measuring import Pace, measure
from bench.relay.ours import Relay, RoomyRelay, RoomyTlsRelay, TlsRelay
from bench.relay.packages import available
from bench.relay.peers import KEEPERS, PEERS
from bench.relay.results import Line, save
from bench.relay.systems import Forwarder, System

_ROUTERS: tuple[type[System], ...] = (Forwarder, Relay, TlsRelay)
_KEEPERS: tuple[type[System], ...] = (RoomyRelay, RoomyTlsRelay)


def _print(lines: list[Line]) -> None:
    """``lines`` are of one load and payload; the first server is what the others are held against."""
    print(f"\n{lines[0].load}, {lines[0].payload} B")
    print(f"{'rate':>7} {'CPU':>7}  {'msgs/s':>10} {'spread':>6} {'µs CPU':>7} {'p50 µs':>7}  saturated")
    for line in lines:
        ratios = f"{line.rate_over(lines[0]):>6.2f}x {line.cpu_over(lines[0]):>6.2f}x"
        p50 = f"{line.p50_us:>7.0f}" if line.p50_us else " " * 7
        figures = f"{line.rate:>10,.0f} {line.spread:>6.0%} {line.cpu_us:>7.2f} {p50}"
        print(f"{ratios}  {figures}  {line.saturated:9}  {line.server}", flush=True)


def _under_loads(
    loads: list[Load], servers: list[type[System]], payloads: list[int], pace: Pace
) -> list[Line]:
    """All of ``servers`` are started once."""
    kept = []
    with contextlib.ExitStack() as stack:
        systems = [stack.enter_context(server()) for server in servers]
        for load in loads:
            lines = measure(systems, load, payloads, pace)
            for payload in payloads:
                _print([line for line in lines if line.payload == payload])
            kept += lines
    return kept


def main() -> None:
    names = {load.name: load for load in (*ROUTING, *DURABLE, DURABLE_ONE)}
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument(
        "loads",
        nargs="*",
        choices=[*names, []],
        metavar="LOAD",
        help=f"of {', '.join(names)}; all, if none is named",
    )
    parser.add_argument("--rounds", type=int, default=Pace().rounds)
    parser.add_argument("--window", type=float, default=Pace().window, help="seconds of each run")
    parser.add_argument("--payload", type=int, action="append", help="bytes; may be given again")
    parser.add_argument(
        "--only", action="append", default=[], metavar="PART", help="servers with this in their name"
    )
    chosen = parser.parse_args()
    pace = Pace(chosen.rounds, window=chosen.window)
    payloads = chosen.payload or list(PAYLOADS)
    loads = [names[name] for name in chosen.loads or names]

    def wanted(server: type[System]) -> bool:
        return not chosen.only or any(part in server.name for part in chosen.only)

    here = available([peer for peer in (*PEERS, *KEEPERS) if wanted(peer)])
    kept: list[Line] = []
    parts: list[tuple[Callable[[Load], bool], list[type[System]]]] = [
        (
            lambda load: load.online,
            [*filter(wanted, _ROUTERS), *(peer for peer in here if peer not in KEEPERS)],
        ),
        (
            lambda load: not load.online,
            [*(peer for peer in here if peer in KEEPERS), *filter(wanted, _KEEPERS)],
        ),
    ]
    for part, servers in parts:
        if some := list(filter(part, loads)):
            kept += _under_loads(some, servers, payloads, pace)
    save(kept, BUILD / "relay.json")


if __name__ == "__main__":
    main()
