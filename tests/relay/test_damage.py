"""A database that does not hold what was written there: one damaged row is in nobody else's way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import DamagedStorageError, MalformedError, StorageError
from e2echat.relay.accounts import Accounts
from e2echat.relay.database import Database
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.runs import is_whole
from e2echat.relay.segments import Directory, SegmentRow, Stretch, place_of, segment_of
from e2echat.relay.storage import carry_out
from e2echat.relay.work import AppendSegment, DropSegment, Request, TakePrekey, Work, ignore
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages

if TYPE_CHECKING:
    from tests.helpers.relay_world import Account, World

IDS = bytes(range(16)), bytes(range(16, 32))
PREFIXES = b"".join(each[:8] for each in IDS)
BODY = b"".join(frames.submission(1_000, each, b"text") for each in IDS)
SECOND = len(BODY) // 2
DIRECTORY = Directory([(b"m" * 16, 0, 1)], (6,), bytes(8))
CODE = DIRECTORY.encode()


def changed(position: int, data: bytes) -> bytes:
    return BODY[:position] + data + BODY[position + len(data) :]


def test_a_body_is_whole() -> None:
    assert is_whole(BODY, PREFIXES)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:SECOND],
        BODY[: SECOND + 24],
        BODY[:-1],
        BODY + b"\0",
        BODY + BODY[:SECOND],
        changed(0, b"\xff\xff\xff\xff"),
        changed(SECOND, (1 << 20).to_bytes(4)),
        changed(SECOND, (SECOND - 5).to_bytes(4)),
        changed(4, frames.Tag.CONTROL.to_bytes(4)),
        changed(SECOND + 8, b"\0"),
        bytes(len(BODY)),
    ],
)
def test_a_body_that_is_not_is_told(body: bytes) -> None:
    assert not is_whole(body, PREFIXES)


def fill(world: "World") -> "tuple[Account, list[int]]":
    """Three segments for bob; their numbers."""
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    for text in (b"one", b"two", b"three"):
        sender.say(frames.submission(channel, text.ljust(16), text))
    return bob, [row.number for row in world.store.index()]


@pytest.fixture(params=["missing", "mangled", "unreadable"])
def damage(
    request: pytest.FixtureRequest, world: "World", monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    def damage(number: int) -> None:
        match request.param:
            case "missing":
                world.database.change("DELETE FROM segment WHERE number = ?", (number,))
            case "mangled":
                world.database.change("UPDATE segment SET body = zeroblob(23) WHERE number = ?", (number,))
            case "unreadable":
                read = SqliteMailboxes.read

                def fail(self: SqliteMailboxes, wanted: Stretch) -> bytes:
                    if segment_of(wanted.place) == number:
                        raise DamagedStorageError("malformed")
                    return read(self, wanted)

                monkeypatch.setattr(SqliteMailboxes, "read", fail)
        world.database.commit()

    return damage


def test_a_damaged_segment_is_in_nobodys_way_and_can_be_sent_again(
    world: "World", damage: Callable[[int], None]
) -> None:
    bob, numbers = fill(world)
    damage(numbers[1])
    owner = world.sign_in(bob)
    # He was told of three: so that he need not wait for one that never comes, he is told anew.
    assert owner.envelopes() == [b"one", b"three"]
    assert owner.closing
    owner.leave()
    assert world.board.counters.envelopes_damaged == 1
    again = world.connect()
    again.say(frames.submission(again.open(bob, repeat=True), b"two".ljust(16), b"two"))
    assert again.settled() == 1
    client = world.connect()
    assert client.ask(bob.authenticate(client.hello), messages.Welcome).waiting == 3
    assert client.envelopes() == [b"one", b"three", b"two"]
    client.acknowledge()
    assert list(world.store.index()) == []


def test_an_account_under_anothers_name_is_refused(
    make_world: "Callable[..., World]", tmp_path: Path
) -> None:
    path = tmp_path / "relay.db"
    path.touch()
    world = make_world(path=path)
    world.account("bob")
    world.database.change("UPDATE account SET name = 'eve'", ())
    world.database.commit()
    world.database.close()
    with pytest.raises(MalformedError):
        world.restart()
    world.database.close()


def row(number: int) -> SegmentRow:
    return SegmentRow(number, 1, DIRECTORY)


class Damaged(SqliteMailboxes):
    """Cannot append or drop some segments."""

    damaged: frozenset[int] = frozenset()
    broken = False

    def append(self, row: SegmentRow, body: bytes) -> None:
        super().append(row, body)
        if row.number in self.damaged:
            raise DamagedStorageError("malformed")

    def drop(self, number: int) -> None:
        super().drop(number)
        if number in self.damaged:
            raise DamagedStorageError("malformed")

    def commit(self) -> None:
        if self.broken:
            raise DamagedStorageError("malformed")
        super().commit()


@pytest.fixture
def mailboxes(tmp_path: Path) -> Iterator[Damaged]:
    path = tmp_path / "relay.db"
    path.touch()
    database = Database(path)
    yield Damaged(database)
    database.close()


def carry(mailboxes: Damaged, *requests: Request) -> list[bool]:
    """Which failed."""
    work = [Work(request, ignore) for request in requests]
    carry_out(work, mailboxes, Accounts(mailboxes._database))
    return [item.failed for item in work]


def test_who_meets_damage_fails_alone(mailboxes: Damaged) -> None:
    mailboxes.damaged = frozenset({1, 3})
    failed = carry(mailboxes, *(AppendSegment(row(number), b"body") for number in range(1, 5)))
    assert failed == [True, False, True, False]
    assert [each.number for each in mailboxes.index()] == [2, 4]


def test_tidying_up_gives_way_to_what_somebody_waits_for(mailboxes: Damaged) -> None:
    numbers = range(1, 21)
    carry(mailboxes, *(AppendSegment(row(number), b"body") for number in numbers))
    mailboxes.damaged = frozenset(numbers)
    drops = [Work(DropSegment(number), ignore) for number in numbers]
    append = Work(AppendSegment(row(30), b"body"), ignore)
    carry_out([*drops, append], mailboxes, Accounts(mailboxes._database))
    assert not append.failed
    assert all(each.failed for each in drops)
    # The others were not even tried.
    assert [each.damaged for each in drops] == [True] + [False] * (len(drops) - 1)
    assert [each.number for each in mailboxes.index()] == [*numbers, 30]


def test_too_much_damage_fails_all(mailboxes: Damaged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2echat.relay.storage._ATTEMPTS", 2)
    mailboxes.damaged = frozenset({1, 2})
    failed = carry(mailboxes, *(AppendSegment(row(number), b"body") for number in range(1, 4)))
    assert failed == [True, True, True]
    assert list(mailboxes.index()) == []


def test_damage_at_the_end_fails_all(mailboxes: Damaged) -> None:
    mailboxes.broken = True
    assert carry(mailboxes, AppendSegment(row(1), b"body"), AppendSegment(row(2), b"body")) == [True, True]
    assert list(mailboxes.index()) == []


@pytest.mark.parametrize(
    "values",
    [
        (1, 1, CODE[:-1], b""),
        (1, 1, CODE + b"\0", b""),
        (1, 1, b"", b""),
        (1, 1, b"\xff" * 4, b""),
        (1, 1, Directory([(b"m" * 16, 1, 1), (b"m" * 16, 0, 1)], (6, 6), bytes(16)).encode(), b""),
        (1, 1, Directory([(b"m" * 16, 0, 2), (b"m" * 16, 1, 1)], (6,) * 3, bytes(24)).encode(), b""),
        (1, 1, "text", b""),
        (1, 1, None, b""),
        (1, 1, CODE, "text"),
    ],
)
def test_what_was_never_written_is_not_taken(mailboxes: Damaged, values: tuple[object, ...]) -> None:
    change = mailboxes._database.change
    change("DROP TABLE segment", ())
    change("CREATE TABLE segment (number INTEGER PRIMARY KEY, created, directory, body)", ())
    change("INSERT INTO segment VALUES (?, ?, ?, ?)", values)
    with pytest.raises(DamagedStorageError):
        [mailboxes.read(Stretch(place_of(each.number, 0), 1)) for each in mailboxes.index()]


@pytest.mark.parametrize("values", [("text", 1), (bytes(16), 1.5)])
def test_a_mark_that_was_never_written_is_forgotten(mailboxes: Damaged, values: tuple[object, ...]) -> None:
    change = mailboxes._database.change
    change("DROP TABLE mark", ())
    change("CREATE TABLE mark (mailbox, place)", ())
    change("INSERT INTO mark VALUES (?, ?)", values)
    change("INSERT INTO mark VALUES (?, ?)", (b"m" * 16, 5))
    assert mailboxes.marks() == {b"m" * 16: 5}
    assert mailboxes._database.rows("SELECT place FROM mark") == [(5,)]


def test_segments_that_lead_back_to_each_other_end(
    mailboxes: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "rows", lambda *_: [(number, 1, CODE) for number in (1, 2, 1)])
    with pytest.raises(DamagedStorageError):
        list(mailboxes.index())


def test_a_failing_disk_is_not_taken_for_damage(mailboxes: Damaged) -> None:
    mailboxes._database.close()
    with pytest.raises(StorageError) as caught:
        mailboxes.read(Stretch(place_of(1, 0), 1))
    assert not isinstance(caught.value, DamagedStorageError)


def test_a_prekey_that_no_message_could_carry_is_none(mailboxes: Damaged) -> None:
    accounts, change = Accounts(mailboxes._database), mailboxes._database.change
    change("INSERT INTO one_time VALUES (?, 1, ?)", (bytes(16), bytes(63)))
    assert accounts.take(TakePrekey(bytes(16), 1)) is None
    values = ("name", *[bytes(64)] * 3, bytes(32), bytes(63))
    change("INSERT INTO account VALUES (zeroblob(16), ?, ?, ?, ?, ?, ?, x'')", values)
    with pytest.raises(DamagedStorageError):
        list(accounts.all())
