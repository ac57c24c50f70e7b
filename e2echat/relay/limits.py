"""Every limit of the relay, named, and the bucket that rates are held to. docs/spec/relay.md, "Limits"."""

from dataclasses import dataclass
from typing import Annotated

from e2echat.wire.relay_messages import MOST_WORK

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Within:
    """What may be configured: no less and no more than works at all."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings with safe defaults. Times in seconds, sizes in bytes. That of a frame is the protocol's, and fixed."""

    connections: Annotated[int, Within(1, 1_000_000)] = 12_000
    """In all: about 220 MiB of memory when all are idle under TLS."""
    connections_per_address: Annotated[int, Within(1, 1_000_000)] = 64
    """A household behind one address has two a person; loopback (proxies, onion services) is exempt."""
    handshake: Annotated[float, Within(1, 600)] = 10.0
    """From the connection to the end of the TLS handshake."""
    hello_life: Annotated[float, Within(5, 600)] = 30.0
    """How long a hello may be answered with a signature."""
    frame: Annotated[float, Within(1, 600)] = 15.0
    """From a frame's first byte to its last, and how long a blocked reader is waited for."""
    idle: Annotated[float, Within(30, 86_400)] = 90.0
    """Without a byte from the client, which is to send a ping well before."""
    linger: Annotated[float, Within(0, 60)] = 2.0
    """After our last byte, so that the client reads it before the connection is torn down."""
    drain: Annotated[float, Within(0, 600)] = 5.0
    """For what is under way when the relay is told to stop."""

    mailbox_envelopes: Annotated[int, Within(1, 1_000_000)] = 1_000
    """A month of a lively conversation; a full mailbox refuses and never evicts."""
    mailbox_bytes: Annotated[int, Within(128 * KIB, 64 * GIB)] = 16 * MIB
    retention: Annotated[int, Within(DAY, 3_660 * DAY)] = 30 * DAY
    """How long an envelope waits for its recipient."""
    expiry_every: Annotated[float, Within(60, DAY)] = 3_600.0
    """Between two looks at what has waited too long, and at what can be compacted."""
    window_bytes: Annotated[int, Within(128 * KIB, GIB)] = 1 * MIB
    """Delivered and not acknowledged, a connection: bounds what is unsent as well, which is never acknowledged."""
    window_envelopes: Annotated[int, Within(1, 1_000_000)] = 4_096
    write_after: Annotated[float, Within(0.001, 10)] = 0.05
    """What an online recipient acknowledges sooner is never written; clients acknowledge within 0.02."""
    segment_bytes: Annotated[int, Within(KIB, 16 * MIB)] = 64 * KIB
    """What is written as one row, unless a single frame is larger."""

    log_bytes: Annotated[int, Within(0, GIB)] = 16 * MIB
    """Of the database's log, written at the start: a commit that makes a file longer takes several times as long."""

    unsettled: Annotated[int, Within(1, 1_000_000)] = 2_048
    """Submitted on one connection and not settled; past it the relay stops reading from it for a while."""
    unwritten: Annotated[int, Within(MIB, 64 * GIB)] = 64 * MIB
    """On the way to the disk in all; past it the relay stops reading from every sending connection for a while."""
    backlog: Annotated[int, Within(KIB, GIB)] = 256 * KIB
    """Unsent answers on one connection; past it the relay stops reading from it for a while."""
    unsent: Annotated[int, Within(2 * MIB, 64 * GIB)] = 256 * MIB
    """On all connections together; past it those that have taken nothing for longest are cut."""

    channels: Annotated[int, Within(1, 1_000_000)] = 4_096
    """Open on one connection: more than one has contacts."""
    request_burst: Annotated[int, Within(1, 1_000_000)] = 1_000
    """Control requests on one connection at once: the channels to a big address book after a reconnect."""
    request_rate: Annotated[float, Within(0.1, 1_000_000)] = 50.0
    """And a second from then on."""
    one_time_prekeys: Annotated[int, Within(1, 10_000)] = 100
    """An account; 1.4 KiB each."""
    one_time_burst: Annotated[int, Within(1, 1_000_000)] = 50
    """One-time prekeys of one account handed out at once; then the last resort has to do for a while."""
    one_time_daily: Annotated[int, Within(1, 1_000_000)] = 100
    """And a day from then on."""

    addresses: Annotated[int, Within(100, 10_000_000)] = 50_000
    """Network addresses whose requests are counted, each (IPv6: each /64) by itself and loopback not at all."""
    address_request_burst: Annotated[int, Within(1, 1_000_000)] = 5_000
    """Control requests from one address at once, over all its connections: five that come back together."""
    address_request_rate: Annotated[float, Within(0.1, 1_000_000)] = 250.0
    """And a second from then on."""
    address_fetch_burst: Annotated[int, Within(1, 1_000_000)] = 300
    """Fetches and puzzles among them, at once: most clients need one a new contact."""
    address_fetch_rate: Annotated[float, Within(0.001, 1_000_000)] = 1.0
    """And a second from then on."""
    address_claims: Annotated[int, Within(1, 1_000_000)] = 30
    """Claims from one address, good or bad: so many at once, and so many a day from then on."""

    work_bits: Annotated[int, Within(0, MOST_WORK)] = 20
    """Of work for a knock at rest: 2 to this many hashes, a quarter to half a second."""
    work_bits_most: Annotated[int, Within(0, MOST_WORK)] = 24
    """When many knock: some seconds."""
    work_step: Annotated[int, Within(1, 1_000_000)] = 5
    """Knocks at one mailbox within a day that make the next ones one bit harder."""
    work_crowd: Annotated[int, Within(1, 1_000_000)] = 100
    """Knocks in all, about those of the last hour, that make all harder by one bit; each doubling, by one more."""
    work_life: Annotated[float, Within(10, 3_600)] = 300.0
    """For solving a puzzle: enough for the hardest on a slow machine."""
    knocks_daily: Annotated[int, Within(1, 1_000_000)] = 20
    """Knock tokens towards one mailbox within a day."""
    stranger_envelopes: Annotated[int, Within(1, 1_000_000)] = 250
    """What came by knocks and waits in one mailbox: a part of it, so that the rest is there for contacts."""
    stranger_bytes: Annotated[int, Within(128 * KIB, 64 * GIB)] = 4 * MIB
    knock_envelopes: Annotated[int, Within(1, 1_000_000)] = 100
    """That a stranger may send on one knock token."""
    knock_bytes: Annotated[int, Within(128 * KIB, GIB)] = 1 * MIB
    knock_life: Annotated[float, Within(60, 366 * DAY)] = 7.0 * DAY
    former_life: Annotated[int, Within(0, 366 * DAY)] = 21 * DAY
    """How long a capability still counts after another took its place; at a knock token's allowance a day for all."""
    knocks: Annotated[int, Within(1, 10_000_000)] = 50_000
    """Live tokens in all; the oldest goes first."""
    meetings: Annotated[int, Within(1, 1_000_000)] = 1_000
    """Short codes that are good at a time: 4 KiB each at most."""
    meeting_life: Annotated[float, Within(60, DAY)] = 600.0
    """Long enough to read a code to somebody and type it."""


class TokenBucket:
    """Allows ``burst`` at once and ``rate`` a second from then on."""

    __slots__ = ("_burst", "_level", "_rate", "_then")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst = burst
        self._rate = rate
        self._level = burst
        self._then = now

    def take(self, now: float) -> bool:
        """Take one token if there is one. ``now`` in seconds of a clock that does not jump."""
        self._level = min(self._burst, self._level + max(0.0, now - self._then) * self._rate)
        self._then = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
