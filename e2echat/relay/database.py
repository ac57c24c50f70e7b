"""The relay's SQLite database: opening it, its tables, and one place where its errors become ours."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from e2echat.errors import DamagedStorageError, StorageError
from e2echat.relay.upgrading import directory_of_one, rest_of_one

_TABLES = (
    """
    CREATE TABLE account (
        mailbox BLOB PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        identity BLOB NOT NULL,
        device BLOB NOT NULL,
        claim BLOB NOT NULL,
        capability_hash BLOB NOT NULL,
        signed BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE one_time (
        mailbox BLOB NOT NULL,
        prekey_id INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (mailbox, prekey_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE segment (
        number INTEGER PRIMARY KEY,
        mailbox BLOB NOT NULL,
        created INTEGER NOT NULL,
        ids BLOB NOT NULL,
        size INTEGER NOT NULL,
        done INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE tombstone (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE token (hash BLOB PRIMARY KEY, uses INTEGER NOT NULL, ends INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), today INTEGER NOT NULL) STRICT;
    """,
    "ALTER TABLE account ADD COLUMN former BLOB NOT NULL DEFAULT x'';",
    """
    ALTER TABLE segment RENAME TO segment_of_one;
    CREATE TABLE segment (
        number INTEGER PRIMARY KEY,
        created INTEGER NOT NULL,
        directory BLOB NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE mark (mailbox BLOB PRIMARY KEY, place INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO segment SELECT number, created, directory(mailbox, done, body), rest(done, body) FROM segment_of_one;
    DROP TABLE segment_of_one;
    """,
)
"""What each version of the schema adds to the one before."""
SCHEMA = len(_TABLES)
Kinds: TypeAlias = Sequence[type | tuple[type, ...]]


class Database:
    """One connection. Whoever opens it may hand it to another thread, but only one at a time may use it."""

    def __init__(self, path: Path) -> None:
        """Open or make the database; ``path`` must exist, so that its modes were chosen with care.

        Raises:
            StorageError: it is no database of this relay's, a newer one, in use, or the disk fails.
        """
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _fault("does not open", error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise _fault("does not open", error) from error
        except StorageError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        # Takes effect in a new file only, and before anything else is in it.
        execute("PRAGMA auto_vacuum = INCREMENTAL")
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        # FULL syncs the log at every commit: what was accepted survives a loss of power.
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA secure_delete = ON")
        # The log then grows to this many pages of 4 KiB before its content moves to the file proper.
        execute("PRAGMA wal_autocheckpoint = 4000")
        (version,) = execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise StorageError("the relay's database was written by a newer e2echat")
        if version < SCHEMA:
            self._connection.create_function("directory", 3, directory_of_one, deterministic=True)
            self._connection.create_function("rest", 2, rest_of_one, deterministic=True)
            tables = "".join(_TABLES[version:])
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {SCHEMA}; COMMIT;"
            )
        # Without this table whole, mail would seem to be nobody's. The rest is checked as it is read.
        if execute("PRAGMA integrity_check(account)").fetchall() != [("ok",)]:
            raise DamagedStorageError("the relay's database is damaged")

    def rows(self, query: str, values: Sequence[Any] = (), kinds: Kinds = ()) -> list[tuple[Any, ...]]:
        """What a query finds.

        Args:
            query: in SQL.
            values: for its parameters.
            kinds: what each column must hold, where it matters: a damaged file may hold anything.
        """
        try:
            rows = self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _fault("cannot be read", error) from error
        if kinds and not all(all(map(isinstance, row, kinds)) for row in rows):
            raise DamagedStorageError("the relay's database is damaged: it holds what was never written")
        return rows

    def change(self, statement: str, values: Sequence[Any]) -> None:
        """Change something in the transaction that the next ``commit`` ends."""
        self._change(self._connection.execute, statement, values)

    def change_each(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """As ``change``, once for each row of values."""
        self._change(self._connection.executemany, statement, rows)

    def _change(
        self, execute: Callable[[str, Sequence[Any]], object], statement: str, values: Sequence[Any]
    ) -> None:
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            execute(statement, values)
        except sqlite3.Error as error:
            raise _fault("cannot be written", error) from error

    def commit(self) -> None:
        """Make durable what has changed."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _fault("cannot be written", error) from error

    def rollback(self) -> None:
        """Undo what has changed since the last ``commit``."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _fault("cannot be written", error) from error

    def close(self) -> None:
        """Close it; what is not committed is undone."""
        self._connection.close()


def _fault(what: str, error: sqlite3.Error) -> StorageError:
    # An extended code has its kind in its last byte; errors of the module itself have no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    damaged = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return (DamagedStorageError if damaged else StorageError)(f"the relay's database {what}: {error}")
