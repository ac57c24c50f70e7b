"""One socket: its transport, what it has not taken yet, and since when."""

import socket

from e2echat.relay.connection import Connection
from e2echat.relay.counters import Counters
from e2echat.relay.tls import TlsWire


class Peer:
    """A client's socket. ``connection`` is there once the transport is ready."""

    __slots__ = (
        "_counters", "blocked_since", "connection", "descriptor", "events", "host", "lingers_until", "opened_at", "socket",
        "tls", "unsent",
    )  # fmt: skip

    def __init__(
        self, connected: socket.socket, host: str, tls: TlsWire | None, now: float, counters: Counters
    ) -> None:
        self._counters = counters
        self.socket = connected
        self.descriptor = connected.fileno()
        self.host = host
        self.tls = tls
        """None on a relay without TLS."""
        self.opened_at = now
        self.connection: Connection | None = None
        self.unsent: bytearray | None = None
        self.blocked_since: float | None = None
        """Since when the socket has taken nothing of ``unsent``."""
        self.lingers_until: float | None = None
        """We are through with it and wait for the client to have read everything."""
        self.events = 0
        """What the poller watches it for."""

    @property
    def ready(self) -> bool:
        """Whether frames can be sent and received."""
        return self.tls is None or self.tls.ready

    def write(self, data: bytes, now: float) -> None:
        """Send frames, behind what is unsent, or as much as the socket takes.

        Raises:
            OSError: the connection is broken.
        """
        self.write_raw(data if self.tls is None else self.tls.send(data), now)

    def write_raw(self, data: bytes, now: float) -> None:
        """Send bytes of the transport, likewise."""
        if self.unsent is not None:
            self.unsent += data
            self._report(len(data))
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        self._counters.bytes_out += sent
        if sent < len(data):
            self.unsent = bytearray(memoryview(data)[sent:])
            self.blocked_since = now
            self._report(len(self.unsent))

    def flush(self, now: float) -> None:
        """Send more of what is unsent; the socket has room.

        Raises:
            OSError: the connection is broken.
        """
        if self.unsent is None:
            return
        try:
            sent = self.socket.send(self.unsent)
        except BlockingIOError:
            return
        self._counters.bytes_out += sent
        del self.unsent[:sent]
        self.blocked_since = now
        if not self.unsent:
            self.unsent = self.blocked_since = None
        self._report(-sent)

    def close(self) -> None:
        """Close the socket; what is unsent never will be."""
        unsent, self.unsent = self.unsent, None
        self._report(-len(unsent or b""))
        self.socket.close()

    def _report(self, change: int) -> None:
        """Keep the sums of what is unsent, everywhere and here."""
        self._counters.bytes_unsent += change
        if self.connection is not None:
            self.connection.backlog = len(self.unsent or b"")
