"""The I/O thread: owns every socket and the switchboard, and never blocks on anything but its selector."""

import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence

from e2echat.errors import MalformedError
from e2echat.relay.limits import Limits
from e2echat.relay.listening import Acceptor, AddressCounts, counted
from e2echat.relay.peer import Peer
from e2echat.relay.poller import READ, WRITE, make_poller
from e2echat.relay.recorder import Recorder
from e2echat.relay.storage import StorageThread
from e2echat.relay.switchboard import Switchboard
from e2echat.relay.tls import TlsWire
from e2echat.relay.wakeup import Wakeup
from e2echat.relay.work import Work

_log = logging.getLogger(__name__)
_BUFFER = 256 * 1024
_SWEEP = 1.0
"""Seconds between two looks at who is slow or silent."""
_DRAIN_TURN = 0.02
"""Seconds to wait for something to happen while draining."""


class Reactor:
    """Drives a switchboard with real sockets. All methods but ``wake``, ``post``, ``report`` and ``stop`` are its thread's."""

    def __init__(
        self,
        board: Switchboard,
        limits: Limits,
        tls: ssl.SSLContext | None,
        certificate_hash: bytes,
        recorder: Recorder | None,
    ) -> None:
        self._board = board
        self._counters = board.counters
        self._limits = limits
        self._tls = tls
        self._certificate_hash = certificate_hash
        self._recorder = recorder
        self._poller = make_poller()
        self._wakeup = Wakeup()
        self._poller.register(self._wakeup.fileno(), READ)
        self._view = memoryview(bytearray(_BUFFER))
        self._peers: dict[int, Peer] = {}
        """By descriptor."""
        self._by_number: dict[int, Peer] = {}
        """Those that have a connection."""
        self._paused: set[Peer] = set()
        """Those that are not read from for a while."""
        self._addresses = AddressCounts(limits)
        self._through: deque[Sequence[Work]] = deque()
        self._posted: deque[Callable[[], None]] = deque()
        # The relay's clock goes on from where it was kept, at the pace of one that does not jump.
        self._today_less_now = board.today - time.monotonic()
        self._storing = False
        self._sweep_at = 0.0
        self._stopping = False
        self._draining = False

    def wake(self) -> None:
        """Make the thread look around. Any thread may call this."""
        self._wakeup.wake()

    def post(self, action: Callable[[], None]) -> None:
        """Run ``action`` on the thread soon; after ``run`` has ended, never. Any thread may call this."""
        self._posted.append(action)
        self.wake()

    def report(self, work: Sequence[Work]) -> None:
        """The storage is through with a batch. Called on the storage's thread."""
        self._through.append(work)
        self.wake()

    def stop(self) -> None:
        """Drain and end ``run``. Any thread may call this; the acceptor must have stopped."""
        self._stopping = True
        self.wake()

    def run(self, acceptor: Acceptor, storage: StorageThread) -> None:
        """Serve until ``stop``; then make durable what is under way and tell its senders, for a bounded time."""
        while not self._stopping:
            self._turn(acceptor, storage)
        self._draining = True
        begun = time.monotonic()
        self._board.drain()
        for peer in self._peers.values():
            self._watch(peer)
        self._turn(acceptor, storage)
        while self._unfinished() and time.monotonic() < begun + self._limits.drain:
            self._turn(acceptor, storage)
        fields = {
            "connections": len(self._peers),
            "unsent_bytes": self._counters.bytes_unsent,
            "unwritten_bytes": self._board.gauges()["unwritten_bytes"],
            "seconds": round(time.monotonic() - begun, 3),
        }
        if self._unfinished():
            _log.warning(
                "stopped before all was settled: its senders will send it again", extra={"fields": fields}
            )
        else:
            _log.info("drained", extra={"fields": fields})

    def _unfinished(self) -> bool:
        """Whether something is still on its way to the disk, or the answer to it on its way out."""
        return self._storing or self._counters.bytes_unsent > 0

    def close(self) -> None:
        """Close every socket. ``run`` must have ended."""
        for peer in list(self._peers.values()):
            self._drop(peer)
        self._poller.close()
        self._wakeup.close()

    def _turn(self, acceptor: Acceptor, storage: StorageThread) -> None:
        """Wait for something to happen, then handle all that has."""
        wait = min(self._sweep_at, self._board.next_tick) - time.monotonic()
        events = self._poller.poll(_DRAIN_TURN if self._draining else max(0.0, wait))
        now = time.monotonic()
        woken = False
        for descriptor, mask in events:
            peer = self._peers.get(descriptor)
            if peer is not None:
                self._serve(peer, mask, now)
            else:
                woken = True
        if woken:
            self._look_around(acceptor, now)
        self._do_what_is_due(now, storage)
        self._write_dirty(now)
        self._bound_unsent()
        if not self._storing and (work := self._board.take_work()):
            self._storing = True
            storage.submit(work)
        for peer in list(self._paused):
            self._watch(peer)
        if self._recorder:
            self._recorder.flush()

    def _look_around(self, acceptor: Acceptor, now: float) -> None:
        """Another thread has something for this one."""
        self._wakeup.clear()
        for accepted in acceptor.take():
            self._adopt(accepted, now)
        while self._through:
            self._storing = False
            self._board.finished(self._through.popleft(), now)
        while self._posted:
            self._posted.popleft()()

    def _do_what_is_due(self, now: float, storage: StorageThread) -> None:
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            storage.require_alive()
            self._board.tick(now, int(now + self._today_less_now))
            self._sweep(now)
        elif now >= self._board.next_tick:
            self._board.tick(now, int(now + self._today_less_now))

    def _adopt(self, accepted: socket.socket, now: float) -> None:
        """Take over a new connection, or close it if it is one too many."""
        try:
            accepted.setblocking(False)
            if accepted.family in (socket.AF_INET, socket.AF_INET6):
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host = str(accepted.getpeername()[0])
        except OSError:
            accepted.close()
            return
        if len(self._peers) >= self._limits.connections or not self._addresses.add(host):
            self._counters.connections_refused += 1
            accepted.close()
            return
        self._counters.connections += 1
        tls = TlsWire(self._tls) if self._tls else None
        peer = Peer(accepted, host, tls, now, self._counters)
        self._peers[peer.descriptor] = peer
        if peer.ready:
            self._open(peer, now)
        self._watch(peer)

    def _open(self, peer: Peer, now: float) -> None:
        """The transport is ready."""
        wall_clock = time.time_ns() // 1_000_000
        peer.connection = self._board.opened(self._certificate_hash, now, wall_clock, counted(peer.host))
        self._by_number[peer.connection.number] = peer
        if self._recorder:
            self._recorder.opened(peer.connection.number, peer.host)

    def _serve(self, peer: Peer, mask: int, now: float) -> None:
        """Handle what the poller says of a socket; errors and hang-ups show when it is used."""
        try:
            if mask != READ and peer.events & WRITE:
                peer.flush(now)
                self._finish_if_closing(peer, now)
                self._watch(peer)
            if mask != WRITE and peer.events & READ:
                self._read(peer, now)
        except OSError:
            self._drop(peer)

    def _read(self, peer: Peer, now: float) -> None:
        """Read once and handle what came.

        Raises:
            OSError: the connection is broken.
        """
        try:
            size = peer.socket.recv_into(self._view)
        except BlockingIOError:
            return
        if not size:
            self._drop(peer)
            return
        self._counters.bytes_in += size
        data, ended = self._view[:size].tobytes(), False
        if peer.tls is not None:
            data, ended = self._decrypt(peer, peer.tls, data, now)
        connection = peer.connection
        if data and connection is not None:
            if self._recorder:
                self._recorder.passed(connection.number, "in", data)
            self._board.received(connection, data, now)
            if not self._board.may_read(connection):
                self._watch(peer)
        if ended:
            self._drop(peer)

    def _decrypt(self, peer: Peer, tls: TlsWire, data: bytes, now: float) -> tuple[bytes, bool]:
        """Bytes of frames, and whether the stream has ended."""
        if peer.lingers_until is not None:
            return b"", False
        try:
            data, ended = tls.receive(data)
        except MalformedError:
            data, ended = b"", True
        if peer.connection is None and tls.ready:
            self._open(peer, now)
        if said := tls.own():
            peer.write_raw(said, now)
        return data, ended

    def _write_dirty(self, now: float) -> None:
        """Write everything that is for one connection at once."""
        while dirty := self._board.take_dirty():
            for connection in dirty:
                data = connection.take_output()
                peer = self._by_number.get(connection.number)
                if peer is None:
                    continue
                try:
                    if data:
                        if self._recorder:
                            self._recorder.passed(connection.number, "out", data)
                        peer.write(data, now)
                    if connection.closing:
                        self._finish_if_closing(peer, now)
                except OSError:
                    self._drop(peer)
                    continue
                if peer.unsent:
                    self._watch(peer)

    def _bound_unsent(self) -> None:
        """Too much is unsent in all: cut those that have taken nothing for longest. What they miss stays stored."""
        counters, most = self._counters, self._limits.unsent
        if counters.bytes_unsent <= most:
            return
        waiting = [peer for peer in self._peers.values() if peer.unsent]
        for peer in sorted(waiting, key=lambda peer: peer.blocked_since or 0.0):
            if counters.bytes_unsent <= most:
                break
            counters.cut += 1
            self._drop(peer)

    def _finish_if_closing(self, peer: Peer, now: float) -> None:
        """End a connection that is to be closed and has nothing unsent, but let the client read it all."""
        connection = peer.connection
        if connection is None or not connection.closing or peer.unsent:
            return
        self._forget(peer)
        peer.lingers_until = now + self._limits.linger
        peer.socket.shutdown(socket.SHUT_WR)

    def _watch(self, peer: Peer) -> None:
        """Let the selector watch for what can be handled now."""
        events = WRITE if peer.unsent else 0
        if not self._draining and (peer.connection is None or self._board.may_read(peer.connection)):
            events |= READ
            self._paused.discard(peer)
        else:
            self._paused.add(peer)
        if events == peer.events:
            return
        if not peer.events:
            self._poller.register(peer.descriptor, events)
        elif events:
            self._poller.modify(peer.descriptor, events)
        else:
            # An error or a hang-up would be said over and over of what is only not watched for anything.
            self._poller.unregister(peer.descriptor)
        peer.events = events

    def _sweep(self, now: float) -> None:
        """Cut who is too slow: in the handshake, in reading, in leaving."""
        self._board.sweep(now)
        limits = self._limits
        for peer in list(self._peers.values()):
            blocked = peer.blocked_since is not None and now - peer.blocked_since > limits.frame
            self._counters.cut += blocked
            if (
                blocked
                or (peer.lingers_until is not None and now > peer.lingers_until)
                or (not peer.ready and now - peer.opened_at > limits.handshake)
            ):
                self._drop(peer)

    def _forget(self, peer: Peer) -> None:
        """The switchboard's part of a connection ends here."""
        connection, peer.connection = peer.connection, None
        if connection is not None:
            del self._by_number[connection.number]
            self._board.closed(connection)
            if self._recorder:
                self._recorder.closed(connection.number)

    def _drop(self, peer: Peer) -> None:
        """End a connection at once."""
        self._forget(peer)
        self._peers.pop(peer.descriptor, None)
        self._paused.discard(peer)
        self._addresses.remove(peer.host)
        if peer.events:
            self._poller.unregister(peer.descriptor)
            peer.events = 0
        peer.close()
