"""The encrypted database: SQLCipher under a raw key, one connection, brought up to date when it is opened.

docs/spec/storage.md, "The database" and "Upgrades". The module that speaks to sqlcipher3, which has no type information, is
this one only.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self, TypeAlias

from sqlcipher3 import dbapi2 as sqlcipher

from e2echat.crypto.primitives import KEY_SIZE
from e2echat.errors import DamagedStorageError, NewerStorageError, StorageError
from e2echat.store.grams import indexed
from e2echat.store.migrations import schema_scripts, statements
from e2echat.store.private_files import copy_private, remove_private
from e2echat.store.profile import copy_while_upgrading

SqlValue: TypeAlias = int | float | str | bytes | None
Parameters: TypeAlias = Sequence[SqlValue] | Mapping[str, SqlValue]
Row: TypeAlias = tuple[Any, ...]
"""What the columns hold is what the schema's strict tables say."""

_CACHED_STATEMENTS = 256
_PAGE = 4096
"""SQLCipher's page size in bytes: the least that a database has."""

_SETTINGS = (
    # One process owns a profile: then the WAL's index needs no file of its own, if this comes before the first look.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA journal_mode = WAL",
    # After a kill the log still holds earlier states: keys among them that have been used since.
    "PRAGMA wal_checkpoint(TRUNCATE)",
)
_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk could not be read or written",
    "SQLITE_NOTADB": "the database is damaged, or belongs to another vault",
    "SQLITE_CORRUPT": "the database is damaged",
    "SQLITE_BUSY": "another process holds the database",
    "SQLITE_READONLY": "the database cannot be written to",
    "SQLITE_CANTOPEN": "the database cannot be opened",
}
_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


