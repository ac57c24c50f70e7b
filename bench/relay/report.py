"""Prints what was measured: ratios first."""

from statistics import median

from bench.relay.bars import bars
from bench.relay.results import Line, Number, Results

_QUIET = 0.15
"""Of a core: what a machine does by itself."""


def lines(taken: list[Line]) -> None:
    """Lines of one load and payload; the first one is what the others are held against."""
    first = taken[0]
    print(f"\n{first.load}, {first.payload} B")
    print(f"{'rate':>7} {'CPU':>8}  {'msgs/s':>10} {'spread':>6} {'µs CPU':>7} {'p50 µs':>7}  saturated")
    for line in taken:
        p50 = f"{line.p50_us:>7.0f}" if line.p50_us else " " * 7
        ratios = f"{line.rate_over(first):>6.2f}x {line.cpu_over(first):>7.2f}x"
        figures = f"{line.rate:>10,.0f} {line.spread:>6.0%} {line.cpu_us:>7.2f} {p50}"
        print(f"{ratios}  {figures}  {line.saturated:9}  {line.server}", flush=True)
    others = median(line.others for line in taken)
    if others > _QUIET:
        print(f"others kept {others:.1f} cores busy meanwhile: read ratios and CPU, not rates")


def latencies(alone: Line, crowded: Line) -> None:
    """One chat beside others that are silent."""
    print(f"\n{alone.server}: {crowded.load}; the same without them")
    for name in ("p50", "p99", "worst"):
        mine, theirs = (getattr(line, f"{name}_us") for line in (crowded, alone))
        print(f"{mine / theirs:>6.2f}x  {mine:>8,.0f} µs {theirs:>8,.0f} µs  {name}", flush=True)


def number(taken: Number) -> None:
    """One that is no rate under load."""
    spread = max(taken.values) - min(taken.values)
    print(f"{taken.median:>9,.3g} {taken.unit:4} spread {spread:>6.2g}  {taken.name}", flush=True)


def verdicts(results: Results) -> None:
    """Each bar, what was measured for 256 B and for 2,048 B, or at all, and whether that is enough."""
    print(f"\n{'bar':62} {'':>9}  {'measured':>13}")
    for bar in bars(results):
        print(f"{bar.name:62} {bar.aim:>9}  {bar.found:>13}  {bar.verdict}")
