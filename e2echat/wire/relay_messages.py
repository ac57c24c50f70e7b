"""What clients and relay say to each other in control frames. docs/spec/relay.md, "Messages".

Every request carries a ``request`` number of the client's choosing; the one answer to it carries the same.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, ClassVar, TypeAlias

from e2echat.errors import MalformedError
from e2echat.wire import codec
from e2echat.wire.address import JOIN_TOKEN_SIZE
from e2echat.wire.frames import Tag, frame
from e2echat.wire.names import MAX_NAME
from e2echat.wire.schema import Many, Maybe, Message, Octets, Text, Unsigned

PROTOCOL_VERSION = 1
ONE_TIME_BATCH = 30
"""One-time prekeys in one ``Publish``: what fits into a frame."""
CHALLENGE_SIZE = 16
"""With it, all that a puzzle hashes fits into one block of BLAKE2b, whatever the name."""
SOLUTION_SIZE = 8
MOST_WORK = 26
"""Bits of a puzzle; more no relay may ask for: some 64 times of what it does at rest."""
MAX_NAMEPLATE = 9
"""Digits."""

RECORD = Octets(64, 2048)
"""A signed record of any kind."""
Record: TypeAlias = Annotated[bytes, RECORD]
MaybeRecord: TypeAlias = Annotated[bytes | None, Maybe(RECORD)]
Key: TypeAlias = Annotated[bytes, Octets(32)]
MailboxId: TypeAlias = Annotated[bytes, Octets(16)]
Name: TypeAlias = Annotated[str, Text(MAX_NAME)]
Number: TypeAlias = Annotated[int, Unsigned(32)]
Said: TypeAlias = Annotated[list[bytes], Many(Octets(32, 1024), 2)]


class Refusal(IntEnum):
    """Why the relay refuses. One answer stands for what must not be told apart."""

    MALFORMED = 1
    """A record or value that is not valid here."""
    NAME_TAKEN = 2
    """The name, or one that looks like it, belongs to somebody else."""
    REGISTRATION_CLOSED = 3
    """No new names; or none with this token, or without one."""
    NOT_AUTHENTICATED = 4
    """The signature, the name or the device is not the one on file; or nobody is."""
    NO_SUCH_NAME = 5
    NO_SUCH_CAPABILITY = 6
    """No such mailbox, or not with this capability: one answer."""
    MAILBOX_FULL = 7
    STALE = 8
    """An epoch below the highest seen."""
    LIMIT = 9
    """More than this connection or address may have."""
    STORAGE = 10
    """The relay's disk failed; nothing was kept."""
    WORK = 11
    """This takes work, and there was none, too little, or too late."""
    CROWDED = 12
    """The mailbox has had as many knocks as it may for now."""


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Relay to client, first on every connection: the signed hello record, and the relay's wall clock in unix milliseconds."""

    KIND: ClassVar[str] = "hello"
    record: Record
    time: Annotated[int, Unsigned(53)]


@dataclass(frozen=True, slots=True)
class Claim(Message):
    """Mailbox connection: register a name, or bring a newer device or key for one's own.

    A new name at a relay that asks for a token needs ``token``.
    """

    KIND: ClassVar[str] = "claim"
    request: Number
    identity: Record
    device: Record
    claim: Record
    capability_hash: Key
    token: Annotated[bytes | None, Maybe(Octets(JOIN_TOKEN_SIZE))] = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate(Message):
    """Mailbox connection: the signed auth record. Answered by ``Welcome``."""

    KIND: ClassVar[str] = "authenticate"
    request: Number
    record: Record


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """The owner is known: his mailbox, its waiting envelopes, and one-time prekeys left."""

    KIND: ClassVar[str] = "welcome"
    request: Number
    mailbox: MailboxId
    waiting: Number
    one_time_left: Number


@dataclass(frozen=True, slots=True)
class Leave(Message):
    """Mailbox connection: the signed leave record. The account, its prekeys and envelopes go; nobody gets the name again."""

    KIND: ClassVar[str] = "leave"
    request: Number
    record: Record


@dataclass(frozen=True, slots=True)
class Publish(Message):
    """Mailbox connection, authenticated: a new signed prekey, more one-time prekeys, or both."""

    KIND: ClassVar[str] = "publish"
    request: Number
    signed: MaybeRecord
    one_time: Annotated[list[bytes], Many(RECORD, ONE_TIME_BATCH)]


