"""A link to a relay: one connection, kept up by a thread of its own.

The thread connects, reads, writes, pings, and connects again; its listener hears of it. What the bytes mean,
and whether the relay is the right one, is for the listener to say. docs/spec/relay.md, "Connections".
"""

import random
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from e2echat.client.connection import Channel, Connection, PlainChannel, PlainRelayError, TlsChannel, resolve
from e2echat.errors import E2EChatError, MalformedError, RelayUnreachableError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FrameDecoder, Tag, frame

MAX_UNSENT = 32 * 1024 * 1024
"""Bytes that may wait for a relay that does not read: two full mailboxes. More ends the connection."""
_MAX_ADDRESSES = 8
_PING, _PONG = frame(Tag.PING), frame(Tag.PONG)
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_JOIN = 1.0
"""Seconds that ``close`` waits for the thread beyond the flush; a slow name look-up may outlast it, unheard."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a link is, all in seconds."""

    connect: float = 10
    """For the TCP connection, over all addresses of the host; and again for TLS."""
    ping: float = 20
    """Of silence, after which the relay is asked for a sign of life."""
    answer: float = 10
    """That it then has to give one."""
    retry_first: float = 0.25
    """Before the second attempt; doubles with each."""
    retry_most: float = 30
    settled: float = 10
    """After which a connection has proved good: the next attempt is a first one again."""


class LinkListener(Protocol):
    """Hears of a link, always from the link's thread, which holds no lock of the link meanwhile.

    An ``E2EChatError`` that ``link_up`` or ``link_frames`` raises ends the connection and comes back as ``link_down``.
    """

    def link_up(self, link: "Link", certificate_hash: bytes) -> None:
        """Connected. The hash is SHA-256 of the TLS leaf certificate in DER; zeros without TLS."""

    def link_frames(self, link: "Link", frames: list[tuple[int, bytes]]) -> None:
        """All frames, as tag and body, that one read completed; PING and PONG are the link's own affair."""

    def link_down(self, link: "Link", error: E2EChatError) -> None:
        """The connection was lost, or one could not be made; the link tries again by itself."""


class _EndedError(Exception):
    """``drop`` or ``close`` was called."""


