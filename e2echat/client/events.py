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


TYPING_LASTS = 10.0
"""Seconds for which somebody who is typing is, unless another event or a message of his comes first."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one side thinks of a message. ``sender`` is as one types it."""

    sender: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another answers; without ``sender`` and ``text`` where it is not in the history any more."""

    id: str
    sender: str | None
    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the history.

    ``number`` is its place in the local history; ``new_key``: it came under a key that nobody has accepted yet.
    ``kind`` is ``text``, or ``unknown`` for what only a later version understands. ``edited_at``: as its author says. Of a ``deleted``
    one the text is gone. ``timer``: seconds that it lasts once it was read, or sent; ``expires_at``: once they run.
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
    kind: str = "text"
    reply_to: Quote | None = None
    reactions: list[Reaction] = field(default_factory=list)
    edited_at: datetime | None = None
    deleted: bool = False
    timer: int = 0
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A message that answers a search, and what was said around it, oldest first."""

    message: Message
    before: list[Message]
    after: list[Message]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a message came or went, as far as this device knows it.

    ``verified``: the key was, when the message came; ``verified_at`` and ``verified_by`` are of the key in force now.
    ``turn``: the ratchet's chain, from 0; ``kem_epoch``: post-quantum steps by then; ``size``: in bytes; None: not sealed yet.
    ``stored_at`` to ``read_at``: when we heard of one of ours that the relay, the device and the person have it.
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
    stored_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody known to this profile. ``name`` is as one types it; ``key_changed`` holds outgoing messages.

    ``timer``: seconds that new messages last once read, 0 for ever. ``keep_…``: as in ``Settings``, None where those hold.
    """

    name: str
    address: str
    fingerprint: str
    verified: bool
    standing: str
    key_changed: bool
    unread: int
    last_at: datetime | None
    timer: int = 0
    verified_by: str | None = None
    """``number``, ``code`` or ``link``; of who is not verified, ``link`` says that he joined by ours."""
    keep_days: int | None = None
    keep_messages: int | None = None


@dataclass(frozen=True, slots=True)
class Safety:
    """What two people compare: the peer's fingerprint, and the number that is equal on both sides."""

    name: str
    fingerprint: str
    number: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """What to give to somebody: a link by a way that nobody else reads, or a code by voice."""

    id: str
    """``Paired`` has it, whichever of the two was used."""
    link: str = field(repr=False)
    code: str = field(repr=False)
    link_ends: datetime
    code_ends: datetime


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A message came in and is ours, durably."""

    message: Message


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A message of ours came further."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A message's author, of either side, has changed it; this is how it is now."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message's author, of either side, has deleted it; its place is left."""

    message: Message


@dataclass(frozen=True, slots=True)
class Reacted:
    """Somebody, of either side, reacted to a message, or took that back: ``text`` is empty then."""

    message: Message
    sender: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TimerChanged:
    """New messages with ``peer`` last so many ``seconds`` from now on, 0 for ever; ``sender`` of either side wants it so."""

    peer: str
    sender: str
    seconds: int


@dataclass(frozen=True, slots=True)
class MessagesExpired:
    """Messages with ``peer`` were deleted because their time is over. ``numbers``: their places in the history."""

    peer: str
    numbers: list[int]


@dataclass(frozen=True, slots=True)
class TypingChanged:
    """The peer began to write, or left off; see ``TYPING_LASTS``."""

    peer: str
    active: bool


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
class ContactChanged:
    """A person, here or at another process, has let in, blocked or verified somebody, or taken a new key: see ``contacts``."""

    peer: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The peer's session restarted without proof of continuity: reinstalled, restored or cloned."""

    peer: str


@dataclass(frozen=True, slots=True)
class NewStranger:
    """Somebody unknown wrote for the first time."""

    peer: str


@dataclass(frozen=True, slots=True)
class Paired:
    """Somebody and we have found each other. ``by``: ``code`` or ``link``; ``verified``: we know that it is them.

    ``invitation``: the id of ours that was used.
    """

    peer: str
    by: str
    verified: bool
    invitation: str | None = None


@dataclass(frozen=True, slots=True)
class PairingFailed:
    """A code of ours is no longer good. ``expired``: nobody tried it; else somebody tried a wrong one."""

    code: str
    reason: str
    expired: bool


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
class Working:
    """A relay wants work before it tells a stranger more, and it has begun: some 2 to the power of ``bits`` hashes."""

    relay: str
    bits: int


@dataclass(frozen=True, slots=True)
class AllIn:
    """Everything that had waited at the relay at sign-in has been taken in."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Events went by that this consumer did not get: look again at what is unshown, and at what else matters."""


Event: TypeAlias = (
    MessageArrived
    | StateChanged
    | MessageEdited
    | MessageDeleted
    | Reacted
    | TimerChanged
    | MessagesExpired
    | TypingChanged
    | Gap
    | KeyChanged
    | ContactChanged
    | Restarted
    | NewStranger
    | Paired
    | PairingFailed
    | Connected
    | Disconnected
    | Problem
    | Working
    | AllIn
    | Missed
)
