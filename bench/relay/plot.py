"""Draws what was measured: a panel for each load, the servers by their rates, the work that each does for a message."""

from math import floor, log10
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from bench.relay.loads import BULK, CHATTY, DURABLE, PAYLOADS, SCATTER
from bench.relay.results import Line, Results

_LOADS = (CHATTY, SCATTER, BULK, *DURABLE)
_OURS, _OTHERS, _LIMIT = ("#1b6ca8", "#8fbfe0"), ("#7a7a7a", "#c9c9c9"), ("#b5651d", "#e3c3a3")
"""Of each pair of colours the first is for the smaller payload."""
_HEIGHT = 0.36
"""Of a bar; two make a server's row."""


def _colours(line: Line) -> tuple[str, str]:
    if line.server.startswith("e2echat"):
        return _OURS
    return _LIMIT if line.server.startswith("C ") else _OTHERS


def _panel(rates: Any, costs: Any, results: Results, load: str) -> None:  # noqa: ANN401 - matplotlib's axes
    small = [line for line in results.lines if line.load == load and line.payload == PAYLOADS[0]]
    names = [line.server for line in sorted(small, key=lambda line: line.rate)]
    for size, payload in enumerate(PAYLOADS):
        for row, name in enumerate(names):
            line = results.line(name, load, payload)
            if line is None:
                continue
            at, colour = row + _HEIGHT * (0.5 - size), _colours(line)[size]
            lowest, highest = (pick(run.rate for run in line.runs) for pick in (min, max))
            spread = [[line.rate - lowest], [highest - line.rate]]
            rates.barh(at, line.rate, _HEIGHT, color=colour, xerr=spread, ecolor="#444444", capsize=1.5)
            costs.barh(at, line.cpu_us, _HEIGHT, color=colour)
            costs.text(line.cpu_us, at, f" {line.cpu_us:.3g}", va="center", fontsize=6)
    for axes, title in ((rates, f"{load}: messages a second"), (costs, "server CPU a message, µs")):
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xscale("log")
        least = min(bar.get_width() for bar in axes.patches)
        axes.set_xlim(left=10 ** floor(log10(least)) / 2)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    rates.set_yticks(range(len(names)), names, fontsize=7)
    costs.set_yticks([])


def draw(results: Results, path: Path) -> None:
    """Write an SVG of all loads that ``results`` has."""
    loads = [load.name for load in _LOADS if any(line.load == load.name for line in results.lines)]
    if not loads:
        return
    heights = [len({line.server for line in results.lines if line.load == load}) for load in loads]
    # The same figures give the same bytes.
    mpl.rcParams["svg.hashsalt"] = "e2echat"
    figure = Figure(figsize=(9, 0.28 * sum(heights) + 0.6 * len(loads)), layout="constrained")
    grid = figure.subplots(len(loads), 2, squeeze=False, height_ratios=heights)
    for load, (rates, costs) in zip(loads, grid, strict=True):
        _panel(rates, costs, results, load)
    figure.suptitle(f"{PAYLOADS[0]} B dark, {PAYLOADS[1]:,} B light; whiskers: all rounds", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
