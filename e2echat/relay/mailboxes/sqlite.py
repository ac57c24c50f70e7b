"""Mailboxes in SQLite: rows are only appended and deleted whole, and the index by recipient is the relay's memory."""

from collections.abc import Iterator

from e2echat.errors import DamagedStorageError
from e2echat.relay.database import Database
from e2echat.relay.work import SegmentRow
from e2echat.wire.frames import ENVELOPE_ID_SIZE

_ROWS = 10_000
"""Of the index in memory at a time."""
_PAGES = 1_024
"""Of 4 KiB, given back at a time: a few milliseconds."""
_SPARE = 4
"""A file keeps one free page for so many in use, to be filled again."""


class SqliteMailboxes:
    """``Mailboxes`` in a relay's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def index(self) -> Iterator[SegmentRow]:
        """See ``Mailboxes``."""
        # The body is the last column, so that SQLite need not read it to give the others.
        query = """
            SELECT number, mailbox, created, ids, size, done FROM segment WHERE number > ?
            ORDER BY number LIMIT ?
            """
        last = 0
        while rows := self._database.rows(query, (last, _ROWS), (int, bytes, int, bytes, int, int)):
            for number, mailbox, created, ids, size, done in rows:
                # Numbers that do not ascend are those of a tree whose pages lead back to each other: it has no end.
                if (
                    number <= last
                    or len(ids) % ENVELOPE_ID_SIZE
                    or not 0 <= done * ENVELOPE_ID_SIZE <= len(ids)
                ):
                    raise DamagedStorageError("the relay's database is damaged: a segment makes no sense")
                yield SegmentRow(number, mailbox, created, ids, size, done)
                last = number

    def append(self, row: SegmentRow, body: bytes) -> None:
        """See ``Mailboxes``."""
        values = (row.number, row.mailbox, row.created, row.ids, row.size, row.done, body)
        self._database.change("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def mark(self, number: int, done: int) -> None:
        """See ``Mailboxes``."""
        self._database.change("UPDATE segment SET done = ? WHERE number = ?", (done, number))

    def drop(self, number: int) -> None:
        """See ``Mailboxes``."""
        self._database.change("DELETE FROM segment WHERE number = ?", (number,))

    def read(self, number: int) -> bytes:
        """See ``Mailboxes``."""
        for (body,) in self._database.rows("SELECT body FROM segment WHERE number = ?", (number,), (bytes,)):
            found: bytes = body
            return found
        raise DamagedStorageError("a stored segment is gone")

    def give_back(self) -> bool:
        """See ``Mailboxes``."""
        ((pages,),) = self._database.rows("PRAGMA page_count")
        ((free,),) = self._database.rows("PRAGMA freelist_count")
        surplus = free - (pages - free) // _SPARE
        if surplus <= _PAGES:
            return False
        self._database.change(f"PRAGMA incremental_vacuum({_PAGES})", ())
        return True

    def commit(self) -> None:
        """See ``Mailboxes``."""
        self._database.commit()

    def rollback(self) -> None:
        """See ``Mailboxes``."""
        self._database.rollback()
