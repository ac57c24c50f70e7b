"""The client's records: typed tables and the questions that the engine asks of them.

Every method runs inside the caller's transaction; nothing here decides what a record means.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from e2echat.store.content import Content
from e2echat.store.counter import WriteCounter
from e2echat.store.database import Database
from e2echat.store.grams import EDITION
from e2echat.store.history import History
from e2echat.store.rows import (
    VISIBLE,
    ContactRow,
    HeldRow,
    InvitationRow,
    MessageRow,
    NumberingRow,
    OutboxRow,
    PrekeyRow,
    SessionRow,
    StreamRow,
)
from e2echat.store.snapshot import forget_devices, snapshot
from e2echat.store.table import Table
from e2echat.store.taken import Taken

_VISIBLE = f"kind IN {VISIBLE}"
_UNSETTLED = "outgoing = 1 AND state IN ('queued', 'stored') AND payload IS NOT NULL"
_UNSEALED = f"{_UNSETTLED} AND NOT EXISTS (SELECT 1 FROM outbox WHERE message = messages.id)"  # noqa: S608 - a constant

HEARD = "contact NOT IN (SELECT id FROM contacts WHERE standing = 'blocked')"
_UNSHOWN = f"outgoing = 0 AND shown = 0 AND {_VISIBLE} AND {HEARD}"


class Records:
    """Typed access to one open database."""

    def __init__(self, database: Database, upgrading: Callable[[], object] = lambda: None) -> None:
        self._database = database
        self.counter: WriteCounter | None = None
        self.contacts = Table(database, "contacts", ContactRow, "id")
        self.sessions = Table(database, "sessions", SessionRow, "sid")
        self.prekeys = Table(database, "prekeys", PrekeyRow, "id")
        self.messages = Table(database, "messages", MessageRow, "id")
        self.numberings = Table(database, "numbering", NumberingRow, "contact", "device_hash")
        self.streams = Table(database, "streams", StreamRow, "contact", "device_hash")
        self.invitations = Table(database, "invitations", InvitationRow, "secret")
        self.held = Table(database, "held", HeldRow, "contact", "device_hash", "seq")
        self.history = History(database)
        self.content = Content(database, self.history)
        self._renew_index(upgrading)
        self.taken = Taken(database)
        self._outbox = Table(database, "outbox", OutboxRow, "envelope_id")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; see ``Database.transaction``. Whatever changes something is counted."""
        before = self._database.changes
        with self._database.transaction():
            yield
            counter = self.counter if self._database.changes != before else None
            if counter is not None:
                counter.advance()
        if counter is not None:
            counter.mirror()

    def _renew_index(self, upgrading: Callable[[], object]) -> None:
        """Index anew what another edition of Unicode indexed: FTS5 takes a deletion in other words for damage."""
        known = self.own("index")
        if known != EDITION.encode():
            if known is not None:
                upgrading()
            with self.transaction():
                self.history.index_anew()
                self.set_own("index", EDITION.encode())

    def empty_log(self) -> None:
        """Have the disk forget what the database has forgotten; outside a transaction."""
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> None:
        """See ``Database.check``."""
        self._database.check()

    def snapshot(self, target: Path, key: bytes) -> Iterator[None]:
        """Copy what outlives a device; see ``store.snapshot``."""
        return snapshot(self._database, target, key)

    def close(self) -> None:
        """Close the database."""
        if self.counter is not None:
            self.counter.close()
        self._database.close()

    # --- what the account is -------------------------------------------------------------------------------

    def own(self, key: str) -> bytes | None:
        """A value of the account's own."""
        rows = self._database.execute("SELECT value FROM own WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def set_own(self, key: str, value: bytes) -> None:
        """Set one."""
        self._database.execute("INSERT OR REPLACE INTO own (key, value) VALUES (?, ?)", (key, value))

    def delete_own(self, key: str) -> None:
        """Remove one."""
        self._database.execute("DELETE FROM own WHERE key = ?", (key,))

    # --- contacts --------------------------------------------------------------------------------------------

    def contact(self, contact: int) -> ContactRow:
        """The contact with that id, which must exist."""
        row = self.contacts.one("WHERE id = ?", contact)
        if row is None:
            raise KeyError(contact)
        return row

    def find_contact(self, relay_key: bytes, name: str) -> ContactRow | None:
        """The contact of that name at that relay."""
        return self.contacts.one("WHERE relay_key = ? AND name = ?", relay_key, name)

    def add_contact(self, row: ContactRow) -> ContactRow:
        """Insert; the row with its id."""
        return replace(row, id=self.contacts.save(row))

    # --- sessions --------------------------------------------------------------------------------------------

    def sessions_of(self, contact: int) -> list[SessionRow]:
        """A contact's sessions, most recently used first."""
        return self.sessions.select("WHERE contact = ? ORDER BY used_at DESC", contact)

    def session_candidates(self, init: bytes | None) -> Iterator[SessionRow]:
        """The sessions that an envelope may belong to, likeliest first, each read only when it is asked for."""
        where, params = ("", ()) if init is None else ("WHERE init = ? ", (init,))
        sids = self._database.execute(f"SELECT sid FROM sessions {where}ORDER BY used_at DESC", params)  # noqa: S608 - a constant
        for (sid,) in sids:
            yield from self.sessions.select("WHERE sid = ?", sid)

    def forget_devices(self) -> None:
        """Drop what belongs to devices; see ``store.snapshot``."""
        forget_devices(self._database)

    # --- prekeys ---------------------------------------------------------------------------------------------

    def next_prekey_id(self) -> int:
        """An id that no prekey of ours has had."""
        number = int.from_bytes(self.own("prekey_id") or b"") + 1
        self.set_own("prekey_id", number.to_bytes(4))
        return number

    def unpublished_prekeys(self, kind: int) -> list[PrekeyRow]:
        """Prekeys that the relay has not confirmed to have, oldest first."""
        return self.prekeys.select(
            "WHERE kind = ? AND published = 0 AND superseded_at IS NULL ORDER BY id", kind
        )

    # --- messages --------------------------------------------------------------------------------------------

    def find_message(self, contact: int, message_id: bytes, *, outgoing: bool) -> MessageRow | None:
        """The message of that id."""
        condition = "WHERE contact = ? AND outgoing = ? AND message_id = ?"
        return self.messages.one(condition, contact, outgoing, message_id)

    def outgoing_message(self, message_id: bytes) -> MessageRow | None:
        """A message of ours by its id alone."""
        return self.messages.one("WHERE outgoing = 1 AND message_id = ?", message_id)

    def note_sealed(self, message: int, *how: object) -> None:
        """How a message of ours was sealed the last time: sid, chain, KEM epoch, size, whether with reduced secrecy."""
        self.messages.update(
            "sid = ?, chain = ?, kem_epoch = ?, size = ?, reduced = ? WHERE id = ?", *how, message
        )

    def messages_with_id(self, message_id: bytes) -> list[MessageRow]:
        """The messages of that id, of whatever conversation and direction."""
        return self.messages.select("WHERE message_id = ? ORDER BY id", message_id)

    def unsealed_messages(self, contact: int) -> list[MessageRow]:
        """Messages of ours that no envelope carries yet, in order."""
        return self.messages.select(f"WHERE contact = ? AND {_UNSEALED} ORDER BY seq", contact)

    def contacts_with_unsealed(self) -> list[int]:
        """Contacts to whom something waits to be sealed."""
        rows = self._database.execute(
            f"SELECT DISTINCT contact FROM messages WHERE {_UNSEALED}"  # noqa: S608 - a constant
        )
        return [row[0] for row in rows]

    def contacts_unanswered(self) -> list[int]:
        """Contacts who confirmed nothing of what was sent to them, in no session."""
        rows = self._database.execute(
            f"SELECT DISTINCT contact FROM messages WHERE {_UNSETTLED} AND NOT EXISTS "  # noqa: S608 - a constant
            "(SELECT 1 FROM sessions WHERE sessions.contact = messages.contact AND confirmed = 1)"
        )
        return [row[0] for row in rows]

    def stranded_messages(self) -> list[MessageRow]:
        """Messages of ours in envelopes of a session that is not confirmed, to contacts who confirmed another."""
        confirmed = "EXISTS (SELECT 1 FROM sessions WHERE confirmed = 1 AND"
        return self.messages.select(
            f"WHERE {_UNSETTLED} AND EXISTS (SELECT 1 FROM outbox WHERE message = messages.id) "  # noqa: S608 - constants
            f"AND {confirmed} contact = messages.contact) AND NOT {confirmed} sid = messages.sid)"
        )

    def unsettled_messages(self, contact: int) -> list[MessageRow]:
        """Messages of ours without the recipient's receipt, in order."""
        return self.messages.select(f"WHERE contact = ? AND {_UNSETTLED} ORDER BY seq", contact)

    def receiptable(
        self, contact: int, device_hash: bytes, first: int, last: int, states: tuple[str, ...]
    ) -> list[MessageRow]:
        """Messages of ours to a peer's device, in a range of sequence numbers and in one of ``states``."""
        marks = ", ".join("?" * len(states))
        condition = (
            "WHERE contact = ? AND outgoing = 1 AND device_hash = ? AND seq BETWEEN ? AND ? "
            f"AND state IN ({marks}) ORDER BY seq"
        )
        return self.messages.select(condition, contact, device_hash, first, last, *states)

    def unshown(self) -> list[MessageRow]:
        """Incoming texts that no face has shown, in the order of arrival."""
        return self.messages.select(f"WHERE {_UNSHOWN} ORDER BY id")

    def unread_count(self, contact: int) -> int:
        """How many of those a contact has."""
        return self.messages.count(f"WHERE contact = ? AND {_UNSHOWN}", contact)

    def last_message(self, contact: int) -> MessageRow | None:
        """The latest text of a conversation."""
        return self.messages.one(f"WHERE contact = ? AND {_VISIBLE} ORDER BY id DESC", contact)

    def numbering(self, contact: int, device_hash: bytes) -> NumberingRow:
        """How far our numbering towards a peer's device has come."""
        found = self.numberings.one("WHERE contact = ? AND device_hash = ?", contact, device_hash)
        return found or NumberingRow(contact, device_hash)

    # --- streams ---------------------------------------------------------------------------------------------

    def stream(self, contact: int, device_hash: bytes) -> StreamRow:
        """How far a peer's device was followed; a new stream for a new device."""
        found = self.streams.one("WHERE contact = ? AND device_hash = ?", contact, device_hash)
        return found or StreamRow(contact, device_hash)

    def held_sequences(self, contact: int, device_hash: bytes) -> list[int]:
        """The sequence numbers of what waits in a stream, ascending."""
        rows = self._database.execute(
            "SELECT seq FROM held WHERE contact = ? AND device_hash = ? ORDER BY seq", (contact, device_hash)
        )
        return [row[0] for row in rows]

    def held_at(self, contact: int, device_hash: bytes, seq: int) -> HeldRow | None:
        """What waits in a stream under that number."""
        return self.held.one("WHERE contact = ? AND device_hash = ? AND seq = ?", contact, device_hash, seq)

    def drop_held(self, row: HeldRow) -> None:
        """It waits no longer."""
        self.held.delete(
            "WHERE contact = ? AND device_hash = ? AND seq = ?", row.contact, row.device_hash, row.seq
        )

    # --- outbox ----------------------------------------------------------------------------------------------

    def add_envelope(
        self, contact: int, message: int | None, envelope_id: bytes, envelope: bytes, due_at: int
    ) -> None:
        """Keep a sealed envelope until it is delivered (a signal: until the relay has it)."""
        self._database.execute(
            "INSERT INTO outbox (envelope_id, contact, message, envelope, due_at) VALUES (?, ?, ?, ?, ?)",
            (envelope_id, contact, message, envelope, due_at),
        )

    def outbox_of(self, contact: int, due_before: int, limit: int) -> list[OutboxRow]:
        """A contact's first ``limit`` envelopes that are due, in the order of sealing."""
        condition = "WHERE contact = ? AND due_at <= ? ORDER BY position LIMIT ?"
        return self._outbox.select(condition, contact, due_before, limit)

    def outbox_entry(self, envelope_id: bytes) -> OutboxRow | None:
        """One envelope."""
        return self._outbox.one("WHERE envelope_id = ?", envelope_id)

    def contacts_due(self, now: int) -> list[int]:
        """Contacts for whom an envelope is due."""
        query = f"SELECT DISTINCT contact FROM outbox WHERE due_at <= ? AND {HEARD}"  # noqa: S608 - a constant
        return [row[0] for row in self._database.execute(query, (now,))]

    def note_attempt(self, row: OutboxRow, due_at: int) -> None:
        """An envelope is about to be sent once more."""
        self._outbox.update("attempts = attempts + 1, due_at = ? WHERE position = ?", due_at, row.position)

    def postpone(self, envelope_id: bytes, due_at: int, *, accepted: bool) -> None:
        """When an envelope is due again, and whether the relay has it."""
        self._outbox.update("due_at = ?, accepted = ? WHERE envelope_id = ?", due_at, accepted, envelope_id)

    def postpone_all(self, contact: int, due_at: int) -> None:
        """A contact's envelopes are not due before then."""
        self._outbox.update("due_at = ? WHERE contact = ? AND due_at < ?", due_at, contact, due_at)

    def make_due(self, contact: int, now: int, *, accepted: bool) -> None:
        """What the relay does not have of a contact's outbox is due now; with ``accepted`` the rest too."""
        self._outbox.update("due_at = ? WHERE contact = ? AND accepted <= ?", now, contact, accepted)

    def drop_envelope(self, envelope_id: bytes) -> None:
        """It is no longer ours to deliver."""
        self._outbox.delete("WHERE envelope_id = ?", envelope_id)

    def drop_envelopes_of(self, message: int) -> None:
        """The message was delivered."""
        self._outbox.delete("WHERE message = ?", message)

    def drop_waiting_signals(self, contact: int) -> None:
        """Signals that the relay does not have: a newer one says all that they say."""
        self._outbox.delete("WHERE contact = ? AND message IS NULL AND accepted = 0", contact)

    def unseal(self, contact: int) -> None:
        """What has no receipt is to be sealed anew; signals stay as they are."""
        self._outbox.delete("WHERE contact = ? AND message IS NOT NULL", contact)

    def drop_outbox(self, contact: int) -> None:
        """Everything sealed for a contact, to be sealed anew."""
        self._outbox.delete("WHERE contact = ?", contact)

    def unaccepted_signals(self) -> int:
        """Signals that have not reached the relay."""
        return self._outbox.count("WHERE message IS NULL AND accepted = 0")

    def next_envelope_at(self) -> int | None:
        """When the next envelope is due (unix ms) that no changed key or block holds back."""
        return self._first(
            "SELECT min(due_at) FROM outbox JOIN contacts ON contacts.id = contact "
            "WHERE changed_device IS NULL AND standing != 'blocked'"
        )

    def next_receipt_at(self) -> int | None:
        """When the next receipt is due."""
        return self._first("SELECT min(receipt_due) FROM contacts")

    def first_held_at(self) -> int | None:
        """When the longest-waiting payload was put aside."""
        return self._first(f"SELECT min(held_at) FROM held WHERE {HEARD}")  # noqa: S608 - a constant

    def _first(self, sql: str) -> int | None:
        value: int | None = self._database.execute(sql)[0][0]
        return value
