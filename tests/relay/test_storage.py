"""Batches on a real database: all or nothing, reads alone, and what a reopened one gives back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2echat.errors import StorageError
from e2echat.relay.accounts import Accounts
from e2echat.relay.database import Database
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.segments import EVERYWHERE, Directory, SegmentRow, Stretch, place_of
from e2echat.relay.storage import carry_out
from e2echat.relay.work import (
    AppendSegment,
    CompactSegment,
    DropSegment,
    Mark,
    ReadStretches,
    Request,
    TakePrekey,
    Work,
    ignore,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "relay.db"
    path.touch()
    return path


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


MAILBOX, OTHER = b"m" * 16, b"o" * 16


def directory(*portions: tuple[bytes, int, int]) -> Directory:
    """Of frames of one byte each."""
    count = sum(envelopes for _, _, envelopes in portions)
    return Directory(portions, (1,) * count, bytes(8 * count))


def row(number: int) -> SegmentRow:
    return SegmentRow(number, 1, directory((MAILBOX, 0, 2), (OTHER, 2, 3)))


def append(number: int, body: bytes = b"abcde") -> AppendSegment:
    return AppendSegment(row(number), body)


def read(number: int, ordinal: int = 0, envelopes: int = 5) -> Stretch:
    return Stretch(place_of(number, ordinal), envelopes)


def run(database: Database, *requests: Request) -> list[Work]:
    work = [Work(request, ignore) for request in requests]
    carry_out(work, SqliteMailboxes(database), Accounts(database))
    return work


def test_segments_come_back_in_order(database: Database, path: Path) -> None:
    run(database, append(1), append(2), append(3, b"ABCDE"))
    run(database, DropSegment(2), DropSegment(99), Mark([(OTHER, place_of(3, 2))]))
    database.close()
    reopened = Database(path)
    assert list(SqliteMailboxes(reopened).index()) == [row(1), row(3)]
    assert SqliteMailboxes(reopened).marks() == {OTHER: place_of(3, 2)}
    (work,) = run(reopened, ReadStretches([read(3, 1, 3), read(1, 4, 1)]))
    assert work.result == [b"BCD", b"e"]
    reopened.close()


def test_a_mark_never_goes_back(database: Database) -> None:
    for place in (1, 3, 2):
        run(database, Mark([(MAILBOX, place)]))
    assert SqliteMailboxes(database).marks() == {MAILBOX: 3}


def test_the_index_is_whole_beyond_one_step(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2echat.relay.mailboxes.sqlite._ROWS", 3)
    run(database, *map(append, range(1, 9)))
    assert [each.number for each in SqliteMailboxes(database).index()] == list(range(1, 9))


def test_a_batch_is_kept_whole_or_not_at_all(database: Database) -> None:
    run(database, append(1))
    failed = run(
        database,
        append(2),
        DropSegment(1),
        append(2, b"a number that was used before"),
        ReadStretches([read(1)]),
    )
    assert [item.failed for item in failed] == [True, True, True, False]
    assert failed[3].result == [b"abcde"]
    assert list(SqliteMailboxes(database).index()) == [row(1)]
    assert not run(database, append(2))[0].failed


@pytest.mark.parametrize("stretch", [read(7), read(1, 5, 1), read(1, 4, 2), read(1, 65_535, 1)])
def test_what_is_gone_fails_alone(database: Database, stretch: Stretch) -> None:
    work = run(database, append(1), ReadStretches([stretch]), ReadStretches([read(1)]))
    assert [item.failed for item in work] == [False, False, False]
    assert [item.result for item in work] == [None, [None], [b"abcde"]]


def test_what_is_left_of_a_compacted_segment_keeps_its_place(database: Database) -> None:
    run(database, append(1))
    run(database, Mark([(MAILBOX, place_of(1, 0)), (OTHER, place_of(1, 3))]), CompactSegment(1))
    (left,) = SqliteMailboxes(database).index()
    assert left.directory == directory((MAILBOX, 1, 1), (OTHER, 4, 1))
    assert database.rows("SELECT body FROM segment") == [(b"be",)]
    (work,) = run(database, ReadStretches([read(1, 4, 1), read(1, 1, 1), read(1, 1, 2), read(1, 0, 1)]))
    assert work.result == [b"e", b"b", None, None]


def test_one_that_is_gone_is_compacted_already(database: Database) -> None:
    assert not run(database, CompactSegment(1))[0].failed


@pytest.mark.parametrize("mark", [place_of(1, 4), EVERYWHERE])
def test_nothing_may_be_left_of_one(database: Database, mark: int) -> None:
    run(database, append(1), Mark([(MAILBOX, mark), (OTHER, mark)]), CompactSegment(1))
    (left,) = SqliteMailboxes(database).index()
    assert left.directory == Directory((), (), b"")


def test_what_is_not_committed_is_not_there(database: Database, path: Path) -> None:
    SqliteMailboxes(database).append(row(1), b"abcde")
    database.close()
    reopened = Database(path)
    assert list(SqliteMailboxes(reopened).index()) == []
    reopened.close()


def test_a_prekey_that_is_gone_is_none(database: Database) -> None:
    assert run(database, TakePrekey(bytes(16), 1))[0].result is None


def test_a_closed_database_fails_the_batch(database: Database) -> None:
    database.close()
    assert all(item.failed for item in run(database, append(1), ReadStretches([read(1)])))


def test_every_commit_is_synced(database: Database) -> None:
    assert database.rows("PRAGMA synchronous") == [(2,)]
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    assert database.rows("PRAGMA secure_delete") == [(1,)]


def test_a_newer_database_is_refused(database: Database, path: Path) -> None:
    database.change("PRAGMA user_version = 99", ())
    database.commit()
    database.close()
    with pytest.raises(StorageError):
        Database(path)


def test_one_that_another_process_uses_is_refused(database: Database, path: Path) -> None:
    run(database, append(1))
    with pytest.raises(StorageError):
        Database(path)
