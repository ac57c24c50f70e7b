"""A database of an earlier version becomes one of this: whole, once, and whatever happens in between."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from e2echat.errors import StorageError
from e2echat.store.database import Database
from e2echat.store.migrations import schema_scripts, statements
from e2echat.store.records import Records
from tests.helpers.version_1 import TEXTS, make_version_1

KEY = bytes(range(32))
OLD = ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"]
NEW = [
    *OLD,
    "ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 0;\nUPDATE notes SET stars = id;",
    """CREATE TABLE words (note INTEGER REFERENCES notes (id), word TEXT) STRICT;
    INSERT INTO words SELECT id, text FROM notes;""",
]
NOTES = ["one", "two", "three"]


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / "database"
    database = Database.open(path, KEY, OLD)
    for note in NOTES:
        database.execute("INSERT INTO notes (text) VALUES (?)", (note,))
    database.close()
    return path


def _upgraded(path: Path) -> bool:
    database = Database.open(path, KEY, NEW)
    try:
        rows = database.execute(
            "SELECT text, stars, word FROM notes JOIN words ON note = notes.id ORDER BY id"
        )
    finally:
        database.close()
    return rows == [(note, number, note) for number, note in enumerate(NOTES, 1)]


def test_a_database_of_the_first_version_opens_in_this_one(tmp_path: Path) -> None:
    path = tmp_path / "database"
    make_version_1(path, KEY)
    database = Database.open(path, KEY)
    assert database.execute("PRAGMA user_version") == [(len(schema_scripts()),)]
    records = Records(database)
    contact = records.contact(7)
    assert (contact.name, contact.verified_by) == ("bob", "number")
    assert tuple(row.text for row in records.history.page(7)) == TEXTS
    assert [row.text for row in records.unsettled_messages(7)] == [TEXTS[1], TEXTS[3]]
    # What was submitted then was not noted.
    assert records.numbering(7, bytes(32)).submitted == 4
    assert len(records.outbox_of(7, 9000, 10)) == len(records.sessions_of(7)) == 1
    assert records.held_at(7, bytes(32), 6) is not None
    assert database.execute("PRAGMA foreign_keys") == [(1,)]
    records.close()
    assert os.listdir(tmp_path) == ["database"]  # noqa: PTH208 - a directory of one


def test_whoever_waits_is_told_before_it_begins(path: Path) -> None:
    told: list[bytes] = []

    def upgrading() -> None:
        assert not path.with_name("database.old").exists()
        told.append(path.read_bytes())

    before = path.read_bytes()
    for _ in range(2):
        Database.open(path, KEY, NEW, upgrading=upgrading).close()
    assert told == [before]
    Database.open(path.with_name("new"), KEY, NEW, upgrading=upgrading).close()
    assert len(told) == 1


def test_whoever_waits_for_another_index_is_told(tmp_path: Path) -> None:
    path, told = tmp_path / "database", list[bytes | None]()

    def opened() -> Records:
        return Records(Database.open(path, KEY), lambda: told.append(None))

    opened().close()
    records = opened()
    assert len(told) == 0
    with records.transaction():
        records.set_own("index", b"of Unicode 1")
    records.close()
    opened().close()
    opened().close()
    assert len(told) == 1


def test_an_upgrade_leaves_no_copy_and_nothing_of_the_old_in_the_log(path: Path) -> None:
    database = Database.open(path, KEY, NEW)
    assert {file.name: file.stat().st_size for file in path.parent.iterdir() if file != path} == {
        "database-wal": 0
    }
    database.close()
    assert _upgraded(path)


def test_while_it_goes_on_an_encrypted_copy_lies_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    copy = path.with_name("database.old")
    monkeypatch.setattr("e2echat.store.database.remove_private", lambda path: None)
    Database.open(path, KEY, NEW).close()
    assert copy.read_bytes() == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    monkeypatch.undo()
    assert _upgraded(path)
    assert not copy.exists()


@pytest.mark.parametrize(
    "bad",
    [
        "CREATE TABLE more (id INTEGER);\nINSERT INTO nowhere VALUES (1);",
        "CREATE TABLE more (id INTEGER);\nINSERT INTO words VALUES (99, 'of no note');",
    ],
)
def test_an_upgrade_that_fails_changes_nothing_and_keeps_the_copy(path: Path, bad: str) -> None:
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StorageError):
            Database.open(path, KEY, [*NEW, bad])
        assert path.with_name("database.old").read_bytes() == before
    database = Database.open(path, KEY, OLD)
    assert database.execute("SELECT text FROM notes") == [(note,) for note in NOTES]
    database.close()


def test_a_damaged_database_is_not_upgraded_nor_put_over_a_copy(path: Path) -> None:
    database = Database.open(path, KEY, OLD)
    database.execute("INSERT INTO notes (text) VALUES (?)", ("x" * 20_000,))
    database.close()
    copy = path.with_name("database.old")
    copy.write_bytes(b"an earlier copy, whole")
    whole = path.read_bytes()
    data = whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:]
    path.write_bytes(data)
    with pytest.raises(StorageError):
        Database.open(path, KEY, NEW)
    assert (path.read_bytes(), copy.read_bytes()) == (data, b"an earlier copy, whole")


def test_a_full_disk_stops_it_before_it_begins(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError):
        Database.open(path, KEY, NEW)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("database.old*"))


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    assert _upgraded(path)
    before = path.read_bytes()
    with pytest.raises(StorageError):
        Database.open(path, KEY, OLD)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("database.old*"))


def test_a_table_may_be_made_anew_without_losing_what_refers_to_it(path: Path) -> None:
    assert _upgraded(path)
    anew = (
        "CREATE TABLE notes_new (id INTEGER PRIMARY KEY, text TEXT NOT NULL, stars INTEGER) STRICT;\n"
        "INSERT INTO notes_new SELECT * FROM notes;\nDROP TABLE notes;\nALTER TABLE notes_new RENAME TO notes;"
    )
    database = Database.open(path, KEY, [*NEW, anew])
    assert database.execute("SELECT count(*) FROM notes JOIN words ON note = notes.id") == [(len(NOTES),)]
    with pytest.raises(StorageError):
        database.execute("INSERT INTO words VALUES (99, 'of no note')")
    database.close()


def test_a_script_is_taken_statement_by_statement() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a;\n  DELETE FROM b;\nEND;\n"
    script = (
        f"-- What it is for; with a semicolon.\nCREATE TABLE a (x);\n\n{trigger}DROP TABLE a -- unfinished"
    )
    assert [statement.strip() for statement in statements(script)] == [
        "-- What it is for; with a semicolon.\nCREATE TABLE a (x);",
        trigger.strip(),
        "DROP TABLE a -- unfinished",
    ]


KILLED_AT_EVERY_STEP = """
import os, shutil, signal, sys
from pathlib import Path
from e2echat.store.database import Database
from tests.store.test_upgrades import KEY, NEW, NOTES, OLD, _upgraded

