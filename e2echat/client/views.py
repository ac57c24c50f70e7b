"""The records as faces see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from e2echat.client.context import Context, instant
from e2echat.client.events import Contact, Message, Provenance
from e2echat.crypto.keys import Identity, fingerprint_groups
from e2echat.store.rows import ContactRow, MessageRow


@dataclass(frozen=True, slots=True)
class Views:
    """Reads only; called between steps."""

    context: Context

    def messages(self, rows: Sequence[MessageRow]) -> list[Message]:
        """Rows of any conversations."""
        contacts: dict[int, ContactRow] = {}
        for row in rows:
            if row.contact not in contacts:
                contacts[row.contact] = self.context.records.contact(row.contact)
        return [self.context.message(row, contacts[row.contact]) for row in rows]

    def provenance(self, row: MessageRow) -> Provenance:
        """How a message came or went."""
        contact = self.context.records.contact(row.contact)
        return Provenance(
            message=self.context.message(row, contact),
            verified=row.verified,
            verified_at=_instant(contact.verified_at),
            verified_by=contact.verified_by,
            session=None if row.sid is None else row.sid.hex(),
            turn=row.chain,
            kem_epoch=row.kem_epoch,
            size=row.size,
            reduced_forward_secrecy=row.reduced,
            stored_at=_instant(row.stored_at),
            delivered_at=_instant(row.delivered_at),
            read_at=_instant(row.read_at),
        )

    def contacts(self) -> list[Contact]:
        """Everybody, by name."""
        return [
            self._contact(row) for row in self.context.records.contacts.select("ORDER BY name, relay_key")
        ]

    def _contact(self, row: ContactRow) -> Contact:
        records = self.context.records
        last = records.last_message(row.id)
        conversation = records.content.conversation(row.id)
        return Contact(
            name=self.context.peer_name(row),
            address=row.address,
            fingerprint=fingerprint_groups(Identity.parse(row.identity).fingerprint),
            verified=row.verified and not row.key_changed,
            standing=row.standing,
            key_changed=row.key_changed,
            unread=records.unread_count(row.id),
            last_at=None if last is None else instant(last.received_at or last.sent_at),
            timer=conversation.timer,
            verified_by=row.verified_by,
            keep_days=conversation.keep_days,
            keep_messages=conversation.keep_messages,
        )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else instant(milliseconds)
