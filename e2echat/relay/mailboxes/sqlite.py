"""Mailboxes in SQLite: rows are appended, compacted and deleted, and the index by recipient is the relay's memory."""

import logging
import sys
from collections.abc import Iterator, Sequence

from e2echat.errors import DamagedStorageError
from e2echat.relay.database import Database
from e2echat.relay.segments import (
    EVERYWHERE,
    LAST_NUMBER,
    NOWHERE,
    Directory,
    SegmentRow,
    Stretch,
    place_of,
    segment_of,
)

_log = logging.getLogger(__name__)

_ROWS = 500
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
        query = "SELECT number, created, directory FROM segment WHERE number > ? ORDER BY number LIMIT ?"
        last = 0
        while rows := self._database.rows(query, (last, _ROWS), (int, object, object)):
            for number, created, directory in rows:
                # Numbers that do not ascend are those of a tree whose pages lead back to each other: it has no end.
                if number <= last:
                    raise DamagedStorageError("the relay's database is damaged: segments are in no order")
                last = number
                if number <= LAST_NUMBER:
                    yield SegmentRow(number, _created(created), _directory(number, directory))

    def marks(self) -> dict[bytes, int]:
        """See ``Mailboxes``."""
        marks = dict(self._database.rows("SELECT mailbox, place FROM mark"))
        impossible = [mailbox for mailbox, place in marks.items() if not _is_mark(mailbox, place)]
        for mailbox in impossible:
            del marks[mailbox]
        if impossible:
            self._database.change_each("DELETE FROM mark WHERE mailbox = ?", [(each,) for each in impossible])
            self._database.commit()
        return marks

    def append(self, row: SegmentRow, body: bytes) -> None:
        """See ``Mailboxes``."""
        values = (row.number, row.created, row.directory.encode(), body)
        self._database.change("INSERT INTO segment VALUES (?, ?, ?, ?)", values)

    def mark(self, places: Sequence[tuple[bytes, int]]) -> None:
        """See ``Mailboxes``."""
        upsert = """
            INSERT INTO mark VALUES (?, ?) ON CONFLICT (mailbox) DO UPDATE SET place = max(place, excluded.place)
            """
        self._database.change_each(upsert, places)

    def drop(self, number: int) -> None:
        """See ``Mailboxes``."""
        self._database.change("DELETE FROM segment WHERE number = ?", (number,))

    def compact(self, number: int) -> None:
        """See ``Mailboxes``."""
        for directory, body in self._find(number):
            rest, frames = directory.compacted(number, body, self._mark)
            values = (rest.encode(), frames, number)
            self._database.change("UPDATE segment SET directory = ?, body = ? WHERE number = ?", values)

    def _find(self, number: int) -> list[tuple[Directory, bytes]]:
        query = "SELECT directory, body FROM segment WHERE number = ?"
        rows = self._database.rows(query, (number,), (bytes, bytes))
        return [(Directory.decode(directory), body) for directory, body in rows]

    def _mark(self, mailbox: bytes) -> int:
        for (place,) in self._database.rows("SELECT place FROM mark WHERE mailbox = ?", (mailbox,), (int,)):
            found: int = place
            return found
        return NOWHERE

    def read(self, stretch: Stretch) -> bytes:
        """See ``Mailboxes``."""
        for directory, body in self._find(segment_of(stretch.place)):
            return directory.cut(body, stretch)
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


def _is_mark(mailbox: object, place: object) -> bool:
    return (
        isinstance(mailbox, bytes)
        and isinstance(place, int)
        and (0 <= place < place_of(LAST_NUMBER + 1, 0) or place == EVERYWHERE)
    )


def _created(value: object) -> int:
    """What is no time counts as the latest, so that nothing ends early."""
    return value if isinstance(value, int) else sys.maxsize


def _directory(number: int, data: object) -> Directory:
    """The directory of a segment, or that of an empty one: what is damaged is in nobody else's way."""
    try:
        return Directory.decode(data if isinstance(data, bytes) else b"")
    except DamagedStorageError:
        _log.error(
            "storage: the directory of segment %d is damaged, so that nothing of it can be given", number
        )
        return Directory((), (), b"")
