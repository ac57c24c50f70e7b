"""A table as typed rows, against an ordinary SQLite database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from e2echat.store.table import Table


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    text: str
    starred: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    note: int
    word: str
    raw: bytes | None = None


class Memory:
    """The part of a database that tables need."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params).fetchall()


@pytest.fixture(name="memory")
def _memory() -> Iterator[Memory]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, starred INTEGER)")
        connection.execute("CREATE TABLE tags (note INTEGER, word TEXT, raw BLOB, PRIMARY KEY (note, word))")
        yield Memory(connection)


@pytest.fixture(name="notes")
def _notes(memory: Memory) -> Table[Note]:
    return Table(memory, "notes", Note, "id")


def test_an_id_of_zero_asks_for_the_next(notes: Table[Note]) -> None:
    assert [notes.save(Note(0, text)) for text in ("one", "two")] == [1, 2]
    assert notes.save(Note(7, "seven")) == 7
    assert notes.select("ORDER BY id DESC") == [Note(7, "seven"), Note(2, "two"), Note(1, "one")]


def test_saving_replaces_the_row_with_the_key(notes: Table[Note]) -> None:
    notes.save(Note(1, "one"))
    notes.save(Note(1, "other", starred=True))
    assert notes.select() == [Note(1, "other", starred=True)]


def test_flags_come_back_as_flags(notes: Table[Note]) -> None:
    notes.save(Note(0, "one", starred=True))
    (row,) = notes.select()
    assert row.starred is True


def test_a_key_of_several_columns(memory: Memory) -> None:
    tags = Table(memory, "tags", Tag, "note", "word")
    for raw in (None, b"raw"):
        tags.save(Tag(1, "red", raw))
    tags.save(Tag(2, "red"))
    assert tags.select("ORDER BY note") == [Tag(1, "red", b"raw"), Tag(2, "red")]


def test_one_is_the_first_or_none(notes: Table[Note]) -> None:
    assert notes.one("WHERE id = ?", 1) is None
    for text in ("one", "two"):
        notes.save(Note(0, text))
    assert notes.one("ORDER BY id DESC") == Note(2, "two")


def test_counting_changing_and_removing(notes: Table[Note]) -> None:
    for text in ("one", "two", "three"):
        notes.save(Note(0, text))
    notes.update("starred = ? WHERE id > ?", True, 1)
    assert notes.count("WHERE starred = 1") == 2
    notes.delete("WHERE starred = ?", True)
    assert notes.select() == [Note(1, "one")]


@pytest.mark.parametrize("text", ["'; DROP TABLE notes; --", "\0", "?", "%s", '"'])
def test_values_are_never_sql(notes: Table[Note], text: str) -> None:
    notes.save(Note(0, text))
    assert notes.one("WHERE text = ?", text) == Note(1, text)
