"""What the parts of the engine share: the records, who we are, randomness, and the events to tell."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from e2echat.client.events import Event, Message, MessageState, Quote, Reaction
from e2echat.client.own import Own
from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.primitives import Randomness
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow, MessageRow
from e2echat.wire.address import RelayAddress


def instant(milliseconds: int) -> datetime:
    """A moment of unix time in milliseconds; one that no calendar has becomes the last that has."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Context:
    """One account's engine room. ``now`` is unix milliseconds, set at the start of every step."""

    records: Records
    own: Own
    randomness: Randomness
    now: int = 0
    events: list[Event] = field(default_factory=list)
    catching_up: bool = False
    """Whether what comes had waited at the relay."""
    scrub: bool = False
    """Whether this step deleted something that nobody is to find any more."""

    def tell(self, event: Event) -> None:
        """Queue an event for the faces; it leaves once the step's transaction is committed."""
        self.events.append(event)

    def untell(self, event: Event) -> None:
        """What was queued in this step is not so, or is said better by another event."""
        self.events[:] = [one for one in self.events if one != event]

    def peer_name(self, contact: ContactRow) -> str:
        """A contact as one types it: ``bob`` on our relay, ``bob@ADDRESS`` elsewhere."""
        if contact.relay_key == self.own.address.key:
            return contact.name
        return f"{contact.name}@{RelayAddress.parse(contact.address)}"

    def message(self, row: MessageRow, contact: ContactRow) -> Message:
        """A row of the history as faces see it."""
        peer = self.peer_name(contact)
        return Message(
            id=row.message_id.hex(),
            peer=peer,
            direction="out" if row.outgoing else "in",
            text=row.text,
            sent_at=instant(row.sent_at),
            received_at=None if row.received_at is None else instant(row.received_at),
            state=MessageState(row.state),
            verified=row.verified,
            standing=contact.standing,
            reduced_forward_secrecy=row.reduced,
            sender=self.own.name if row.outgoing else peer,
            recipient=peer if row.outgoing else self.own.name,
            number=row.id,
            new_key=not row.outgoing and contact.key_changed and row.device_hash != _accepted_device(contact),
            kind=row.kind,
            reply_to=None if row.reply is None else self._quote(row.reply, contact, answered_by=row),
            reactions=[
                Reaction(self.side(contact, ours=each.outgoing), each.text)
                for each in self.records.content.reactions_to(row.id)
            ],
            edited_at=None if row.edited_at is None else instant(row.edited_at),
            deleted=row.deleted,
            timer=row.timer,
            expires_at=None if row.expires_at is None else instant(row.expires_at),
        )

    def side(self, contact: ContactRow, *, ours: bool) -> str:
        """The name of one of the two in a conversation."""
        return self.own.name if ours else self.peer_name(contact)

    def meant(self, contact: ContactRow, target: bytes, *, by_us: bool) -> MessageRow | None:
        """The message of either side that one of the two calls ``target``: of two with one id, the other one's."""
        for outgoing in (not by_us, by_us):
            row = self.records.find_message(contact.id, target, outgoing=outgoing)
            if row is not None and row.visible:
                return row
        return None

    def _quote(self, target: bytes, contact: ContactRow, answered_by: MessageRow) -> Quote:
        row = self.meant(contact, target, by_us=answered_by.outgoing)
        if row is None or row.deleted:
            return Quote(target.hex(), None, None)
        return Quote(target.hex(), self.side(contact, ours=row.outgoing), row.text)


def _accepted_device(contact: ContactRow) -> bytes:
    return Device.parse(contact.device, Identity.parse(contact.identity)).hash