left = -1

def mortal(function):
    def call(*args, **others):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **others)
    return call

Database.execute = mortal(Database.execute)
for name in ("open", "fsync", "replace", "unlink"):
    setattr(os, name, mortal(getattr(os, name)))
original, home = Path(sys.argv[1]), Path(sys.argv[1]).parent
seen = set()
for moment in range(1, 1000):
    path = home / str(moment) / "database"
    path.parent.mkdir()
    shutil.copy(original, path)
    child = os.fork()
    if not child:
        left = moment
        Database.open(path, KEY, NEW)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    copy = path.with_name("database.old")
    if copy.exists():
        saved = Database.open(copy, KEY, OLD)
        assert saved.execute("SELECT text FROM notes") == [(note,) for note in NOTES]
        saved.close()
    seen.add((copy.exists(), copy.with_name("database.old.new").exists()))
    assert _upgraded(path), moment
    assert not copy.exists()
    shutil.rmtree(path.parent)
    if not os.WIFSIGNALED(status):
        assert status == 0
        break
print(moment, sorted(seen))
"""


def test_killed_at_every_step_the_next_one_finds_it_whole(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(path)], check=True, capture_output=True, text=True
    )
    moments, states = done.stdout.split(maxsplit=1)
    assert int(moments) > 40
    assert states.strip() == "[(False, False), (False, True), (True, False)]"
