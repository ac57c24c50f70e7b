from collections.abc import Iterator
from pathlib import Path

import pytest

from e2echat.errors import StorageError
from e2echat.store import snapshot as module
from e2echat.store.database import Database
from e2echat.store.records import Records
from e2echat.store.snapshot import KEPT, NOT_KEPT, OWN_KEPT, OWN_NOT_KEPT, snapshot

KEY, OTHER = b"k" * 32, b"o" * 32
CONTACT = """
    INSERT INTO contacts (relay_key, name, address, identity, device, standing, verified_at, authenticator, previous_authenticator)
    VALUES (?, ?, 'relay', x'01', x'02', 'contact', 5, x'aaaa', x'bbbb')
    """
MESSAGE = """
    INSERT INTO messages (contact, outgoing, message_id, seq, kind, text, sent_at, state)
    VALUES (1, 0, ?, ?, 'text', ?, 7, 'received')
    """


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "database", KEY)
    yield database
    database.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def tables(database: Database) -> set[str]:
    rows = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {name for (name,) in rows if not name.startswith("message_index")}


def test_every_table_is_kept_or_not(database: Database) -> None:
    assert tables(database) == {*KEPT, *NOT_KEPT, "own"}


def test_what_is_kept(database: Database, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 3)
    for name in ("ann", "bob", "eve"):
        database.execute(CONTACT, (b"r", name))
    for number in range(10):
        database.execute(MESSAGE, (bytes([number]), number, f"text {number}"))
    for key in (*OWN_KEPT, *OWN_NOT_KEPT, "setting.typing"):
        database.execute("INSERT INTO own VALUES (?, ?)", (key, key.encode()))
    database.execute(
        "INSERT INTO sessions (sid, contact, device_hash, generation, confirmed, used_at, state) "
        "VALUES (x'01', 1, x'02', 1, 1, 1, x'5e55')"
    )
    steps = 0
    for _ in snapshot(database, target, OTHER):
        # Whoever works in between notices nothing.
        with database.transaction():
            database.execute("UPDATE contacts SET address = 'moved'")
        steps += 1
    assert steps == 1 + 1 + 4
    copy = Database.open(target, OTHER)
    try:
        records = Records(copy)
        assert [row.name for row in records.contacts.select("ORDER BY id")] == ["ann", "bob", "eve"]
        assert {row.verified_at for row in records.contacts.select()} == {5}
        assert {row.authenticator for row in records.contacts.select()} == {None}
        assert {row.previous_authenticator for row in records.contacts.select()} == {None}
        assert [row.text for row in records.messages.select("ORDER BY id")] == [
            f"text {n}" for n in range(10)
        ]
        # Whoever opens it makes the search's index anew, and says so.
        assert {key for (key,) in copy.execute("SELECT key FROM own")} == {
            *OWN_KEPT,
            "setting.typing",
            "index",
        }
        assert all(not copy.execute(f"SELECT * FROM {table}") for table in NOT_KEPT)
        assert tables(copy) == tables(database)
    finally:
        copy.close()


def test_it_is_a_file_of_its_own_under_its_own_key(database: Database, target: Path) -> None:
    database.execute(CONTACT, (b"r", "ann"))
    for _ in snapshot(database, target, OTHER):
        pass
    assert [path.name for path in target.parent.glob("copy*")] == ["copy"]
    with pytest.raises(StorageError):
        Database.open(target, KEY)


def test_a_disk_that_does_not_take_it(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        next(snapshot(database, tmp_path / "no" / "such" / "folder", OTHER))
    database.execute(CONTACT, (b"r", "ann"))