@dataclass(frozen=True, slots=True)
class Stock(Message):
    """Relay to the owner, unasked: a session is being begun with him.

    ``one_time_left`` one-time prekeys are there; ``short``: the last fetch got none.
    """

    KIND: ClassVar[str] = "stock"
    one_time_left: Number
    short: bool


@dataclass(frozen=True, slots=True)
class AskPuzzle(Message):
    """Sending connection: the work that a knock at ``name``'s mailbox takes. Answered by ``Challenge``."""

    KIND: ClassVar[str] = "puzzle"
    request: Number
    name: Name


@dataclass(frozen=True, slots=True)
class Challenge(Message):
    """What makes the puzzle, and how many zero bits its solution gives."""

    KIND: ClassVar[str] = "challenge"
    request: Number
    challenge: Annotated[bytes, Octets(CHALLENGE_SIZE)]
    bits: Annotated[int, Unsigned(8)]


@dataclass(frozen=True, slots=True)
class Fetch(Message):
    """Sending connection: the bundle of ``name``; with ``prekeys`` false only the records.

    Under the mailbox's ``capability`` prekeys cost nothing; with the ``solution`` of this connection's puzzle comes
    a knock token as well.
    """

    KIND: ClassVar[str] = "fetch"
    request: Number
    name: Name
    prekeys: bool
    capability: Annotated[bytes | None, Maybe(Octets(32))] = field(default=None, repr=False)
    solution: Annotated[bytes | None, Maybe(Octets(SOLUTION_SIZE))] = None


@dataclass(frozen=True, slots=True)
class Bundle(Message):
    """Who somebody is; what it takes to start a session with him, and a knock token to reach his mailbox with."""

    KIND: ClassVar[str] = "bundle"
    request: Number
    identity: Record
    device: Record
    signed: MaybeRecord
    one_time: MaybeRecord
    mailbox: MailboxId
    knock: Annotated[bytes | None, Maybe(Octets(32))] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Open(Message):
    """Sending connection: a channel to a mailbox, under its delivery capability or a knock token.

    On a channel opened with ``repeat``, an envelope whose id the mailbox still holds is accepted and kept once.
    """

    KIND: ClassVar[str] = "open"
    request: Number
    mailbox: MailboxId
    capability: Key = field(repr=False)
    repeat: bool


@dataclass(frozen=True, slots=True)
class Meet(Message):
    """Pairing connection: what one side has said so far at a nameplate. Answered by ``Met``.

    ``key`` is the side's own and random: who holds it goes on with that side. ``leave``: the place is not needed any more.
    """

    KIND: ClassVar[str] = "meet"
    request: Number
    nameplate: Annotated[str, Text(MAX_NAMEPLATE)]
    inviter: bool
    key: Annotated[bytes, Octets(16)] = field(repr=False)
    said: Said = field(repr=False)
    leave: bool


@dataclass(frozen=True, slots=True)
class Met(Message):
    """What the other side has said so far."""

    KIND: ClassVar[str] = "met"
    request: Number
    heard: Said = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened(Message):
    """The channel's tag for submissions on this connection."""

    KIND: ClassVar[str] = "opened"
    request: Number
    channel: Number


@dataclass(frozen=True, slots=True)
class Done(Message):
    """The request was carried out, durably."""

    KIND: ClassVar[str] = "done"
    request: Number


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """The request was not carried out."""

    KIND: ClassVar[str] = "refused"
    request: Number
    reason: Annotated[int, Unsigned(8)]


_KINDS: dict[str, type[Message]] = {
    kind.KIND: kind
    for kind in (
        Hello,
        Claim,
        Authenticate,
        Leave,
        Welcome,
        Publish,
        Stock,
        AskPuzzle,
        Challenge,
        Fetch,
        Bundle,
        Open,
        Opened,
        Meet,
        Met,
        Done,
        Refused,
    )
}


def encode(message: Message) -> bytes:
    """The control frame of ``message``."""
    return frame(Tag.CONTROL, codec.encode(message.to_map() | {"kind": message.KIND}))


def decode(body: bytes) -> Message:
    """The message in a control frame's body.

    Raises:
        MalformedError: it is none.
    """
    values = codec.decode_map(body)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise MalformedError("no such kind of message")
    return _KINDS[kind].from_map(values)
