"""A copy of what outlives a device, table by table, in steps between which others work. docs/spec/storage.md, "Backups".

What is kept is listed, and what is not is listed too: a new table or value belongs into one of the lists.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2echat.store.database import Database
from e2echat.store.rows import OF_SESSIONS

ROWS = 2_500
"""Copied in a step: some forty milliseconds, for which others may have to wait."""

KEPT: dict[str, dict[str, str]] = {
    "contacts": OF_SESSIONS,
    "messages": {},
    "reactions": {},
    "conversations": {},
}
"""Tables by name, in an order in which they may refer to one another; for some columns a value in place of theirs."""
NOT_KEPT = frozenset(
    {"sessions", "inits", "seen", "prekeys", "numbering", "streams", "held", "early", "outbox", "invitations"}
)
"""Keys that are used once, and what belongs to a device's streams. The search's index is made anew."""
OWN_KEPT = frozenset({"proxy", "address", "identity", "device", "device_key", "capability", "mailbox"})
OWN_NOT_KEPT = frozenset(
    {
        "sign_in_key",
        "claim",
        "claimed",
        "join_token",
        "prekey_id",
        "next_capability",
        "index",
        "write_count",
        "counter_file",
        "anew",
        "backed_up_at",
        "renewed_at",
    }
)
"""Values of the table ``own``, by key; settings are kept, too."""


def snapshot(database: Database, target: Path, key: bytes) -> Iterator[None]:
    """Copy ``database`` to a new one in the file ``target``, under ``key``; each step is to be made between transactions.

    The caller removes ``target`` if it does not come to the end.

    Raises:
        StorageError: the disk did not take it.
    """
    Database.open(target, key).close()
    # It is attached within a step only: between two of them nothing is to notice it.
    with _copy(database, target, key):
        for name in sorted(OWN_KEPT):
            database.execute("INSERT INTO copy.own SELECT key, value FROM main.own WHERE key = ?", (name,))
        database.execute("INSERT INTO copy.own SELECT key, value FROM main.own WHERE key LIKE 'setting.%'")
    yield
    for table, replaced in KEPT.items():
        columns = [column for _, column, *_ in database.execute(f"PRAGMA main.table_info({table})")]
        values = ", ".join(replaced.get(column, column) for column in columns)
        for first, last in _spans(database, table, columns[0]):
            with _copy(database, target, key):
                database.execute(
                    f"INSERT INTO copy.{table} ({', '.join(columns)}) SELECT {values} FROM main.{table} "  # noqa: S608 - names of the schema
                    f"WHERE {columns[0]} BETWEEN ? AND ?",
                    (first, last),
                )
            yield


@contextmanager
def _copy(database: Database, target: Path, key: bytes) -> Iterator[None]:
    """The copy goes by ``copy`` inside. A crash leaves nothing of it that counts, so no step of it waits for the disk."""
    with database.attached(target, key, "copy"):
        database.execute("PRAGMA copy.journal_mode = MEMORY")
        database.execute("PRAGMA copy.synchronous = OFF")
        yield


def forget_devices(database: Database) -> None:
    """Drop what belongs to devices: keys that are used once, streams and their numbers, envelopes."""
    for table in ("held", "streams", "numbering", "outbox", "sessions", "inits", "prekeys", "early"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
    assignments = ", ".join(f"{column} = {value}" for column, value in OF_SESSIONS.items())
    database.execute(f"UPDATE contacts SET {assignments}")  # noqa: S608 - constants


def _spans(database: Database, table: str, key: str) -> Iterator[tuple[int, int]]:
    """The first and the last key of ``ROWS`` rows each."""
    last = -1
    while True:
        keys = f"SELECT {key} FROM main.{table} WHERE {key} > ? ORDER BY {key} LIMIT {ROWS}"  # noqa: S608 - as above
        ((first, end),) = database.execute(f"SELECT min({key}), max({key}) FROM ({keys})", (last,))  # noqa: S608 - as above
        if first is None:
            return
        yield first, end
        last = end
