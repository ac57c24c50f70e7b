import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2echat.errors import StorageError
from e2echat.store.database import Database
from e2echat.store.migrations import schema_scripts

KEY = bytes(range(32))
TEXT = "a text that lies nowhere in the clear"
SCRIPTS = [
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;",
    "ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 0; -- a comment ends it",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database.open(path, KEY, SCRIPTS)
    yield opened
    opened.close()


def texts(database: Database) -> list[str]:
    return [text for (text,) in database.execute("SELECT text FROM notes ORDER BY id")]


def add(database: Database, text: str = TEXT) -> None:
    database.execute("INSERT INTO notes (text) VALUES (?)", (text,))


def test_what_is_committed_stays(database: Database, path: Path) -> None:
    with database.transaction():
        add(database)
    database.close()
    again = Database.open(path, KEY, SCRIPTS)
    assert texts(again) == [TEXT]
    again.close()


def test_parameters_by_position_and_by_name(database: Database) -> None:
    database.execute("INSERT INTO notes (text) VALUES (:text)", {"text": "one"})
    for text in ("two", "three"):
        database.execute("INSERT INTO notes (text) VALUES (?)", (text,))
    assert texts(database) == ["one", "two", "three"]
    assert database.execute("SELECT ?, ?, ?, ?", (1, 0.5, b"\0", None)) == [(1, 0.5, b"\0", None)]


def test_nothing_lies_in_the_clear(database: Database, path: Path) -> None:
    add(database)
    with_wal = [file.read_bytes() for file in path.parent.iterdir()]
    database.close()
    for data in (*with_wal, path.read_bytes()):
        assert TEXT.encode() not in data
        assert b"notes" not in data
        assert not data.startswith(b"SQLite format 3")


def test_every_file_is_0600_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        database = Database.open(path, KEY, SCRIPTS)
        add(database)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == {"database": 0o600, "database-wal": 0o600}


def test_a_file_that_others_could_read_is_mended(database: Database, path: Path) -> None:
    database.close()
    path.chmod(0o644)
    Database.open(path, KEY, SCRIPTS).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_settings_hold(database: Database) -> None:
    expected = {
        "secure_delete": 1,
        "foreign_keys": 1,
        "synchronous": 2,
        "journal_mode": "wal",
        "locking_mode": "exclusive",
        "temp_store": 2,
        "trusted_schema": 0,
    }
    assert {name: database.execute(f"PRAGMA {name}")[0][0] for name in expected} == expected


def test_another_key(database: Database, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    database.close()
    with pytest.raises(StorageError):
        Database.open(path, bytes(32), SCRIPTS)
    assert capfd.readouterr() == ("", "")  # SQLCipher would write into the middle of a face
    Database.open(path, KEY, SCRIPTS).close()


@pytest.mark.parametrize("length", [31, 33, 48])
def test_a_key_of_another_length(path: Path, length: int) -> None:
    with pytest.raises(ValueError, match="32"):
        Database.open(path, bytes(length), SCRIPTS)
    assert not path.exists()


def test_the_key_is_in_no_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    database.close()
    path.write_bytes(b"junk" * 4096)
    with pytest.raises(StorageError) as caught:
        Database.open(path, KEY, SCRIPTS)
    shown = "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr())
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown


@pytest.mark.parametrize("junk", [b"x", b"junk" * 4096, b"SQLite format 3\0" + bytes(8192)])
def test_what_is_no_database(path: Path, junk: bytes) -> None:
    path.write_bytes(junk)
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS)
    assert path.read_bytes() == junk


def test_a_database_that_must_exist(path: Path) -> None:
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS, must_exist=True)
    assert not path.exists()
    path.touch()
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS, must_exist=True)
    Database.open(path, KEY, SCRIPTS).close()
    Database.open(path, KEY, SCRIPTS, must_exist=True).close()


