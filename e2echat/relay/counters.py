"""What a relay counts of itself: numbers and kinds, never a name. No I/O."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping

_COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds."""


class Counters:
    """Totals since the start. Each is written by one thread alone; whoever reads may be one event behind."""

    __slots__ = (
        "_commit_buckets", "bytes_in", "bytes_out", "bytes_unsent", "commit_seconds", "commits", "commits_failed", "connections",
        "connections_refused", "cut", "envelopes_damaged", "envelopes_in", "envelopes_out", "envelopes_stored", "knocks",
        "puzzles", "refusals", "short",
    )  # fmt: skip

    def __init__(self) -> None:
        self.connections = 0
        self.connections_refused = 0
        self.cut = 0
        """Readers that took nothing for too long, or while too much was unsent in all."""
        self.bytes_in = 0
        """On sockets, as ``bytes_out``."""
        self.bytes_out = 0
        self.bytes_unsent = 0
        """Now, on all connections."""
        self.envelopes_in = 0
        self.envelopes_out = 0
        """To their recipients; more than once for what is given again."""
        self.envelopes_stored = 0
        self.envelopes_damaged = 0
        """Stored, and not to be read again."""
        self.puzzles = 0
        self.knocks = 0
        """Puzzles that were solved."""
        self.short = 0
        """Fetches of prekeys that got no one-time prekey."""
        self.refusals: dict[str, int] = {}
        """By kind: requests and submissions."""
        self.commits = 0
        self.commits_failed = 0
        self.commit_seconds = 0.0
        self._commit_buckets = [0] * (len(_COMMIT_BOUNDS) + 1)

    def refused(self, kind: str) -> None:
        """Something was refused."""
        self.refusals[kind] = self.refusals.get(kind, 0) + 1

    def committed(self, seconds: float, *, failed: bool) -> None:
        """The storage was through with a batch after ``seconds``."""
        self.commits += 1
        self.commits_failed += failed
        self.commit_seconds += seconds
        self._commit_buckets[bisect_left(_COMMIT_BOUNDS, seconds)] += 1

    def exposition(self, gauges: Mapping[str, int]) -> str:
        """Everything in Prometheus's text format, 0.0.4, with what is so at this moment."""
        return "".join(f"{line}\n" for line in self._lines(gauges))

    def _lines(self, gauges: Mapping[str, int]) -> Iterator[str]:
        for name, value in gauges.items():
            yield from _metric(name, "gauge", {"": value})
        for name, total in (
            ("connections", self.connections),
            ("connections_refused", self.connections_refused),
            ("readers_cut", self.cut),
            ("received_bytes", self.bytes_in),
            ("sent_bytes", self.bytes_out),
            ("envelopes_in", self.envelopes_in),
            ("envelopes_out", self.envelopes_out),
            ("envelopes_stored", self.envelopes_stored),
            ("envelopes_damaged", self.envelopes_damaged),
            ("puzzles", self.puzzles),
            ("knocks", self.knocks),
            ("fetches_short", self.short),
            ("failed_commits", self.commits_failed),
        ):
            yield from _metric(f"{name}_total", "counter", {"": total})
        refusals = {f'{{kind="{kind}"}}': total for kind, total in sorted(self.refusals.items())}
        yield from _metric("refusals_total", "counter", refusals)
        buckets: dict[str, float] = {}
        total = 0
        for bound, count in zip((*map(str, _COMMIT_BOUNDS), "+Inf"), self._commit_buckets, strict=True):
            total += count
            buckets[f'_bucket{{le="{bound}"}}'] = total
        sums = {"_sum": round(self.commit_seconds, 6), "_count": total}
        yield from _metric("commit_seconds", "histogram", buckets | sums)


def _metric(name: str, kind: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# TYPE e2echat_relay_{name} {kind}"
    for suffix, value in values.items():
        yield f"e2echat_relay_{name}{suffix} {value}"
