"""Numbers of our payloads towards a peer's device. docs/spec/sessions.md, "Order" and "Unsent"."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from e2echat.crypto import payloads
from e2echat.crypto.payloads import Numbered, payload_hash
from e2echat.store.records import Records
from e2echat.store.rows import MessageRow

Waiting: TypeAlias = tuple[MessageRow, Numbered]
"""What waits, and what its payload says."""


def renumber(records: Records, contact: int, device_hash: bytes) -> None:
    """What is unconfirmed goes on where the peer's device of that hash was left, under the same ids."""
    line = records.numbering(contact, device_hash)
    former = {row.device_hash: row for row in records.numberings.select("WHERE contact = ?", contact)}
    for row in records.unsettled_messages(contact):
        payload = payloads.decode(row.payload or b"")
        if isinstance(payload, Numbered):
            payload = replace(payload, seq=line.sequence + 1, prev=line.previous_hash)
            plaintext = payloads.encode(payload)
            line = replace(line, sequence=payload.seq, previous_hash=payload_hash(plaintext))
            known = former.get(row.device_hash or b"")
            if known is None or row.seq <= known.submitted:
                # It began to leave towards the former device, or may have: nobody knows any more.
                line = replace(line, submitted=payload.seq)
            records.messages.save(replace(row, seq=payload.seq, payload=plaintext, device_hash=device_hash))
    records.numberings.save(line)


def note_submitted(records: Records, message: int) -> None:
    """A message of ours is about to leave, and by its number whatever comes before it counts as left."""
    records.numberings.update(
        "submitted = max(submitted, messages.seq) FROM messages WHERE messages.id = ? "
        "AND numbering.contact = messages.contact AND numbering.device_hash = messages.device_hash",
        message,
    )


def unsent(records: Records, contact: int, device_hash: bytes) -> list[Waiting]:
    """Everything towards a peer's device that never began to leave, in order; nothing where that is not known of all of it."""
    line = records.numbering(contact, device_hash)
    rows = [row for row in records.unsettled_messages(contact) if row.seq > line.submitted]
    said = [(row, payloads.decode(row.payload or b"")) for row in rows if row.device_hash == device_hash]
    found = [(row, payload) for row, payload in said if isinstance(payload, Numbered)]
    return found if len(found) == line.sequence - line.submitted else []


def rewrite(records: Records, contact: int, device_hash: bytes, said: Sequence[Waiting]) -> None:
    """Have all that is ``unsent`` say what ``said`` has it say, under the same numbers; what changes by it is sealed anew."""
    previous = said[0][1].prev
    for row, payload in said:
        plaintext = payloads.encode(replace(payload, prev=previous))
        previous = payload_hash(plaintext)
        if plaintext != row.payload:
            records.drop_envelopes_of(row.id)
            records.messages.save(replace(unsealed(row), payload=plaintext))
    records.numberings.save(replace(records.numbering(contact, device_hash), previous_hash=previous))


def unsealed(row: MessageRow) -> MessageRow:
    """A message as it was before it was sealed."""
    return replace(row, sid=None, chain=None, kem_epoch=None, size=None, reduced=False)
