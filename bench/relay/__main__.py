"""The relay under load, beside others: ``python -m bench.relay chatty scatter``."""

import argparse
import contextlib

from bench.relay.build import BUILD
from bench.relay.loads import PAYLOADS, ROUTING
from bench.relay.measuring import Pace, measure
from bench.relay.ours import Relay, TlsRelay
from bench.relay.results import Line, save
from bench.relay.systems import Forwarder, System

_SYSTEMS: tuple[type[System], ...] = (Forwarder, Relay, TlsRelay)


def _print(lines: list[Line]) -> None:
    """``lines`` are of one load and payload; the first server is what the others are held against."""
    print(f"\n{lines[0].load}, {lines[0].payload} B")
    print(f"{'rate':>7} {'CPU':>7}  {'msgs/s':>10} {'spread':>6} {'µs CPU':>7}  saturated")
    for line in lines:
        ratios = f"{line.rate_over(lines[0]):>6.2f}x {line.cpu_over(lines[0]):>6.2f}x"
        figures = f"{line.rate:>10,.0f} {line.spread:>6.0%} {line.cpu_us:>7.2f}"
        print(f"{ratios}  {figures}  {line.saturated:9}  {line.server}", flush=True)


def main() -> None:
    names = {load.name: load for load in ROUTING}
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
    chosen = parser.parse_args()
    pace = Pace(chosen.rounds, window=chosen.window)
    payloads = chosen.payload or PAYLOADS
    kept: list[Line] = []
    with contextlib.ExitStack() as stack:
        systems = [stack.enter_context(system()) for system in _SYSTEMS]
        for name in chosen.loads or names:
            lines = measure(systems, names[name], payloads, pace)
            for payload in payloads:
                _print([line for line in lines if line.payload == payload])
            kept += lines
    save(kept, BUILD / "relay.json")


main()
