"""A link to a relay: one connection, kept up by a thread of its own.

The thread connects, reads, writes, pings, and connects again; its listener hears of it. What the bytes mean,
and whether the relay is the right one, is for the listener to say. docs/spec/relay.md, "Staying connected".
"""

import random
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from e2echat.client import waiting
from e2echat.client.connection import Connection
from e2echat.client.dialing import Dialer
from e2echat.client.socks import Proxy
from e2echat.client.waiting import READ, UNHURRIED, WRITE, Pace, Ready, Waiter
from e2echat.errors import E2EChatError, RelayUnreachableError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FrameDecoder, Tag, frame

MAX_UNSENT = 32 * 1024 * 1024
"""Bytes that may wait for a relay that does not read: two full mailboxes. More ends the connection."""
_PING, _PONG = frame(Tag.PING), frame(Tag.PONG)
_JOIN = 1.0
"""Seconds that ``close`` waits for the thread beyond the flush; a slow name look-up may outlast it, unheard."""


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
        proxy: Proxy | None = None,
        pace: Pace = UNHURRIED,
        clock: Callable[[], float] = waiting.clock,
    ) -> None:
        self.address = address
        self._listener = listener
        self._pace = pace
        self._clock = clock
        self._random = random.SystemRandom()
        self._thread = threading.Thread(target=self._run, name=f"link to {address.host}", daemon=True)
        self._waiter = Waiter(clock)
        self._dialer = Dialer(address, proxy, pace=pace, wait=self._wait, clock=clock)
        # What other threads see and change, all under the lock:
        self._quiet = threading.Condition()
        self._unsent: bytearray | None = None
        """For the thread to send; None while down."""
        self._calling = False
        """A callback is running."""
        self._dropped = False
        """This connection is to end."""
        self._staying_down = False
        self._hurried = False
        """Somebody wants something of the relay: the next attempt is not to wait for long."""
        self._closed = False
        self._flush_until = 0.0

    def start(self) -> None:
        """Begin to connect. Once."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether its thread is at work."""
        return self._thread.is_alive()

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

    def hurry(self) -> None:
        """Connect soon, if the link is down; however often this is called, not sooner than after a first failure."""
        with self._quiet:
            self._hurried = self._unsent is None
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
            self._waiter.close()

    def _run(self) -> None:
        delay = self._pace.retry_first
        try:
            while not (self._closed or self._staying_down):
                if self._attempt() >= self._pace.settled:
                    delay = self._pace.retry_first
                # Half of it at random, so that the clients of a relay that restarts come back one by one.
                if self._pause(delay * self._random.uniform(0.5, 1)):
                    delay = self._pace.retry_first
                else:
                    delay = min(2 * delay, self._pace.retry_most)
        finally:
            with self._quiet:
                self._closed = True
                self._waiter.close()

    def _attempt(self) -> float:
        """One connection, from its beginning to its end; the seconds that it lived."""
        try:
            connection = self._dialer.dial()
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
            self._dialer.ended(connection)
        return self._clock() - born

    def _serve(self, connection: Connection) -> None:
        decoder = FrameDecoder()
        self._hand_over(decoder, connection.early)
        silent_since, asked = self._clock(), False
        while True:
            if data := self._take_unsent(connection):
                connection.send(data)
            patience = self._pace.answer if asked else self._pace.ping
            ready = self._watch(connection, silent_since + patience)
            if ready & WRITE:
                connection.flush()
            if ready & READ:
                self._hand_over(decoder, connection.receive())
                silent_since, asked = self._clock(), False
            elif self._clock() >= silent_since + patience:
                if asked:
                    raise RelayUnreachableError("the relay has gone silent")
                silent_since, asked = self._clock(), True
                connection.send(_PING)

    def _watch(self, connection: Connection, deadline: float) -> int:
        """Wait a while for the socket; what it is ready for.

        Raises:
            RelayUnreachableError: something happened that connections do not survive, and do not notice for long.
        """
        begun = self._clock()
        until = min(deadline, begun + self._pace.look)
        interest = READ | (WRITE if connection.wants_write else 0)
        if ready := self._wait({connection.socket: interest}, until):
            return ready[connection.socket]
        if self._clock() - begun >= self._pace.slept:
            raise RelayUnreachableError("this machine slept")
        if self._clock() >= until and connection.moved:
            raise RelayUnreachableError("this machine is on another network")
        return 0

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
                interest = READ | (WRITE if connection.wants_write else 0)
                ready = self._waiter.wait({connection.socket: interest}, deadline).get(connection.socket, 0)
                if ready & WRITE:
                    connection.flush()
                if ready & READ and not connection.discard():
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

    def _wait(self, interests: Mapping[socket.socket, int], deadline: float) -> Ready:
        """``Waiter.wait``, unless the end has come."""
        self._check()
        return self._waiter.wait(interests, deadline)

    def _pause(self, seconds: float) -> bool:
        """Wait before the next attempt; True if the machine is on another network by then, and will not wait longer."""
        begun, source = self._clock(), self._dialer.source()
        deadline = begun + seconds
        while (now := self._clock()) < deadline and not (self._closed or self._staying_down):
            if self._hurried:
                self._hurried = False
                deadline = min(deadline, begun + self._pace.retry_first)
            self._waiter.wait({}, min(deadline, now + self._pace.look))
            if self._dialer.source() not in (source, None):
                return True
        return False

    def _wake(self) -> None:
        if self._thread is not threading.current_thread():
            self._waiter.wake()
