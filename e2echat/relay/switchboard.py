"""The relay without its sockets, threads and disk: bytes of connections in, bytes and storage work out.

Whoever drives it (``server``, or a test) calls ``opened``, ``received``, ``finished``, ``closed`` and ``tick``, and
after each turn writes what ``take_output`` of each connection in ``take_dirty`` gives, and hands ``take_work``
to the storage. Not thread-safe: one thread owns it. docs/spec/relay.md.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import Randomness
from e2echat.crypto.relay_records import HelloRecord
from e2echat.errors import MalformedError
from e2echat.relay.admin import Admin
from e2echat.relay.connection import Channel, Connection, Role
from e2echat.relay.control import Control
from e2echat.relay.counters import Counters
from e2echat.relay.delivery import Delivery
from e2echat.relay.directory import Directory
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox
from e2echat.relay.segments import SegmentRow
from e2echat.relay.tokens import Registration
from e2echat.relay.work import Account, SaveToken, Work
from e2echat.wire import relay_messages
from e2echat.wire.frames import (
    CHANNEL_OVERHEAD,
    MAX_FRAME,
    SIZE,
    SIZE_AND_TAG,
    TAG_SIZE,
    Tag,
    frame,
    parse_count,
)

_PONG = frame(Tag.PONG)
_HEADER, _SIZE = SIZE_AND_TAG.size, SIZE.size
_ACKNOWLEDGE = int(Tag.ACKNOWLEDGE)
_unpack = SIZE_AND_TAG.unpack_from
_LEAST_ENVELOPE = CHANNEL_OVERHEAD - _SIZE + 1
_Gathered: TypeAlias = dict[Mailbox, tuple[Channel, list[tuple[bytes, int]]]]
"""Not submitted yet: for each mailbox from what channel, and whole frames with their number."""


class Switchboard:
    """All connections of one relay."""

    def __init__(
        self,
        key: SigningKey,
        limits: Limits,
        randomness: Randomness,
        today: int,
        *,
        registration: Registration = Registration.OPEN,
    ) -> None:
        self._key = key
        self._limits = limits
        self._randomness = randomness
        self._directory = Directory(
            key.public,
            randomness,
            registration=registration,
            most_one_time=limits.one_time_prekeys,
            former_life=limits.former_life,
        )
        self.counters = Counters()
        self._delivery = Delivery(limits, today, self.counters)
        self._keeping = self._delivery.keeping
        self._control = Control(limits, self._directory, self._delivery, randomness)
        self.admin = Admin(self._directory, self._delivery)
        self._connections: dict[int, Connection] = {}
        self._dirty: dict[int, Connection] = {}
        self._next_number = 1
        self._expire_at = -math.inf

    def restore(
        self,
        accounts: Iterable[tuple[Account, bytes | None, Iterable[int]]],
        segments: Iterable[SegmentRow],
        marks: Mapping[bytes, int],
        tombstones: Iterable[str] = (),
        tokens: Iterable[SaveToken] = (),
    ) -> None:
        """Take in what the storage holds, once, before the first connection.

        Args:
            accounts: each with its signed prekey and the ids of its one-time prekeys.
            segments: by ascending number.
            marks: by mailbox, up to which place it is acknowledged.
            tombstones: names that were removed.
            tokens: join tokens that are not used up.
        """
        for name in tombstones:
            self._directory.bury(name)
        for token in tokens:
            self._directory.tokens.put(token)
        known = [self._directory.restore(*account).account for account in accounts]
        self._directory.require_ours()
        self._delivery.restore(
            ((account.mailbox, account.capabilities) for account in known), segments, marks
        )

    def opened(
        self, certificate_hash: bytes, now: float, wall_clock: int, address: str | None = None
    ) -> Connection:
        """A connection has come about: greet it.

        Args:
            certificate_hash: 32 bytes, zeros without TLS.
            now: as everywhere.
            wall_clock: the time of day that the greeting tells, in unix milliseconds.
            address: what its requests are counted under, if they are.
        """
        nonce = self._randomness.octets(32)
        hello = HelloRecord.create(self._key, nonce, certificate_hash, relay_messages.PROTOCOL_VERSION)
        number = self._next_number
        connection = Connection(number, hello, self._limits, now, self._dirty, self.counters, address)
        self._next_number += 1
        self._connections[connection.number] = connection
        connection.send(relay_messages.encode(relay_messages.Hello(hello.raw, wall_clock)))
        return connection

    def received(self, connection: Connection, data: bytes, now: float) -> None:
        """Take in bytes of a connection. What is malformed closes it, once its output has left."""
        connection.heard = now
        if not connection.closing:
            self._take(connection, connection.pending + data if connection.pending else data, now)

    def _take(self, connection: Connection, data: bytes, now: float) -> None:
        end = rest = len(data)
        try:
            if not self._lone(connection, data, now):
                rest = self._frames(connection, data, now)
        except MalformedError:
            connection.close()
        if rest == end:
            connection.pending, connection.frame_since = b"", None
        else:
            connection.pending = data[rest:]
            if rest or connection.frame_since is None:
                connection.frame_since = now

    def _gather(self, gathered: _Gathered, channel: Channel, data: bytes, count: int, now: float) -> None:
        """Add frames to what the same channel has sent in this read, unless another one to that mailbox came between."""
        mailbox = channel.mailbox
        if not gathered and mailbox.owner is None:
            self._delivery.submit(channel, data, count, now)
            return
        before = gathered.get(mailbox)
        if before and before[0] is channel:
            before[1].append((data, count))
            return
        if before:
            self._submit_together(*before, now)
        gathered[mailbox] = channel, [(data, count)]

    def _submit(self, gathered: _Gathered, now: float) -> None:
        for channel, parts in gathered.values():
            self._submit_together(channel, parts, now)
        gathered.clear()

    def _submit_together(self, channel: Channel, parts: list[tuple[bytes, int]], now: float) -> None:
        data, count = parts[0]
        if len(parts) > 1:
            data, count = b"".join([each for each, _ in parts]), sum(number for _, number in parts)
        self._delivery.submit(channel, data, count, now)

    def _lone(self, connection: Connection, data: bytes, now: float) -> bool:
        """Handle ``data`` if it is one frame, as chat mostly has it: there is nothing to cut or gather then."""
        if len(data) < _HEADER or connection.busy:
            return False
        size, tag = _unpack(data)
        if size + _SIZE != len(data) or size > MAX_FRAME:
            return False
        channel = connection.channels.get(tag)
        if channel and size >= _LEAST_ENVELOPE:
            self._delivery.submit(channel, data, 1, now)
        else:
            self._single(connection, tag, data[_HEADER:], now)
        return True

    def _frames(self, connection: Connection, data: bytes, now: float) -> int:
        """Handle the whole frames in ``data``; gives where they end.

        What came on one channel is submitted as one run: the only work a frame costs is here.

        Raises:
            MalformedError: what came is no frame, or not this client's to send; what came before it is handled.
        """
        channels = connection.channels
        gathered: _Gathered = {}
        position = start = count = 0
        end, last, channel = len(data), -1, None
        while end - position >= _HEADER and not connection.busy:
            size, tag = _unpack(data, position)
            behind = position + _SIZE + size
            if behind > end or not TAG_SIZE <= size <= MAX_FRAME:
                break
            if tag != last or size < _LEAST_ENVELOPE:
                if channel:
                    self._gather(gathered, channel, data[start:position], count, now)
                start, count, last = position, 0, tag
                channel = channels.get(tag) if size >= _LEAST_ENVELOPE else None
            if channel:
                count += 1
            else:
                self._submit(gathered, now)
                self._single(connection, tag, data[position + _HEADER : behind], now)
            position = behind
        if channel:
            self._gather(gathered, channel, data[start:position], count, now)
        self._submit(gathered, now)
        if end - position >= _SIZE and not TAG_SIZE <= SIZE.unpack_from(data, position)[0] <= MAX_FRAME:
            raise MalformedError("a frame's size")
        return position

    def _single(self, connection: Connection, tag: int, body: bytes, now: float) -> None:
        if tag == _ACKNOWLEDGE:
            self._acknowledged(connection, parse_count(body))
        elif tag == Tag.CONTROL:
            self._control.handle(connection, body, now)
        elif tag in (Tag.PING, Tag.PONG) and not body:
            if tag == Tag.PING:
                connection.send(_PONG)
        else:
            raise MalformedError("not a client's frame")

    def _acknowledged(self, connection: Connection, total: int) -> None:
        mailbox = connection.mailbox
        if mailbox is None:
            raise MalformedError("nothing was delivered here")
        self._delivery.acknowledge(mailbox, total - connection.acknowledged)
        connection.acknowledged = total

    def finished(self, work: Iterable[Work], now: float) -> None:
        """The storage is through with a batch: in the order in which ``take_work`` gave it."""
        for item in work:
            item.done(item)
        for connection in self._control.pending.take_answered():
            if not connection.closing:
                self._take(connection, connection.pending, now)

    def closed(self, connection: Connection) -> None:
        """A connection is no more."""
        connection.close()
        self._connections.pop(connection.number, None)
        for channel in connection.channels.values():
            channel.mailbox.detach(channel)
        # A channel knows its connection: undone, both are gone at once, with whatever they hold.
        connection.channels.clear()
        mailbox = connection.mailbox
        if mailbox is not None and mailbox.owner is connection:
            self._delivery.leave(mailbox)

    def tick(self, now: float, today: int) -> None:
        """Do what is due: to be called by ``next_tick`` at the latest. ``today`` as ``today`` below."""
        self._keeping.today = today
        self._delivery.tick(now)

    def sweep(self, now: float) -> None:
        """Close who has been silent or slow for too long, drop what has expired: about once a second."""
        limits = self._limits
        for connection in self._connections.values():
            begun = connection.frame_since
            if now - connection.heard > limits.idle or (
                begun is not None and now - begun > limits.frame and not connection.busy
            ):
                connection.close()
        if now >= self._expire_at:
            self._expire_at = now + limits.expiry_every
            self._delivery.expire()
            self.admin.keep_house()

    @property
    def today(self) -> int:
        """The relay's clock: unix seconds when the relay was made, and on from there while it runs."""
        return self._keeping.today

    @property
    def next_tick(self) -> float:
        """When ``tick`` is needed next."""
        return self._delivery.next_tick

    def gauges(self) -> dict[str, int]:
        """What is so at this moment, for ``Counters.exposition``."""
        mailboxes = self._delivery.mailboxes.values()
        return {
            "connections": len(self._connections),
            "accounts": len(mailboxes),
            "accounts_connected": sum(mailbox.owner is not None for mailbox in mailboxes),
            "waiting_envelopes": sum(mailbox.count for mailbox in mailboxes),
            "waiting_bytes": sum(mailbox.size for mailbox in mailboxes),
            "unwritten_bytes": self._keeping.unwritten,
            "unsent_bytes": self.counters.bytes_unsent,
        }

    def may_read(self, connection: Connection) -> bool:
        """Whether to read from a connection now: what it has under way is bounded."""
        return not (
            connection.busy
            or connection.backlog > self._limits.backlog
            or connection.unsettled >= self._limits.unsettled
            or (connection.role is Role.SENDER and self._keeping.unwritten >= self._limits.unwritten)
        )

    def take_dirty(self) -> list[Connection]:
        """Connections that have something to write, or are to be closed."""
        dirty = list(self._dirty.values())
        self._dirty.clear()
        return dirty

    def take_work(self) -> list[Work]:
        """What the storage is to do next, as one batch. At most one batch may be under way."""
        return self._delivery.take_work()

    def drain(self) -> None:
        """The relay is about to stop: let what is only in memory go to the storage."""
        self._delivery.write_all()
        self.admin.keep_house()
