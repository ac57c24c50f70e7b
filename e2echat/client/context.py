"""What the parts of the engine share: the records, who we are, randomness, and the events to tell."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from e2echat.client.events import Event, Message, MessageState
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

    def tell(self, event: Event) -> None:
        """Queue an event for the faces; it leaves once the step's transaction is committed."""
        self.events.append(event)

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
        )


def _accepted_device(contact: ContactRow) -> bytes:
    return Device.parse(contact.device, Identity.parse(contact.identity)).hash
