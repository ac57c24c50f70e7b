"""How a link's thread waits: for sockets, for a time, or to be woken. And how long it is ready to."""

import selectors
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Ready: TypeAlias = dict[socket.socket, int]
Wait: TypeAlias = Callable[[Mapping[socket.socket, int], float], Ready]
"""See ``Waiter.wait``."""
# Linux leaves the time asleep out of its monotonic clock and has another one with it; macOS the other way round.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds since some moment. Those count, too, in which the machine sleeps."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a link is, all in seconds."""

    connect: float = 10
    """For the TCP connection, over all addresses of the host; and again for TLS."""
    stagger: float = 0.25
    """For one address, before the next is tried beside it. RFC 8305, section 5."""
    tunnel: float = 60
    """For a proxy's way to the relay and for TLS through it: an onion service takes its time."""
    ping: float = 20
    """Of silence, after which the relay is asked for a sign of life."""
    answer: float = 9
    """That it then has to give one. With ``ping`` less than 30: so soon a dead path is noticed."""
    look: float = 2
    """Between two looks at what no socket tells: that the machine slept, or is on another network."""
    slept: float = 30
    """That pass within one wait only if the machine sleeps or the program is stopped; connections have ended then."""
    retry_first: float = 0.25
    """Before the second attempt; doubles with each."""
    retry_most: float = 30
    settled: float = 10
    """After which a connection has proved good: the next attempt is a first one again."""


UNHURRIED = Pace()
"""What a link does unless a test is in a hurry."""


class Waiter:
    """For one thread that waits; ``wake`` may be called from any."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def wait(self, interests: Mapping[socket.socket, int], deadline: float) -> Ready:
        """Sleep until a socket is ready, the clock says ``deadline``, or somebody wakes us; what is ready for what.

        ``interests``: what to wait for, ``READ`` or ``WRITE`` or both, by socket.
        """
        with selectors.PollSelector() as selector:
            for waiting, events in ((self._wake_out, READ), *interests.items()):
                selector.register(waiting, events)
            found = selector.select(max(0, deadline - self._clock()))
        ready = {key.fileobj: events for key, events in found}
        if ready.pop(self._wake_out, 0):
            with suppress(BlockingIOError):
                self._wake_out.recv(4096)
        return {waiting: ready[waiting] for waiting in interests if waiting in ready}

    def wake(self) -> None:
        """Let whoever waits look again."""
        # A full pipe wakes as well, and a closed one has nobody to wake.
        with suppress(OSError):
            self._wake_in.send(b"\0")

    def close(self) -> None:
        """Nobody waits any more."""
        self._wake_in.close()
        self._wake_out.close()
