"""Numbers of our payloads towards a peer's device. docs/spec/sessions.md, "Order"."""

from dataclasses import replace

from e2echat.crypto import payloads
from e2echat.crypto.payloads import Numbered, payload_hash
from e2echat.store.records import Records


def renumber(records: Records, contact: int, device_hash: bytes) -> None:
    """What is unconfirmed goes on where the peer's device of that hash was left, under the same ids."""
    line = records.numbering(contact, device_hash)
    for row in records.unsettled_messages(contact):
        payload = payloads.decode(row.payload or b"")
        if isinstance(payload, Numbered):
            payload = replace(payload, seq=line.sequence + 1, prev=line.previous_hash)
            plaintext = payloads.encode(payload)
            line = replace(line, sequence=payload.seq, previous_hash=payload_hash(plaintext))
            records.messages.save(replace(row, seq=payload.seq, payload=plaintext, device_hash=device_hash))
    records.numberings.save(line)
