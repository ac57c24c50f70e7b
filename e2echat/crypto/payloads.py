"""The plaintext inside a box: strict CBOR, typed. docs/spec/payloads.md.

*Numbered* payloads carry a message id, a sequence number of their stream and the hash of the one before: order,
gaps and duplicates are judged by these, across sessions. *Signals* (receipts, typing) carry no number: they are never
receipted, and losing one costs a repetition, not a message.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, TypeAlias
from unicodedata import category

from e2echat.crypto.primitives import H
from e2echat.errors import MalformedError
from e2echat.wire import codec
from e2echat.wire.address import MAX_ADDRESS
from e2echat.wire.records import lp
from e2echat.wire.schema import Many, Maybe, Message, Octets, Text, Unsigned, rules

MAX_TEXT = 50_000
"""Bytes of a text in UTF-8: with padding it stays below the largest envelope."""
MAX_REACTION = 64
"""Bytes of a reaction in UTF-8; the longest pictures that keyboards offer have about forty."""
MAX_REACTION_CHARACTERS = 16
MIN_TIMER, MAX_TIMER = 5, 366 * 86_400
"""Seconds that a message lasts at least, to be read, and at most."""
MAX_RANGES = 64
"""Ranges in one receipt; who has more holes tells of the oldest first."""
NO_PREVIOUS = bytes(32)
"""In place of the previous payload's hash in the first of a stream."""

MessageId = Octets(16)
Digest: TypeAlias = Annotated[bytes, Octets(32)]
Sequence: TypeAlias = Annotated[int, Unsigned(62)]
"""The number after the last one still fits into a signed integer of 64 bits."""
Timer: TypeAlias = Annotated[int, Unsigned(32)]
Ranges: TypeAlias = Annotated[list[int], Many(Unsigned(63), 2 * MAX_RANGES)]


@dataclass(frozen=True, slots=True)
class Numbered(Message):
    """What every payload that must not be lost carries. ``sent_at``: the sender's clock, unix milliseconds."""

    id: Annotated[bytes, MessageId]
    conversation: Annotated[bytes, Octets(16)]
    seq: Sequence
    prev: Digest
    sent_at: Annotated[int, Unsigned(53)]


@dataclass(frozen=True, slots=True)
class TextMessage(Numbered):
    """What a person wrote. ``reply``: the message that it answers; ``timer``: seconds until it is to disappear, 0 never."""

    KIND: ClassVar[str] = "text"
    text: Annotated[str, Text(MAX_TEXT)] = field(repr=False)
    reply: Annotated[bytes | None, Maybe(MessageId)] = None
    timer: Timer = 0

    def __post_init__(self) -> None:
        _require_timer(self, self.timer)


@dataclass(frozen=True, slots=True)
class Edit(Numbered):
    """What a text of the sender's own says from now on."""

    KIND: ClassVar[str] = "edit"
    target: Annotated[bytes, MessageId]
    text: Annotated[str, Text(MAX_TEXT)] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deletion(Numbered):
    """A message of the sender's own is to be forgotten."""

    KIND: ClassVar[str] = "delete"
    target: Annotated[bytes, MessageId]


@dataclass(frozen=True, slots=True)
class Reaction(Numbered):
    """The sender's one reaction to a message of either side; empty takes it back."""

    KIND: ClassVar[str] = "reaction"
    target: Annotated[bytes, MessageId]
    text: Annotated[str, Text(MAX_REACTION)] = field(repr=False)

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.text and not is_reaction(self.text):
            raise MalformedError("a reaction is a picture or a short word")


@dataclass(frozen=True, slots=True)
class TimerChange(Numbered):
    """How long both sides' messages last from now on, in seconds; 0: as long as they are kept."""

    KIND: ClassVar[str] = "timer"
    timer: Timer

    def __post_init__(self) -> None:
        _require_timer(self, self.timer)


@dataclass(frozen=True, slots=True)
class Unknown(Numbered):
    """A numbered payload that a later version will understand; its bytes are kept as they came."""

    KIND: ClassVar[str] = "unknown"


@dataclass(frozen=True, slots=True)
class Route(Numbered):
    """Where the sender is reached, told to whoever was let in. ``proof``: K(CA, "reply", th), or None."""

    KIND: ClassVar[str] = "route"
    address: Annotated[str, Text(MAX_ADDRESS)]
    mailbox: Annotated[bytes, Octets(16)]
    capability: Annotated[bytes, Octets(32)] = field(repr=False)
    proof: Annotated[bytes | None, Maybe(Octets(32))]


@dataclass(frozen=True, slots=True)
class Joined(Numbered):
    """The sender joins by a link of the receiver's. ``proof``: that he has it; docs/spec/pairing.md."""

    KIND: ClassVar[str] = "joined"
    proof: Annotated[bytes, Octets(32)] = field(repr=False)


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


@dataclass(frozen=True, slots=True)
class Typing(Message):
    """Whether the sender is writing."""

    KIND: ClassVar[str] = "typing"
    conversation: Annotated[bytes, Octets(16)]
    active: bool


_KINDS: dict[str, type[Message]] = {
    kind.KIND: kind
    for kind in (TextMessage, Edit, Deletion, Reaction, TimerChange, Route, Joined, Receipt, Typing)
}
_SIGNALS = (Receipt.KIND, Typing.KIND)
_COMMON = frozenset(rules(Numbered))


def encode(payload: Message) -> bytes:
    """The bytes that go into the box."""
    return codec.encode(payload.to_map() | {"kind": payload.KIND})


def decode(plaintext: bytes) -> Message:
    """The payload that was in the box: ``Unknown`` for what is numbered, and not as this version knows it.

    Raises:
        MalformedError: it is nothing of the kind.
    """
    values = codec.decode_map(plaintext)
    kind = values.pop("kind", None)
    if not isinstance(kind, str):
        raise MalformedError("a payload without a kind")
    try:
        if kind in _KINDS:
            return _KINDS[kind].from_map(values)
    except MalformedError:
        if kind in _SIGNALS:
            raise
    return Unknown.from_map({name: value for name, value in values.items() if name in _COMMON})


def is_reaction(text: str) -> bool:
    """Whether ``text`` is short and of one piece: neither space nor control in it."""
    return 0 < len(text) <= MAX_REACTION_CHARACTERS and not any(
        character.isspace() or category(character) == "Cc" for character in text
    )


def _require_timer(message: Message, timer: int) -> None:
    Message.__post_init__(message)
    if timer and not MIN_TIMER <= timer <= MAX_TIMER:
        raise MalformedError("a timer out of bounds")


def payload_hash(plaintext: bytes) -> bytes:
    """What the next numbered payload of the stream names this one by."""
    return H("payload", plaintext)


def conversation_id(one: tuple[bytes, str], other: tuple[bytes, str]) -> bytes:
    """The 16 bytes that name the conversation of two accounts, each a relay's key and a name."""
    first, second = sorted(lp(relay, name.encode()) for relay, name in (one, other))
    return H("conversation", first, second)[:16]
