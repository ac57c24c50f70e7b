"""What the relay is to reach, and whether it does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.relay import appending, idle, stored
from bench.relay.loads import CHATTY, DURABLE, DURABLE_ONE, PAYLOADS, SCATTER, Load
from bench.relay.ours import Relay, TlsRelay
from bench.relay.peers import Mosquitto, MosquittoQos1, Prosody, Redis, RedisStream
from bench.relay.results import Line, Results
from bench.relay.systems import Forwarder

_OURS, _TLS = Relay.name, TlsRelay.name
DISTURBED = 0.3
"""Of a core that others took: from then on neither a rate nor a verdict is worth much."""
_MOST_STORED, _MOST_CONNECTED = 1_000_000, 10_000


@dataclass(frozen=True, slots=True)
class Bar:
    """``bound`` is met from it up, or, if it is the most that is allowed, from it down."""

    name: str
    bound: float
    unit: str
    at_most: bool
    measured: tuple[float, ...]
    """One for each payload; none if it was not measured."""
    others: float = 0.0
    """How many cores others kept busy while the lines were taken that it is read off."""

    @property
    def verdict(self) -> str:
        if not self.measured:
            return "not measured"
        met = all(value <= self.bound if self.at_most else value >= self.bound for value in self.measured)
        disturbed = ", disturbed" if self.others > DISTURBED else ""
        return f"{'met' if met else 'MISSED'}{disturbed}"

    @property
    def aim(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g} {self.unit}"

    @property
    def found(self) -> str:
        return " / ".join(f"{value:.3g}" for value in self.measured) or "-"


def _of_lines(
    results: Results, load: Load, server: str, other: str, ratio: Callable[[Line, Line], float]
) -> tuple[tuple[float, ...], float]:
    """The ratio for each payload, and how busy others were."""
    pairs = [
        (mine, theirs)
        for payload in PAYLOADS
        if (mine := results.line(server, load.name, payload))
        and (theirs := results.line(other, load.name, payload))
    ]
    others = [max(mine.others, theirs.others) for mine, theirs in pairs]
    return tuple(ratio(*pair) for pair in pairs), max(others, default=0.0)


def _rates(results: Results) -> Iterator[Bar]:
    for name, load, server, other, bound in (
        ("1 chatty: rate over Mosquitto QoS 1", CHATTY, _OURS, MosquittoQos1.name, 1.4),
        ("1 chatty: rate under TLS over Mosquitto QoS 1, plain", CHATTY, _TLS, MosquittoQos1.name, 1.0),
        ("1 chatty: rate over Prosody", CHATTY, _OURS, Prosody.name, 12),
        ("2 scatter: rate over Redis pub/sub", SCATTER, _OURS, Redis.name, 1.2),
        ("2 scatter: rate under TLS over Redis pub/sub, plain", SCATTER, _TLS, Redis.name, 0.8),
        ("2 scatter: rate under TLS over Mosquitto QoS 0, plain", SCATTER, _TLS, Mosquitto.name, 8),
        ("3 stored, 16 mailboxes: rate over a Redis stream", DURABLE[0], _OURS, RedisStream.name, 1.3),
        ("3 stored, 4,000 mailboxes: rate over a Redis stream", DURABLE[1], _OURS, RedisStream.name, 1.0),
    ):
        yield Bar(name, bound, "x", False, *_of_lines(results, load, server, other, Line.rate_over))


def _numbers(results: Results) -> Iterator[Bar]:
    many = f"{_MOST_STORED:,}"
    for name, number, bound, unit, at_most in (
        (
            "4 a million stored: accept rate over that with a thousand",
            stored.ACCEPTED.format(many),
            0.9,
            "x",
            False,
        ),
        (
            "4 a million stored: from the process's start to its first word",
            stored.START.format(many),
            1,
            "s",
            True,
        ),
        ("4 a million stored: memory an envelope", stored.MEMORY.format(many), 32, "B", True),
        ("5 idle connection, plain", idle.MEMORY.format(_OURS), 2, "KiB", True),
        ("5 idle connection, TLS", idle.MEMORY.format(_TLS), 18, "KiB", True),
    ):
        found = results.number(number)
        yield Bar(name, bound, unit, at_most, (found.median,) if found else ())


def _chats(results: Results) -> Iterator[Bar]:
    for server in (_OURS, _TLS):
        alone = results.line(server, "chat", PAYLOADS[0])
        crowded = results.line(server, idle.CROWD.format(_MOST_CONNECTED), PAYLOADS[0])
        for name, part in (("p50", Line.p50_over), ("p99", Line.p99_over)):
            measured = (part(crowded, alone),) if crowded and alone else ()
            others = max(crowded.others, alone.others) if crowded and alone else 0.0
            # What counts as keeping its latency is ours to say: a tenth.
            yield Bar(f"5 chat among 10,000 connections, {server}: {name}", 1.1, "x", True, measured, others)


def bars(results: Results) -> list[Bar]:
    """All of them, in the order in which they are promised."""
    cpu = _of_lines(results, CHATTY, _OURS, Forwarder.name, Line.cpu_over)
    p50 = _of_lines(results, DURABLE_ONE, _OURS, appending.NAME, Line.p50_over)
    return sorted(
        [
            Bar("1 chatty: CPU a message over the C forwarder's", 1.5, "x", True, *cpu),
            Bar("3 stored, one at a time: p50 over an appending fdatasync", 1.5, "x", True, *p50),
            *_rates(results),
            *_numbers(results),
            *_chats(results),
        ],
        key=lambda bar: bar.name[0],
    )
