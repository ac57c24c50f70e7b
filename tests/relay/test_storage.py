"""Batches on a real database: all or nothing, reads alone, and what a reopened one gives back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2echat.errors import StorageError
from e2echat.relay.accounts import Accounts
from e2echat.relay.database import Database
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.storage import carry_out
from e2echat.relay.work import (
    AppendSegment,
    DropSegment,
    MarkSegment,
    ReadSegments,
    Request,
    SegmentRow,
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


def row(number: int, done: int = 0) -> SegmentRow:
    return SegmentRow(number, b"m" * 16, 1, bytes(32), 6, done)


def run(database: Database, *requests: Request) -> list[Work]:
    work = [Work(request, ignore) for request in requests]
    carry_out(work, SqliteMailboxes(database), Accounts(database))
    return work


def test_segments_come_back_in_order(database: Database, path: Path) -> None:
    run(database, *(AppendSegment(row(number), b"body %d" % number) for number in (1, 2, 3)))
    run(database, MarkSegment(3, 1), DropSegment(2), DropSegment(99))
    database.close()
    reopened = Database(path)
    assert list(SqliteMailboxes(reopened).index()) == [row(1), row(3, done=1)]
    (read,) = run(reopened, ReadSegments((3, 1)))
    assert read.result == [b"body 3", b"body 1"]
    reopened.close()


def test_the_index_is_whole_beyond_one_step(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2echat.relay.mailboxes.sqlite._ROWS", 3)
    run(database, *(AppendSegment(row(number), b"body") for number in range(1, 9)))
    assert [each.number for each in SqliteMailboxes(database).index()] == list(range(1, 9))


def test_a_batch_is_kept_whole_or_not_at_all(database: Database) -> None:
    run(database, AppendSegment(row(1), b"body"))
    failed = run(
        database,
        AppendSegment(row(2), b"body"),
        DropSegment(1),
        AppendSegment(row(2), b"a number that was used before"),
        ReadSegments((1,)),
    )
    assert [item.failed for item in failed] == [True, True, True, False]
    assert failed[3].result == [b"body"]
    assert list(SqliteMailboxes(database).index()) == [row(1)]
    assert not run(database, AppendSegment(row(2), b"body"))[0].failed


def test_a_segment_that_is_gone_fails_alone(database: Database) -> None:
    work = run(database, AppendSegment(row(1), b"body"), ReadSegments((7,)), ReadSegments((1,)))
    assert [item.failed for item in work] == [False, False, False]
    assert [item.result for item in work] == [None, [None], [b"body"]]


def test_what_is_not_committed_is_not_there(database: Database, path: Path) -> None:
    SqliteMailboxes(database).append(row(1), b"body")
    database.close()
    reopened = Database(path)
    assert list(SqliteMailboxes(reopened).index()) == []
    reopened.close()


def test_a_prekey_that_is_gone_is_none(database: Database) -> None:
    assert run(database, TakePrekey(bytes(16), 1))[0].result is None


def test_a_closed_database_fails_the_batch(database: Database) -> None:
    database.close()
    assert all(item.failed for item in run(database, AppendSegment(row(1), b"body"), ReadSegments((1,))))


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
    run(database, AppendSegment(row(1), b"body"))
    with pytest.raises(StorageError):
        Database(path)
