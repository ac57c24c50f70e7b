"""What every face consumes: values to show and events that happened. Foreign text in them is exact, not sanitised."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias


class MessageState(Enum):
    """How far a message is known to have come; each state includes those before it."""

    QUEUED = "queued"
    """In the outbox on disk."""
    STORED = "stored"
    """The relay has it, durably."""
    DELIVERED = "delivered"
    """The recipient's device has it and said so, encrypted."""
    READ = "read"
    """It was shown to the recipient."""
    RECEIVED = "received"
    """An incoming message, ours."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the history.

    ``number`` is its place in the local history; ``new_key``: it came under a key that nobody has accepted yet.
    """

    id: str
    peer: str
    direction: str
    text: str = field(repr=False)
    sent_at: datetime
    received_at: datetime | None
    state: MessageState
    verified: bool
    standing: str
    reduced_forward_secrecy: bool
    sender: str
    recipient: str
    number: int
    new_key: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a message came or went, as far as this device knows it.

    ``verified``: the key was, when the message came; ``verified_at`` and ``verified_by`` are of the key in force now.
    ``session``: its id; ``turn``: the ratchet's chain, counted from 0; ``kem_epoch``: post-quantum steps completed by
    then; ``size``: the envelope's bytes. They are None for what was not sealed yet.
    """

    message: Message
    verified: bool
    verified_at: datetime | None
    verified_by: str | None
    session: str | None
    turn: int | None
    kem_epoch: int | None
    size: int | None
    reduced_forward_secrecy: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody known to this profile. ``name`` is as one types it; ``key_changed`` holds outgoing messages."""

    name: str
    address: str
    fingerprint: str
    verified: bool
    standing: str
    key_changed: bool
    unread: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Safety:
    """What two people compare: the peer's fingerprint, and the number that is equal on both sides."""

    name: str
    fingerprint: str
    number: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The account and how it stands. ``one_time_prekeys``: left at the relay, None when not connected yet."""

    name: str
    address: str
    fingerprint: str
    connected: bool
    problem: str | None
    queued: int
    unread: int
    contacts: int
    one_time_prekeys: int | None
    home: str
    passphrase: bool
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A relay has another address now. ``own``: it is ours. ``contacts``: who are told, or else are reached there."""

    address: str
    own: bool
    contacts: int


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A message came in and is ours, durably."""

    message: Message


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A message of ours came further."""

    message: Message


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages are missing before what follows; they may still come. ``missing`` 0: the order does not add up."""

    peer: str
    missing: int


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """The peer's key is not the one we knew; what we write is held until it is accepted."""

    peer: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """The peer's session restarted without proof of continuity: reinstalled, restored or cloned."""

    peer: str


@dataclass(frozen=True, slots=True)
class NewStranger:
    """Somebody unknown wrote for the first time."""

    peer: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Signed in at the relay."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The relay is out of reach; the link keeps trying."""

    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs the person's attention."""

    reason: str


@dataclass(frozen=True, slots=True)
class AllIn:
    """Everything that had waited at the relay at sign-in has been taken in."""


Event: TypeAlias = (
    MessageArrived
    | StateChanged
    | Gap
    | KeyChanged
    | Restarted
    | NewStranger
    | Connected
    | Disconnected
    | Problem
    | AllIn
)
