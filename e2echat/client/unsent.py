"""What was edited or deleted before it began to leave never does as it was. docs/spec/sessions.md, "Unsent"."""

from dataclasses import dataclass, replace
from typing import TypeGuard

from e2echat.client.context import Context
from e2echat.client.numbering import Waiting, rewrite, unsealed, unsent
from e2echat.client.peers import Peers
from e2echat.client.sessions import Sessions
from e2echat.crypto.payloads import Deletion, Edit, Numbered, TextMessage
from e2echat.store.rows import MessageRow

MOST_SEALED = 400
"""Envelopes of a chain that are sealed anew, and that it may have before: twice as many keys at most are never used, which the recipient
skips, up to 1,000."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """Changes payloads of ours where they wait."""

    context: Context
    peers: Peers
    sessions: Sessions

    def reword(self, target: MessageRow, text: str) -> MessageRow:
        """Have whatever of the text ``target`` has not left say ``text``; the row as it is then."""
        waiting = self._waiting(target)
        said = [
            (row, replace(payload, text=text) if _says(payload, target.message_id) else payload)
            for row, payload in waiting
        ]
        self._rewrite(target, said)
        return self.context.records.messages.one("WHERE id = ?", target.id) or target

    def retract(self, target: MessageRow, change_id: bytes) -> tuple[MessageRow, Deletion | None]:
        """Have whatever of ``target`` has not left be its deletion instead.

        If that is all of it, the one under ``change_id`` has taken its number: it is given back beside the row, which is no message to
        anybody any more. Else there is none.
        """
        said: list[Waiting] = []
        retracted, deletion = target, None
        for row, payload in self._waiting(target):
            if row.id == target.id:
                retracted = replace(unsealed(row), seq=0, device_hash=None, payload=None)
                deletion = replace(_deletion(payload, target), id=change_id, sent_at=self.context.now)
                said.append((self._in_place_of(row, deletion), deletion))
            elif _says(payload, target.message_id):
                said.append((row, _deletion(payload, target)))
            else:
                said.append((row, payload))
        self._rewrite(target, said)
        return retracted, deletion

    def _in_place_of(self, row: MessageRow, deletion: Deletion) -> MessageRow:
        records = self.context.records
        records.drop_envelopes_of(row.id)
        made = MessageRow(
            id=0,
            contact=row.contact,
            outgoing=True,
            message_id=deletion.id,
            seq=row.seq,
            kind=deletion.KIND,
            text="",
            sent_at=deletion.sent_at,
            received_at=None,
            state=row.state,
            verified=row.verified,
            device_hash=row.device_hash,
        )
        return records.content.add(made)

    def _waiting(self, target: MessageRow) -> list[Waiting]:
        """All that never began to leave for the contact, if it may be changed, and from the first of ``target`` on; else nothing."""
        contact = self.context.records.contact(target.contact)
        waiting = unsent(self.context.records, contact.id, self.peers.device(contact).hash)
        first = next((at for at, (_, said) in enumerate(waiting) if _says(said, target.message_id)), None)
        best = self.sessions.best(contact)
        if first is None or (best is not None and self.sessions.read(best).sealed > MOST_SEALED):
            return []
        waiting = waiting[first:]
        sealed = sum(row.sid is not None for row, _ in waiting)
        return waiting if sealed <= MOST_SEALED else []

    def _rewrite(self, target: MessageRow, said: list[Waiting]) -> None:
        if said:
            contact = self.context.records.contact(target.contact)
            rewrite(self.context.records, contact.id, self.peers.device(contact).hash, said)


def _says(payload: Numbered, message_id: bytes) -> TypeGuard[TextMessage | Edit]:
    """Whether a text of the message of that id is in it."""
    return (isinstance(payload, TextMessage) and payload.id == message_id) or (
        isinstance(payload, Edit) and payload.target == message_id
    )


def _deletion(payload: Numbered, target: MessageRow) -> Deletion:
    """The deletion of ``target`` in the place of ``payload``."""
    return Deletion(
        payload.id, payload.conversation, payload.seq, payload.prev, payload.sent_at, target.message_id
    )