class Link:
    """One link. Everything but ``start`` may be called from any thread, and from inside a callback."""

    def __init__(
        self,
        address: RelayAddress,
        listener: LinkListener,
        *,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._listener = listener
        self._pace = pace
        self._clock = clock
        self._random = random.SystemRandom()
        self._thread = threading.Thread(target=self._run, name=f"link to {address.host}", daemon=True)
        self._plain = False
        """The relay was found to speak without TLS. The thread's own."""
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        # What other threads see and change, all under the lock:
        self._quiet = threading.Condition()
        self._unsent: bytearray | None = None
        """For the thread to send; None while down."""
        self._calling = False
        """A callback is running."""
        self._dropped = False
        """This connection is to end."""
        self._staying_down = False
        self._closed = False
        self._flush_until = 0.0

    def start(self) -> None:
        """Begin to connect. Once."""
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Send whole frames, soon. Dropped while the link is down: what matters is sent again by the engine."""
        with self._quiet:
            if self._unsent is None or self._dropped or self._closed:
                return
            # What goes beyond is lost with the connection, which the thread ends as soon as it looks.
            if len(self._unsent) <= MAX_UNSENT:
                self._unsent += data
        self._wake()

    def drop(self, *, retry: bool) -> None:
        """End this connection; ``link_down`` does not follow. Without ``retry`` no other one is made.

        Called from another thread than the link's, one callback that has already begun may still finish.
        """
        with self._quiet:
            self._dropped = self._unsent is not None
            self._staying_down |= not retry
        self._wake()

    def close(self, *, flush: float = 0) -> None:
        """End the link for good; no callback runs or begins once this returns.

        Args:
            flush: seconds to wait at most until the relay has taken what was sent.

        Call it without any lock that a callback may be waiting for. From inside a callback, that one ends last.
        """
        with self._quiet:
            if not self._closed:
                self._closed = True
                self._flush_until = self._clock() + flush
        self._wake()
        if self._thread is threading.current_thread():
            return
        with self._quiet:
            self._quiet.wait_for(lambda: not self._calling)
        if self._thread.ident is not None:
            self._thread.join(flush + _JOIN)
        else:
            self._close_wake()

    def _run(self) -> None:
        delay = self._pace.retry_first
        try:
            while not (self._closed or self._staying_down):
                if self._attempt() >= self._pace.settled:
                    delay = self._pace.retry_first
                # Half of it at random, so that the clients of a relay that restarts come back one by one.
                self._pause(delay * self._random.uniform(0.5, 1))
                delay = min(2 * delay, self._pace.retry_most)
        finally:
            with self._quiet:
                self._closed = True
                self._close_wake()

    def _attempt(self) -> float:
        """One connection, from its beginning to its end; the seconds that it lived."""
        try:
            connection = self._connect()
        except _EndedError:
            return 0
        except E2EChatError as error:
            self._call(self._listener.link_down, error)
            return 0
        born = self._clock()
        try:
            with self._quiet:
                self._unsent = bytearray()
            self._call(self._listener.link_up, connection.certificate_hash)
            self._serve(connection)
        except _EndedError:
            self._drain(connection)
        except E2EChatError as error:
            self._call(self._listener.link_down, error)
        finally:
            with self._quiet:
                self._unsent = None
                self._dropped = False
            connection.close()
            # A relay that says nothing may have been started anew, with TLS.
            self._plain &= connection.heard
        return self._clock() - born

    def _connect(self) -> Connection:
        addresses = resolve(self.address.host, self.address.port)[:_MAX_ADDRESSES]
        failure: RelayUnreachableError | None = None
        for where in addresses:
            try:
                return self._connect_to(where, self._pace.connect / len(addresses))
            except RelayUnreachableError as error:
                failure = error
        raise failure or RelayUnreachableError("the relay's host has no address")

    def _connect_to(self, where: tuple[int, object], patience: float) -> Connection:
        channel: Channel = PlainChannel() if self._plain else TlsChannel()
        connection = Connection(where, channel)
        try:
            self._await(connection, _WRITE, self._clock() + patience)
            connection.connected()
            deadline = self._clock() + self._pace.connect
            while not connection.established:
                self._await(connection, _READ, deadline)
                connection.early += connection.receive()
        except PlainRelayError as error:
            connection.close()
            # What a relay on this machine sends cannot be read on the way; its hello says so, too, with
            # zeros for the certificate's hash. Nowhere else is that believed.
            if not connection.is_loopback:
                raise MalformedError(
                    "the relay speaks without TLS, which only one on this machine may"
                ) from error
            self._plain = True
            return self._connect_to(where, patience)
        except BaseException:
            connection.close()
            raise
        return connection

    def _serve(self, connection: Connection) -> None:
        decoder = FrameDecoder()
        self._hand_over(decoder, connection.early)
        silent_since, asked = self._clock(), False
        while True:
            if data := self._take_unsent(connection):
                connection.send(data)
            patience = self._pace.answer if asked else self._pace.ping
            ready = self._wait(connection, silent_since + patience)
            if ready & _WRITE:
                connection.flush()
            if ready & _READ:
                self._hand_over(decoder, connection.receive())
                silent_since, asked = self._clock(), False
            elif self._clock() >= silent_since + patience:
                if asked:
                    raise RelayUnreachableError("the relay has gone silent")
                silent_since, asked = self._clock(), True
                connection.send(_PING)

    def _hand_over(self, decoder: FrameDecoder, data: bytes) -> None:
        frames = []
        for tag, body in decoder.feed(data):
            if tag == Tag.PING:
                self.send(_PONG)
            elif tag != Tag.PONG:
                frames.append((tag, body))
        if frames:
            self._call(self._listener.link_frames, frames)

    def _drain(self, connection: Connection) -> None:
        """Let what was sent leave before the end: closing with unread bytes in the socket would discard it."""
        with self._quiet:
            deadline, rest = self._flush_until, bytes(self._unsent or b"")
            if not self._closed or self._dropped:
                return
        with suppress(E2EChatError):
            connection.send(rest)
            connection.end()
            while self._clock() < deadline:
                ready = self._wait(connection, deadline)
                if ready & _WRITE:
                    connection.flush()
                if ready & _READ and not connection.discard():
                    return

    def _call(self, callback: Callable[..., None], argument: object) -> None:
        with self._quiet:
            if self._closed or self._dropped:
                return
            self._calling = True
        try:
            callback(self, argument)
        finally:
            with self._quiet:
                self._calling = False
                self._quiet.notify_all()

    def _take_unsent(self, connection: Connection) -> bytes:
        """What may be sent now: nothing while the socket has not taken the last."""
        with self._quiet:
            self._check()
            if connection.wants_write:
                return b""
            data = bytes(self._unsent or b"")
            self._unsent = bytearray()
            return data

    def _check(self) -> None:
        with self._quiet:
            if self._closed or self._dropped or self._staying_down:
                raise _EndedError
            if self._unsent is not None and len(self._unsent) > MAX_UNSENT:
                raise RelayUnreachableError("the relay takes nothing in")

    def _await(self, connection: Connection, events: int, deadline: float) -> None:
        while True:
            self._check()
            if self._wait(connection, deadline, events):
                return
            if self._clock() >= deadline:
                raise RelayUnreachableError("the relay does not answer")

    def _pause(self, seconds: float) -> None:
        deadline = self._clock() + seconds
        while self._clock() < deadline and not (self._closed or self._staying_down):
            self._wait(None, deadline)

    def _wait(self, connection: Connection | None, deadline: float, events: int = _READ) -> int:
        """Sleep until the socket is ready, the clock says ``deadline``, or somebody wakes us; what it is ready for."""
        with selectors.PollSelector() as selector:
            selector.register(self._wake_out, _READ)
            if connection is not None:
                selector.register(connection.socket, events | (_WRITE if connection.wants_write else 0))
            ready = {key.fileobj: found for key, found in selector.select(max(0, deadline - self._clock()))}
        if self._wake_out in ready:
            with suppress(BlockingIOError):
                self._wake_out.recv(4096)
        return ready.get(connection.socket, 0) if connection is not None else 0

    def _wake(self) -> None:
        # A full pipe wakes as well, and a closed one has nobody to wake.
        if self._thread is not threading.current_thread():
            with suppress(OSError):
                self._wake_in.send(b"\0")

    def _close_wake(self) -> None:
        self._wake_in.close()
        self._wake_out.close()