class Database:
    """The encrypted database of one profile, used under its owner's lock. Outside a transaction, a statement is one."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - sqlcipher3 has no types
        self._connection = connection

    @classmethod
    def open(
        cls,
        path: Path | None,
        key: bytes,
        scripts: Sequence[str] | None = None,
        *,
        must_exist: bool = False,
        upgrading: Callable[[], object] = lambda: None,
    ) -> Self:
        """Open or create the database and bring it up to date.

        Args:
            path: its file; None keeps it in memory, unencrypted, for tests.
            key: 32 random bytes, the vault's.
            scripts: the migrations in order; those of ``store/schema`` unless given.
            must_exist: a missing or empty file is damage, not a beginning.
            upgrading: called before an earlier version's is brought up to date, which may take a while.

        Raises:
            StorageError: another key, not a database, damaged, of a newer e2echat, in use, or the disk failed.
        """
        if len(key) != KEY_SIZE:
            raise ValueError("a database key has 32 bytes")
        if path is not None:
            _make_private(path, must_exist=must_exist)
        scripts = schema_scripts() if scripts is None else scripts
        database = cls(_connect(path, key))
        try:
            database._set_up()
            if path is not None and 0 < database._version(scripts) < len(scripts):
                upgrading()
                database._copy_to(path, key, copy_while_upgrading(path))
            database._migrate(scripts)
            if path is not None:
                remove_private(copy_while_upgrading(path))
        except BaseException:
            database.close()
            raise
        return database

    def execute(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Run one statement and give all its rows.

        Raises:
            StorageError: it failed. An open transaction may be rolled back already.
        """
        with _storage_errors(), closing(self._connection.execute(sql, params)) as cursor:
            rows: list[Row] = cursor.fetchall()
            return rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is durable at its end, or did not happen if an exception leaves it.

        Raises:
            StorageError: the disk did not take it; nothing happened.
            RuntimeError: a transaction inside a transaction.
        """
        if self._connection.in_transaction:
            raise RuntimeError("transactions do not nest")
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # SQLite itself has rolled back after a full disk and the like.
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise

    @contextmanager
    def attached(self, path: Path, key: bytes, name: str) -> Iterator[None]:
        """Inside, the tables of another database, under its own key, go by ``name.table``; outside a transaction only.

        Raises:
            StorageError: it does not open.
        """
        with _storage_errors(), closing(self._connection.cursor()) as cursor:
            cursor.execute(f"ATTACH DATABASE ? AS {name} KEY ?", (os.fspath(path), f"x'{key.hex()}'"))
        try:
            yield
        finally:
            self.execute(f"DETACH DATABASE {name}")

    @property
    def changes(self) -> int:
        """Rows that were changed since it was opened."""
        return int(self._connection.total_changes)

    def check(self) -> None:
        """Read every page, and see that they belong together. Takes seconds for a gigabyte.

        Raises:
            DamagedStorageError: they do not.
            StorageError: the disk failed.
        """
        for sound, pragma in ([], "cipher_integrity_check"), ([("ok",)], "quick_check"):
            if self.execute(f"PRAGMA {pragma}") != sound:
                raise DamagedStorageError("the database is damaged")

    def close(self) -> None:
        """Close; what was committed stays, an open transaction does not."""
        with _storage_errors():
            self._connection.close()

    def _set_up(self) -> None:
        for setting in _SETTINGS:
            self.execute(setting)
        self._connection.create_function("grams", 2, indexed, deterministic=True)

    def _version(self, scripts: Sequence[str]) -> int:
        ((version,),) = self.execute("PRAGMA user_version")
        if version > len(scripts):
            raise NewerStorageError(str(NewerStorageError.__doc__))
        return int(version)

    def _copy_to(self, path: Path, key: bytes, copy: Path) -> None:
        """Copy the file ``path`` once nothing of it is in the log, every page checked."""
        # What is damaged is not upgraded, nor put in the place of an earlier copy that is whole.
        self.check()
        self.close()
        copy_private(path, copy)
        self._connection = _connect(path, key)
        self._set_up()

    def _migrate(self, scripts: Sequence[str]) -> None:
        version = self._version(scripts)
        if version == len(scripts):
            return
        # A step may make a table anew, and what refers to it is to outlive that: sqlite.org/lang_altertable.html, 7.
        self.execute("PRAGMA foreign_keys = OFF")
        with self.transaction():
            for script in scripts[version:]:
                for statement in statements(script):
                    self.execute(statement)
            if self.execute("PRAGMA foreign_key_check"):
                raise StorageError("the upgrade would tear apart what belongs together; nothing was changed")
            self.execute(f"PRAGMA user_version = {len(scripts)}")
        self.execute("PRAGMA foreign_keys = ON")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _connect(path: Path | None, key: bytes) -> Any:  # noqa: ANN401 - sqlcipher3 has no types
    name = ":memory:" if path is None else os.fspath(path)
    with _storage_errors():
        connection = sqlcipher.connect(
            name,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
        )
    try:
        # Its own messages would go to stderr, into the middle of a face.
        connection.execute("PRAGMA cipher_log_level = NONE").close()
        if path is not None:
            connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"").close()
    except sqlcipher.Error:
        connection.close()
        # Not chained: the statement has the key in it.
        raise StorageError("SQLCipher did not take the key") from None
    return connection


def _make_private(path: Path, *, must_exist: bool) -> None:
    """Have the file exist as 0600 before SQLite opens it; the WAL gets its mode from it."""
    create = 0 if must_exist else os.O_CREAT
    try:
        descriptor = os.open(path, os.O_RDWR | create | os.O_NOFOLLOW, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise StorageError("the database is not a file")
            # SQLite takes what is shorter than a page for a new database, and would begin one.
            if found.st_size < _PAGE and (found.st_size or must_exist):
                raise DamagedStorageError("the database is damaged: its file was cut")
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"the database cannot be opened: {error.strerror}") from error


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except sqlcipher.Error as error:
        raise _failure(error) from error


def _failure(error: Exception) -> StorageError:
    name = getattr(error, "sqlite_errorname", None) or ""
    for prefix, reason in _REASONS.items():
        if name.startswith(prefix):
            return DamagedStorageError(reason) if prefix in _DAMAGE else StorageError(reason)
    return StorageError(f"the database refused: {error}")


def versions() -> tuple[str, str]:
    """Of SQLite, and of SQLCipher around it."""
    with closing(_connect(None, b"")) as connection:
        ((cipher,),) = connection.execute("PRAGMA cipher_version").fetchall()
    return sqlcipher.sqlite_version, cipher.split()[0]
