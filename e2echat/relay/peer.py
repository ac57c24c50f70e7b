"""One socket: its transport, what it has not taken yet, and since when."""

import socket

from e2echat.relay.connection import Connection
from e2echat.relay.counters import Counters
from e2echat.relay.tls import Wire


class Peer:
    """A client's socket. ``connection`` is there once the transport is ready."""

    __slots__ = (
        "_counted",
        "_counters",
        "blocked_since",
        "connection",
        "events",
        "host",
        "lingers_until",
        "opened_at",
        "socket",
        "unsent",
        "wire",
    )  # fmt: skip

    def __init__(
        self, connected: socket.socket, host: str, wire: Wire, now: float, counters: Counters
    ) -> None:
        self._counters = counters
        self._counted = 0
        """How much of ``unsent`` is counted."""
        self.socket = connected
        self.host = host
        self.wire = wire
        self.opened_at = now
        self.connection: Connection | None = None
        self.unsent = bytearray()
        self.blocked_since: float | None = None
        """Since when the socket has taken nothing of ``unsent``."""
        self.lingers_until: float | None = None
        """We are through with it and wait for the client to have read everything."""
        self.events = 0
        """What the selector watches it for."""

    def write(self, data: bytes, now: float) -> None:
        """Send ``data`` behind what is unsent, or as much as the socket takes.

        Raises:
            OSError: the connection is broken.
        """
        if self.unsent:
            self.unsent += data
        elif data:
            sent = self._send(data)
            if sent < len(data):
                self.unsent += memoryview(data)[sent:]
                self.blocked_since = now
        self._report()

    def flush(self, now: float) -> None:
        """Send more of what is unsent; the socket has room.

        Raises:
            OSError: the connection is broken.
        """
        sent = self._send(self.unsent)
        if sent:
            del self.unsent[:sent]
            self.blocked_since = now if self.unsent else None
        self._report()

    def _send(self, data: bytes | bytearray) -> int:
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return 0
        self._counters.bytes_out += sent
        return sent

    def close(self) -> None:
        """Close the socket; what is unsent never will be."""
        self.unsent.clear()
        self._report()
        self.socket.close()

    def _report(self) -> None:
        self._counters.bytes_unsent += len(self.unsent) - self._counted
        self._counted = len(self.unsent)
        if self.connection is not None:
            self.connection.backlog = len(self.unsent)
