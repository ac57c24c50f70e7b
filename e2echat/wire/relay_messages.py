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

RECORD = Octets(64, 2048)
"""A signed record of any kind."""
Record: TypeAlias = Annotated[bytes, RECORD]
MaybeRecord: TypeAlias = Annotated[bytes | None, Maybe(RECORD)]
Key: TypeAlias = Annotated[bytes, Octets(32)]
MailboxId: TypeAlias = Annotated[bytes, Octets(16)]
Name: TypeAlias = Annotated[str, Text(MAX_NAME)]
Number: TypeAlias = Annotated[int, Unsigned(32)]


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


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Relay to client, first on every connection: the signed hello record."""

    KIND: ClassVar[str] = "hello"
    record: Record


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
class Publish(Message):
    """Mailbox connection, authenticated: a new signed prekey, more one-time prekeys, or both."""

    KIND: ClassVar[str] = "publish"
    request: Number
    signed: MaybeRecord
    one_time: Annotated[list[bytes], Many(RECORD, ONE_TIME_BATCH)]


@dataclass(frozen=True, slots=True)
class Fetch(Message):
    """Sending connection: the bundle of ``name``; with ``prekeys`` false only the records and a knock token."""

    KIND: ClassVar[str] = "fetch"
    request: Number
    name: Name
    prekeys: bool


@dataclass(frozen=True, slots=True)
class Bundle(Message):
    """What it takes to start a session with somebody, and a knock token to reach the mailbox with."""

    KIND: ClassVar[str] = "bundle"
    request: Number
    identity: Record
    device: Record
    signed: MaybeRecord
    one_time: MaybeRecord
    mailbox: MailboxId
    knock: Key = field(repr=False)


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
    for kind in (Hello, Claim, Authenticate, Welcome, Publish, Fetch, Bundle, Open, Opened, Done, Refused)
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
