"""Length-prefixed frames: ``u32 size | u32 tag | rest``, big-endian, ``size`` counting all that follows it.

A tag below ``FIRST_CHANNEL`` is one of ``Tag``; any other is a channel: a sending connection's right to one
mailbox, opened once with a capability. A channel's frame is ``tag | 16-byte envelope id | envelope`` and is
delivered byte for byte as it was submitted. docs/spec/relay.md, "Frames".
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

from e2echat.errors import MalformedError

MAX_FRAME = 64 * 1024
"""Largest ``size`` in bytes; checked as soon as the four bytes are there, before anything is allocated."""
FIRST_CHANNEL = 256
ENVELOPE_ID_SIZE = 16
TAG_SIZE = 4
CHANNEL_OVERHEAD = 4 + TAG_SIZE + ENVELOPE_ID_SIZE
"""Bytes of a channel's frame before the envelope: size, tag, id."""

SIZE = Struct(">I")
SIZE_AND_TAG = Struct(">II")
_COUNT = Struct(">Q")
_CHANNEL_COUNT = Struct(">IQ")
_ACCEPTED = Struct(">IIIQ")
_REFUSAL = Struct(">IQB")


class Tag(IntEnum):
    """What a frame below ``FIRST_CHANNEL`` is."""

    CONTROL = 0
    """One message of ``relay_messages`` in CBOR, either way."""
    ACKNOWLEDGE = 1
    """Client to relay, mailbox connection: u64 envelopes that are ours so far on this connection."""
    ACCEPTED = 2
    """Relay to client: u32 channel, u64 submissions on it that are settled so far."""
    REFUSED = 3
    """Relay to client: u32 channel, u64 index from 0 of the submission, u8 ``Refusal``; it counts as settled."""
    PING = 4
    """Either way, empty; answered by ``PONG``."""
    PONG = 5
    """Either way, empty."""


_ACCEPTED_SIZE, _ACCEPTED_TAG = TAG_SIZE + _CHANNEL_COUNT.size, int(Tag.ACCEPTED)


def frame(tag: int, body: bytes = b"") -> bytes:
    """The bytes of one frame.

    Raises:
        ValueError: the frame would exceed ``MAX_FRAME``.
    """
    size = TAG_SIZE + len(body)
    if size > MAX_FRAME:
        raise ValueError(f"a frame of {size} bytes exceeds {MAX_FRAME}")
    return SIZE_AND_TAG.pack(size, tag) + body


def submission(channel: int, envelope_id: bytes, envelope: bytes) -> bytes:
    """The frame that submits ``envelope`` on ``channel``."""
    if len(envelope_id) != ENVELOPE_ID_SIZE:
        raise ValueError("an envelope id has 16 bytes")
    return frame(channel, envelope_id + envelope)


def acknowledge(count: int) -> bytes:
    """The frame that says how many envelopes of this connection are ours so far."""
    return frame(Tag.ACKNOWLEDGE, _COUNT.pack(count))


def accepted(channel: int, count: int) -> bytes:
    """The frame that says how many submissions on ``channel`` are settled so far."""
    return _ACCEPTED.pack(_ACCEPTED_SIZE, _ACCEPTED_TAG, channel, count)


def refused(channel: int, index: int, reason: int) -> bytes:
    """The frame that refuses submission ``index`` (from 0) on ``channel``."""
    return frame(Tag.REFUSED, _REFUSAL.pack(channel, index, reason))


def parse_count(body: bytes | memoryview) -> int:
    """The body of an ``ACKNOWLEDGE``."""
    (count,) = _exactly(_COUNT, body)
    return count


def parse_channel_count(body: bytes | memoryview) -> tuple[int, int]:
    """The body of an ``ACCEPTED``: channel, count."""
    channel, count = _exactly(_CHANNEL_COUNT, body)
    return channel, count


def parse_refusal(body: bytes | memoryview) -> tuple[int, int, int]:
    """The body of a ``REFUSED``: channel, index, reason."""
    channel, index, reason = _exactly(_REFUSAL, body)
    return channel, index, reason


def parse_envelope(body: bytes) -> tuple[bytes, bytes]:
    """The body of a channel's frame: envelope id, envelope."""
    if len(body) <= ENVELOPE_ID_SIZE:
        raise MalformedError("an envelope's frame is too short")
    return body[:ENVELOPE_ID_SIZE], body[ENVELOPE_ID_SIZE:]


def _exactly(layout: Struct, body: bytes | memoryview) -> tuple[int, ...]:
    try:
        return layout.unpack(body)
    except struct.error as error:
        raise MalformedError(f"a frame's body has {len(body)} bytes where {layout.size} belong") from error


class FrameDecoder:
    """Turns a stream of bytes, cut anywhere, into frames. Holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
        """Take in ``data`` and yield ``(tag, body)`` of each frame that it completes.

        Raises:
            MalformedError: a size is outside 4..MAX_FRAME. The stream is then of no further use.
        """
        self._pending += data
        start = 0
        try:
            while len(self._pending) - start >= SIZE.size:
                (size,) = SIZE.unpack_from(self._pending, start)
                if not TAG_SIZE <= size <= MAX_FRAME:
                    raise MalformedError(f"a frame claims {size} bytes")
                end = start + SIZE.size + size
                if len(self._pending) < end:
                    return
                (tag,) = SIZE.unpack_from(self._pending, start + SIZE.size)
                body = bytes(self._pending[start + SIZE_AND_TAG.size : end])
                start = end
                yield tag, body
        finally:
            del self._pending[:start]

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._pending)
