"""Every limit of the relay, named, and the bucket that rates are held to. docs/spec/relay.md, "Limits"."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings with safe defaults. Times in seconds, sizes in bytes."""

    connections: int = 12_000
    """In all: about 220 MiB of memory when all are idle under TLS."""
    connections_per_address: int = 64
    """A household behind one address has two a person; loopback (proxies, onion services) is exempt."""
    handshake: float = 10.0
    """From the connection to the end of the TLS handshake."""
    hello_life: float = 30.0
    """How long a hello may be answered with a signature."""
    frame: float = 15.0
    """From a frame's first byte to its last, and how long a blocked reader is waited for."""
    idle: float = 90.0
    """Without a byte from the client, which is to send a ping well before."""
    linger: float = 2.0
    """After our last byte, so that the client reads it before the connection is torn down."""
    drain: float = 5.0
    """For what is under way when the relay is told to stop."""

    mailbox_envelopes: int = 1_000
    """A month of a lively conversation; a full mailbox refuses and never evicts."""
    mailbox_bytes: int = 16 * MIB
    retention: int = 30 * DAY
    """How long an envelope waits for its recipient."""
    expiry_every: float = 3_600.0
    """Between two looks at what has waited too long."""
    window_bytes: int = 1 * MIB
    """Delivered and not acknowledged, a connection: bounds what is unsent as well, which is never acknowledged."""
    window_envelopes: int = 4_096
    write_after: float = 0.05
    """What an online recipient acknowledges sooner is never written; clients acknowledge within 0.02."""
    segment_bytes: int = 64 * KIB
    """What is written as one row, unless a single frame is larger."""

    unsettled: int = 2_048
    """Submitted on one connection and not settled; past it the relay stops reading from it for a while."""
    unwritten: int = 64 * MIB
    """On the way to the disk in all; past it the relay stops reading from every sending connection for a while."""
    backlog: int = 256 * KIB
    """Unsent answers on one connection; past it the relay stops reading from it for a while."""

    channels: int = 4_096
    """Open on one connection: more than one has contacts."""
    request_burst: int = 1_000
    """Control requests on one connection at once: the channels to a big address book after a reconnect."""
    request_rate: float = 50.0
    """And a second from then on."""
    one_time_prekeys: int = 100
    """An account; 1.4 KiB each."""

    knock_envelopes: int = 100
    """That a stranger may send on one knock token."""
    knock_bytes: int = 1 * MIB
    knock_life: float = 7.0 * DAY
    knocks: int = 50_000
    """Live tokens in all; the oldest goes first."""


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
