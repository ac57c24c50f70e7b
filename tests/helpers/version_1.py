"""A database as the first schema had it, with something in every table that an upgrade has to carry over."""

from pathlib import Path

from e2echat.store.database import Database
from e2echat.store.migrations import schema_scripts

TEXTS = ("hello", "hi there", "你好", "with a\nsecond line")
_CONTACT = """
INSERT INTO contacts (id, relay_key, name, address, identity, device, standing, vouched, verified_at, verified_by)
VALUES (7, zeroblob(32), 'bob', 'relay://a', x'01', x'02', 'contact', 1, 1000, 'number')
"""
_MESSAGE = """
INSERT INTO messages
(contact, outgoing, message_id, seq, kind, text, sent_at, received_at, state, shown, verified, device_hash, sid, chain, kem_epoch, size)
VALUES (7, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, zeroblob(32), x'05', 2, 1, 2048)
"""


def make_version_1(path: Path, key: bytes) -> None:
    """Texts both ways, the last of ours still in the outbox, and a route."""
    database = Database.open(path, key, schema_scripts()[:1])
    with database.transaction():
        database.execute("INSERT INTO own VALUES ('address', x'61')")
        database.execute(_CONTACT)
        for number, text in enumerate((*TEXTS, "")):
            outgoing = number % 2
            received = None if outgoing else 2000 + number
            state = "queued" if outgoing else "received"
            kind = "text" if text else "route"
            head = (outgoing, bytes([number]) * 16, number + 1, kind, text, 1000 + number)
            database.execute(_MESSAGE, (*head, received, state, 1 - outgoing))
        database.execute("UPDATE messages SET payload = x'0d' WHERE outgoing = 1")
        database.execute("INSERT INTO numbering VALUES (7, zeroblob(32), 4, zeroblob(32))")
        database.execute("INSERT INTO sessions VALUES (x'05', 7, zeroblob(32), 1, 1, NULL, x'', 3000, x'06')")
        database.execute("INSERT INTO seen VALUES (x'08', 7, 9000)")
        database.execute("INSERT INTO streams VALUES (7, zeroblob(32), 4, x'09', '')")
        database.execute("INSERT INTO held VALUES (7, zeroblob(32), 6, 4000, x'0a', x'0b')")
        database.execute(
            "INSERT INTO outbox (envelope_id, contact, message, envelope, due_at) SELECT zeroblob(16), 7, id, x'0c', 5000 "
            "FROM messages WHERE outgoing = 1 ORDER BY id DESC LIMIT 1"
        )
    database.close()
