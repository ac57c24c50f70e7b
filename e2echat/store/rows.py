"""What the client's database holds, a frozen dataclass a table; the columns are in schema/*.sql."""

from dataclasses import dataclass, field

VISIBLE = ("text", "unknown")
"""Kinds of messages that a person is shown."""


OF_SESSIONS = {
    "authenticator": "NULL",
    "previous_authenticator": "NULL",
    "route_told": "0",
    "attempts": "0",
    "receipt_due": "NULL",
}
"""A contact's columns that belong to sessions, with what stands there when there are none."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """Somebody we know, at one relay.

    ``identity`` and ``device`` are the records in force; ``changed_*`` are those seen since that await an ``accept``.
    ``verified_by``: how, ``number``, ``code`` or ``link``; without ``verified_at``, that he joined by our link. ``vouched``: the relay has named these keys for this name; who writes first only claims it.
    ``knock``: the capability is a knock token. ``route_told``: our own capability is in the peer's stream.
    ``attempts``: sessions that we opened since any was answered. Times are unix milliseconds.
    """

    id: int
    relay_key: bytes
    name: str
    address: str
    identity: bytes
    device: bytes
    standing: str
    vouched: bool = False
    verified_at: int | None = None
    verified_by: str | None = None
    changed_identity: bytes | None = None
    changed_device: bytes | None = None
    mailbox: bytes | None = None
    capability: bytes | None = field(default=None, repr=False)
    knock: bool = False
    route_told: bool = False
    authenticator: bytes | None = field(default=None, repr=False)
    previous_authenticator: bytes | None = field(default=None, repr=False)
    generation: int = 0
    attempts: int = 0
    receipt_due: int | None = None

    @property
    def verified(self) -> bool:
        """Whether the keys in force are. A name that came with a code is its owner's only once his relay has said so."""
        return self.verified_at is not None and (self.vouched or self.verified_by != "code")

    @property
    def key_changed(self) -> bool:
        """Whether records other than the accepted ones were seen."""
        return self.changed_device is not None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session's state and what it is chosen by.

    ``init``: the first message that opened it towards us. ``former``: the authenticators, 32 bytes each, of which the
    responder's first reply is to prove one; empty where nobody can expect that.
    """

    sid: bytes
    contact: int
    device_hash: bytes
    generation: int
    confirmed: bool
    init: bytes | None
    former: bytes = field(repr=False)
    used_at: int
    state: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """A link of ours that nobody has used yet."""

    secret: bytes = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class PrekeyRow:
    """A prekey of our own with its secrets."""

    id: int
    kind: int
    record: bytes
    dh_secret: bytes = field(repr=False)
    kem_seed: bytes = field(repr=False)
    made_at: int
    published: bool
    superseded_at: int | None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A numbered payload, either way.

    ``payload``: the exact bytes of one of ours until it is delivered, and of one of an unknown kind for good. One of ours that was
    deleted before it left is in state ``queued`` without any, and has no number.
    ``reply``: the message that it answers. ``timer``: seconds that it lasts; ``expires_at``: set once they run.
    ``edited_at``: when the author says that he changed it; of a ``deleted`` one only the place is left.
    ``stored_at`` to ``read_at``: when we heard of each acknowledgement of one of ours; a later one may come alone.
    """

    id: int
    contact: int
    outgoing: bool
    message_id: bytes
    seq: int
    kind: str
    text: str = field(repr=False)
    sent_at: int
    received_at: int | None
    state: str
    shown: bool = False
    payload: bytes | None = field(default=None, repr=False)
    verified: bool = False
    device_hash: bytes | None = None
    sid: bytes | None = None
    chain: int | None = None
    kem_epoch: int | None = None
    size: int | None = None
    reduced: bool = False
    reply: bytes | None = None
    timer: int = 0
    edited_at: int | None = None
    deleted: bool = False
    expires_at: int | None = None
    stored_at: int | None = None
    delivered_at: int | None = None
    read_at: int | None = None

    @property
    def visible(self) -> bool:
        """Whether a person is shown it; anything else only changes what is shown."""
        return self.kind in VISIBLE


@dataclass(frozen=True, slots=True)
class ReactionRow:
    """One side's reaction to a message: the last by ``sent_at``; empty when it was taken back."""

    message: int
    outgoing: bool
    text: str = field(repr=False)
    sent_at: int


@dataclass(frozen=True, slots=True)
class EarlyRow:
    """A payload that changes a message which is still missing."""

    id: int
    contact: int
    device_hash: bytes
    target: bytes
    payload: bytes = field(repr=False)
    kept_at: int


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """What holds for the conversation with a contact.

    ``timer``: seconds that new messages last, as whoever set it last wants it, at ``timer_set_at`` in the payload
    ``timer_set_by``. ``author_since``: the last message before the present identity was accepted. ``keep_days``,
    ``keep_messages``: how long messages are kept; None as in all conversations, 0 for ever.
    """

    contact: int
    timer: int = 0
    timer_set_at: int = 0
    timer_set_by: bytes = b""
    author_since: int = 0
    keep_days: int | None = None
    keep_messages: int | None = None


@dataclass(frozen=True, slots=True)
class NumberingRow:
    """The last numbered payload of ours to one device of a peer; a device that comes back is counted on.

    ``submitted``: the last one of which anything may have left this machine, and 0 if none has.
    """

    contact: int
    device_hash: bytes
    sequence: int = 0
    previous_hash: bytes = bytes(32)
    submitted: int = 0


@dataclass(frozen=True, slots=True)
class StreamRow:
    """How far a peer's device has been followed.

    ``next``: the sequence number that is shown next. ``missing``: ranges before it that were given up on, as
    ``first-last`` joined by commas. ``last_hash``: of payload ``next - 1``, None when that is missing.
    """

    contact: int
    device_hash: bytes
    next: int = 1
    last_hash: bytes | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A payload that waits for those before it; ``origin`` is the encoded provenance."""

    contact: int
    device_hash: bytes
    seq: int
    held_at: int
    payload: bytes = field(repr=False)
    origin: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A sealed envelope that is still ours to deliver. ``message`` is None for a signal."""

    position: int
    envelope_id: bytes
    contact: int
    message: int | None
    envelope: bytes = field(repr=False)
    accepted: bool
    attempts: int
    due_at: int