def test_a_damaged_page_is_noticed(database: Database, path: Path) -> None:
    for number in range(100):
        database.execute("INSERT INTO notes (text) VALUES (?)", (f"{number:0500}",))
    database.close()
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page + 1000] ^= 1
    path.write_bytes(data)
    damaged = Database.open(path, KEY, SCRIPTS)
    with pytest.raises(StorageError):
        texts(damaged)
    damaged.close()


def test_links_and_directories_in_its_place(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    path.symlink_to(target)
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS)
    assert not target.exists()
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS)


def test_a_pipe_in_its_place_does_not_hold_us_up(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS)


def test_one_connection_at_a_time(database: Database, path: Path) -> None:
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS)
    add(database)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StorageError])
def test_a_transaction_that_fails_did_nothing(database: Database, error: type[BaseException]) -> None:

    def fail() -> None:
        with database.transaction():
            add(database)
            raise error

    with pytest.raises(error):
        fail()
    assert texts(database) == []
    with database.transaction():
        add(database)
    assert texts(database) == [TEXT]


def test_a_transaction_does_not_nest(database: Database) -> None:
    with database.transaction(), pytest.raises(RuntimeError), database.transaction():
        add(database)
    assert texts(database) == []


def test_a_full_disk_is_said_and_nothing_is_half_done(database: Database) -> None:
    add(database)
    ((pages,),) = database.execute("PRAGMA page_count")
    database.execute(f"PRAGMA max_page_count = {pages + 2}")

    def fill() -> None:
        with database.transaction():
            add(database, "small")
            add(database, "x" * 100_000)

    with pytest.raises(StorageError):
        fill()
    assert texts(database) == [TEXT]
    with database.transaction():
        add(database, "fits")
    assert texts(database) == [TEXT, "fits"]


def test_what_the_database_refuses_is_a_storage_error(database: Database) -> None:
    add(database)
    with pytest.raises(StorageError):
        add(database)
    with pytest.raises(StorageError):
        database.execute("SELECT nonsense")
    with pytest.raises(StorageError):
        database.execute("INSERT INTO notes (text) VALUES (?)", (None,))
    database.close()
    with pytest.raises(StorageError):
        database.execute("SELECT 1")


def test_migrations_go_step_by_step(path: Path) -> None:
    old = Database.open(path, KEY, SCRIPTS[:1])
    add(old)
    assert old.execute("PRAGMA user_version") == [(1,)]
    old.close()
    new = Database.open(path, KEY, SCRIPTS)
    assert new.execute("SELECT text, stars FROM notes") == [(TEXT, 0)]
    assert new.execute("PRAGMA user_version") == [(2,)]
    new.close()


def test_a_migration_that_fails_did_nothing(path: Path) -> None:
    Database.open(path, KEY, SCRIPTS).close()
    with pytest.raises(StorageError):
        Database.open(
            path, KEY, [*SCRIPTS, "CREATE TABLE more (id INTEGER);\nINSERT INTO nowhere VALUES (1);"]
        )
    database = Database.open(path, KEY, SCRIPTS)
    assert database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'") == [("notes",)]
    database.close()


def test_a_newer_database_is_left_alone(path: Path) -> None:
    Database.open(path, KEY, SCRIPTS).close()
    before = path.read_bytes()
    with pytest.raises(StorageError):
        Database.open(path, KEY, SCRIPTS[:1])
    assert path.read_bytes() == before


def test_our_own_schema_applies() -> None:
    database = Database.open(None, KEY)
    assert database.execute("PRAGMA user_version") == [(len(schema_scripts()),)]
    assert len(schema_scripts()) > 0
    database.close()


def test_what_a_killed_process_left_in_the_log_is_gone_once_the_next_one_opens(tmp_path: Path) -> None:
    path = tmp_path / "database"
    program = (
        "import os, sys; from pathlib import Path; from e2echat.store.database import Database\n"
        "database = Database.open(Path(sys.argv[1]), bytes(32), [])\n"
        "with database.transaction(): database.execute('CREATE TABLE t (x)')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    log = path.with_name("database-wal")
    assert log.stat().st_size > 0
    database = Database.open(path, bytes(32), [])
    assert log.stat().st_size == 0
    database.close()
