"""The figures as a page: what ``bench/results`` keeps."""

from collections.abc import Iterable, Iterator, Sequence

from bench.relay.appending import NAME as APPENDING
from bench.relay.bars import bars
from bench.relay.loads import DURABLE, DURABLE_ONE, PAYLOADS, ROUTING, Load
from bench.relay.results import Line, Results


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _rate(rate: float) -> str:
    for scale, letter in ((1e6, " M"), (1e3, " k")):
        if rate >= scale:
            return f"{rate / scale:.3g}{letter}"
    return f"{rate:.3g}"


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    cpu = "" if line.server == APPENDING else f" ({line.cpu_us:.3g}"
    p50 = f", p50 {line.p50_us:.0f} µs" if line.load == DURABLE_ONE.name else ""
    return f"{_rate(line.rate)}{cpu}{p50}{')' if cpu else ''} ±{line.spread / 2:.0%}"


def _loads(results: Results, loads: Sequence[Load]) -> Iterator[str]:
    names = [load.name for load in loads]
    for payload in PAYLOADS:
        lines = [line for line in results.lines if line.load in names and line.payload == payload]
        servers = list(dict.fromkeys(line.server for line in lines))
        cells = {(line.server, line.load): line for line in lines}
        rows = [[server, *(_cell(cells.get((server, name))) for name in names)] for server in servers]
        if rows:
            yield f"{payload:,} B: messages a second (server CPU µs a message) ± half the spread"
            yield ""
            yield from _table(["", *names], rows)


def page(results: Results) -> str:
    """All of it, in Markdown."""
    measured = [[bar.name, bar.aim, bar.found, bar.verdict] for bar in bars(results)]
    text = [
        "# The relay under load: figures",
        "",
        "Written by `make bench`; how to read them: [README](../README.md).",
        "",
    ]
    text += _table(["bar", "aim", "measured, 256 B / 2,048 B", ""], measured)
    text += ["![rates and CPU of all servers](relay.svg)", "", "## Routing", "", *_loads(results, ROUTING)]
    text += ["## Storing", "", *_loads(results, (*DURABLE, DURABLE_ONE))]
    numbers = [[each.name, f"{each.median:.3g} {each.unit}"] for each in results.numbers]
    text += ["## Memory, and a million stored", "", *_table(["", ""], numbers)]
    chats = [line for line in results.lines if line.load.startswith("chat ") or line.load == "chat"]
    latencies = [
        [line.server, line.load, *(f"{value:,.0f}" for value in (line.p50_us, line.p99_us, line.worst_us))]
        for line in chats
    ]
    text += [
        "## A chat among idle connections",
        "",
        *_table(["", "", "p50 µs", "p99 µs", "worst µs"], latencies),
    ]
    taken = [[name, part.about] for name, part in results.parts.items()]
    text += ["## Taken", "", results.machine, "", *_table(["", ""], taken)]
    return "\n".join(text).rstrip() + "\n"
