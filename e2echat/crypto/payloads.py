"""The plaintext inside a box: strict CBOR, typed. docs/spec/payloads.md.

*Numbered* payloads carry a message id, a sequence number of their stream and the hash of the one before: order,
gaps and duplicates are judged by these, across sessions. *Signals* (receipts) carry no number: they are never
receipted, and losing one costs a repetition, not a message.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, TypeAlias

from e2echat.crypto.primitives import H
from e2echat.errors import MalformedError
from e2echat.wire import codec
from e2echat.wire.address import MAX_ADDRESS
from e2echat.wire.records import lp
from e2echat.wire.schema import Many, Maybe, Message, Octets, Text, Unsigned

MAX_TEXT = 50_000
"""Bytes of a text in UTF-8: with padding it stays below the largest envelope."""
MAX_RANGES = 64
"""Ranges in one receipt; who has more holes tells of the oldest first."""
NO_PREVIOUS = bytes(32)
"""In place of the previous payload's hash in the first of a stream."""

Digest: TypeAlias = Annotated[bytes, Octets(32)]
Sequence: TypeAlias = Annotated[int, Unsigned(62)]
"""The number after the last one still fits into a signed integer of 64 bits."""
Ranges: TypeAlias = Annotated[list[int], Many(Unsigned(63), 2 * MAX_RANGES)]


@dataclass(frozen=True, slots=True)
class Numbered(Message):
    """What every payload that must not be lost carries. ``sent_at``: the sender's clock, unix milliseconds."""

    id: Annotated[bytes, Octets(16)]
    conversation: Annotated[bytes, Octets(16)]
    seq: Sequence
    prev: Digest
    sent_at: Annotated[int, Unsigned(53)]


@dataclass(frozen=True, slots=True)
class TextMessage(Numbered):
    """What a person wrote."""

    KIND: ClassVar[str] = "text"
    text: Annotated[str, Text(MAX_TEXT)] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Route(Numbered):
    """Where the sender is reached, told to whoever was let in. ``proof``: K(CA, "reply", th), or None."""

    KIND: ClassVar[str] = "route"
    address: Annotated[str, Text(MAX_ADDRESS)]
    mailbox: Annotated[bytes, Octets(16)]
    capability: Annotated[bytes, Octets(32)] = field(repr=False)
    proof: Annotated[bytes | None, Maybe(Octets(32))]


@dataclass(frozen=True, slots=True)
class Receipt(Message):
    """Which sequence numbers have arrived, and which were shown: first, last, first, last, …; cumulative."""

    KIND: ClassVar[str] = "receipt"
    conversation: Annotated[bytes, Octets(16)]
    delivered: Ranges
    read: Ranges

    def __post_init__(self) -> None:
        # super() without arguments fails in a dataclass with slots: the class is made twice (CPython #90562).
        Message.__post_init__(self)
        for ranges in (self.delivered, self.read):
            if len(ranges) % 2 or any(a > b for a, b in zip(ranges[::2], ranges[1::2], strict=True)):
                raise MalformedError("a receipt's ranges are not pairs of first and last")


_KINDS: dict[str, type[Message]] = {kind.KIND: kind for kind in (TextMessage, Route, Receipt)}


def encode(payload: Message) -> bytes:
    """The bytes that go into the box."""
    return codec.encode(payload.to_map() | {"kind": payload.KIND})


def decode(plaintext: bytes) -> Message:
    """The payload that was in the box.

    Raises:
        MalformedError: it is none of the kinds that this version knows.
    """
    values = codec.decode_map(plaintext)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise MalformedError("a payload of an unknown kind")
    return _KINDS[kind].from_map(values)


def payload_hash(plaintext: bytes) -> bytes:
    """What the next numbered payload of the stream names this one by."""
    return H("payload", plaintext)


def conversation_id(one: tuple[bytes, str], other: tuple[bytes, str]) -> bytes:
    """The 16 bytes that name the conversation of two accounts, each a relay's key and a name."""
    first, second = sorted(lp(relay, name.encode()) for relay, name in (one, other))
    return H("conversation", first, second)[:16]
