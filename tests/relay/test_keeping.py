"""What a relay keeps: segments over many mailboxes, marks, compaction, and what is left of them after a crash."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.relay.database import _TABLES, Database
from e2echat.relay.limits import Limits
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.segments import FROM_STRANGER, Stretch, place_of
from e2echat.wire import frames

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, Client, World

TEXTS = [b"%d" % number for number in range(5)]
FRAME = frames.CHANNEL_OVERHEAD + 1
"""Bytes of the frame of each."""


def test_what_comes_together_is_one_row_whoever_it_is_for(kept: "World", relay_world: "ModuleType") -> None:
    people = [kept.account(f"user-{number}") for number in range(20)]
    relay_world.together(kept, *((each, [each.name.encode()]) for each in people))
    assert len(list(kept.store.index())) == 1
    kept.crash()
    for each in people:
        owner = kept.sign_in(each)
        assert owner.envelopes() == [each.name.encode()]
        assert len(list(kept.store.index())) == 1
        owner.acknowledge()
    assert len(list(kept.store.index())) == 0


def test_a_segment_is_no_larger_than_it_may_be(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(segment_bytes=1_000))
    people = [world.account(f"user-{number}") for number in range(8)]
    relay_world.together(world, *((each, [bytes(300)]) for each in people))
    bodies = [row.directory.sizes for row in world.store.index()]
    assert [len(sizes) for sizes in bodies] == [3, 3, 2]


def test_a_share_is_no_larger_than_a_segment_may_be(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(segment_bytes=1_000))
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    world.storing = False
    for _ in range(8):
        sender.say(relay_world.submissions(channel, [bytes(300)]))
    world.storing = True
    world.turn()
    assert [len(row.directory.sizes) for row in world.store.index()] == [3, 3, 2]


def test_what_strangers_send_is_told_apart_within_one_batch(kept: "World", relay_world: "ModuleType") -> None:
    bob = kept.account("bob")
    contact, stranger = kept.connect(), kept.connect()
    token = stranger.knock("bob").knock
    channels = contact.open(bob), stranger.open(bob, capability=token)
    kept.storing = False
    for _ in range(2):
        for client, channel in zip((contact, stranger), channels, strict=True):
            client.say(relay_world.submissions(channel, [b"text"]))
    kept.storing = True
    kept.turn()
    (row,) = kept.store.index()
    assert [bool(size & FROM_STRANGER) for size in row.directory.sizes] == [False, True, False, True]


def test_a_segment_holds_no_more_envelopes_than_it_has_ordinals(
    kept: "World", relay_world: "ModuleType", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.relay.keeping.MOST_ENVELOPES", 3)
    bob, carol = kept.account("bob"), kept.account("carol")
    sender = kept.connect()
    to_bob, to_carol = sender.open(bob), sender.open(carol)
    kept.storing = False
    for channel in (to_bob, to_bob, to_carol, to_carol):
        sender.say(relay_world.submissions(channel, TEXTS[:2]))
    kept.storing = True
    kept.turn()
    assert [len(row.directory.sizes) for row in kept.store.index()] == [2] * 4
    assert kept.sign_in(bob).envelopes() == TEXTS[:2] * 2


@pytest.mark.parametrize("count", range(1, len(TEXTS)))
def test_a_crash_gives_again_what_was_not_acknowledged_and_nothing_else(
    kept: "World", relay_world: "ModuleType", count: int
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    relay_world.together(kept, (carol, [b"c"]), (bob, TEXTS), (carol, [b"d"]))
    kept.sign_in(bob).say(frames.acknowledge(count))
    kept.crash()
    assert kept.sign_in(bob).envelopes() == TEXTS[count:]
    assert kept.sign_in(carol).envelopes() == [b"c", b"d"]


@pytest.mark.parametrize("count", range(1, len(TEXTS) + 1))
def test_what_is_acknowledged_while_it_is_written_is_not_given_again(
    kept: "World", relay_world: "ModuleType", count: int
) -> None:
    bob = kept.account("bob")
    owner = kept.sign_in(bob)
    kept.storing = False
    sender = _together_while_not_storing(kept, relay_world, bob)
    kept.later(kept.limits.write_after)
    work = kept.take_batch()
    assert owner.envelopes() == TEXTS
    owner.say(frames.acknowledge(count))
    kept.finish(work)
    left = len(TEXTS) - count
    mailbox = kept.board._delivery.mailboxes[kept.mailboxes["bob"]]
    assert (mailbox.count, mailbox.size, mailbox.window) == (left, left * FRAME, left * FRAME)
    kept.storing = True
    kept.turn()
    assert sender.settled() == len(TEXTS)
    kept.crash()
    assert kept.sign_in(bob).envelopes() == TEXTS[count:]
    assert len(list(kept.store.index())) == (count < len(TEXTS))


def _together_while_not_storing(world: "World", relay_world: "ModuleType", account: "Account") -> "Client":
    sender = world.connect()
    channel = sender.open(account)
    sender.say(relay_world.submissions(channel, TEXTS))
    return sender


def test_what_is_durable_behind_what_failed_keeps_its_turn(kept: "World", relay_world: "ModuleType") -> None:
    bob = kept.account("bob")
    owner, sender = kept.sign_in(bob), kept.connect()
    channel = sender.open(bob)
    kept.storing = False
    for text, fail in ((b"failed", True), (b"durable", False)):
        sender.say(relay_world.submissions(channel, [text]))
        kept.now += kept.limits.write_after
        kept.board.tick(kept.now, kept.today)
        kept.store_batch(fail=fail)
    kept.storing = True
    assert owner.envelopes() == [b"failed", b"durable"]
    mailbox = kept.board._delivery.mailboxes[kept.mailboxes["bob"]]
    assert (mailbox.count, mailbox.outstanding) == (1, 2)
    owner.say(frames.acknowledge(1))
    assert (mailbox.count, mailbox.outstanding) == (1, 1)
    owner.say(frames.acknowledge(2))
    assert (mailbox.count, mailbox.size, mailbox.window) == (0, 0, 0)
    assert len(list(kept.store.index())) == 0


@pytest.mark.parametrize("compacted", [False, True])
def test_a_number_is_never_used_twice(kept: "World", relay_world: "ModuleType", *, compacted: bool) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    waiting = [(carol, [b"waits"])] if compacted else []
    relay_world.together(kept, *waiting, (bob, TEXTS))
    owner = kept.sign_in(bob)
    owner.envelopes()
    owner.acknowledge()
    kept.crash()
    # A mark of the segment that is gone must not count for the next.
    relay_world.together(kept, (bob, [b"new"]))
    kept.crash()
    assert kept.sign_in(bob).envelopes() == [b"new"]


def test_expiry_is_each_mailboxs_own(kept: "World", relay_world: "ModuleType") -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    relay_world.together(kept, (bob, [b"old"]), (carol, [b"old"]))
    owner = kept.sign_in(bob)
    assert owner.envelopes() == [b"old"]
    kept.later(kept.limits.retention)
    # He has it in hand, and she has not.
    assert kept.sign_in(carol).envelopes() == []
    owner.leave()
    assert kept.sign_in(bob).envelopes() == [b"old"]


def test_what_is_being_read_does_not_expire(kept: "World", relay_world: "ModuleType") -> None:
    bob = kept.account("bob")
    relay_world.together(kept, (bob, TEXTS))
    kept.storing = False
    owner = kept.sign_in(bob)
    kept.board.tick(kept.now, kept.today + kept.limits.retention)
    kept.board._delivery.expire()
    kept.storing = True
    kept.turn()
    assert owner.envelopes() == TEXTS
    assert not owner.closing


def test_a_stored_frame_larger_than_the_window_still_arrives(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(window_bytes=1000))
    bob = world.account("bob")
    relay_world.together(world, (bob, [bytes(5000), b"next"]))
    owner = world.sign_in(bob)
    assert owner.envelopes() == [bytes(5000)]
    owner.acknowledge()
    assert owner.envelopes() == [b"next"]


def test_what_nobody_owns_goes_at_the_start(kept: "World", relay_world: "ModuleType") -> None:
    relay_world.together(kept, (kept.account("bob"), TEXTS))
    kept.database.change("DELETE FROM account", ())
    kept.database.commit()
    kept.crash()
    assert len(list(kept.store.index())) == 0


def test_what_strangers_sent_counts_as_theirs_after_a_restart(
    make_world: "Callable[..., World]", relay_world: "ModuleType", tmp_path: Path
) -> None:
    path = tmp_path / "relay.db"
    path.touch()
    world = make_world(Limits(work_bits=4, stranger_envelopes=2), path)
    bob = world.account("bob")

    def knock(count: int) -> int:
        sender = world.connect()
        token = sender.knock("bob").knock
        sender.say(relay_world.submissions(sender.open(bob, capability=token), TEXTS[:count]))
        return sum(tag == frames.Tag.REFUSED for tag, _ in sender.hear())

    assert knock(2) == 0
    assert all(size & FROM_STRANGER for row in world.store.index() for size in row.directory.sizes)
    world.crash()
    assert knock(1) == 1
    owner = world.sign_in(bob)
    assert owner.envelopes() == TEXTS[:2]
    owner.acknowledge()
    assert knock(1) == 0


def test_a_database_of_before_is_brought_up(tmp_path: Path, relay_world: "ModuleType") -> None:
    path = tmp_path / "relay.db"
    path.touch()
    database = Database(path)
    database._connection.executescript("DROP TABLE segment; DROP TABLE mark;" + _SEGMENT)
    body = relay_world.submissions(300, TEXTS)
    ids = b"".join(frame[8:24] for frame in _cut(body))
    for number, mailbox, done, data in (
        (3, b"b" * 16, 2, body),
        (4, b"c" * 16, 0, body),
        (9, b"d" * 16, 0, bytes(3)),
    ):
        database.change(
            "INSERT INTO segment VALUES (?, ?, 17, ?, ?, ?, ?)", (number, mailbox, ids, len(data), done, data)
        )
    database.change("PRAGMA user_version = 3", ())
    database.commit()
    database.close()
    database = Database(path)
    store = SqliteMailboxes(database)
    rows = list(store.index())
    assert [(row.number, row.created, row.directory.portions) for row in rows] == [
        (3, 17, ((b"b" * 16, 0, 3),)),
        (4, 17, ((b"c" * 16, 0, 5),)),
        (9, 17, ()),
    ]
    assert store.read(Stretch(place_of(3, 0), 3)) == b"".join(_cut(body)[2:])
    assert store.read(Stretch(place_of(4, 1), 2)) == b"".join(_cut(body)[1:3])
    assert rows[0].directory.prefixes == b"".join(frame[8:16] for frame in _cut(body)[2:])
    database.close()


_SEGMENT = _TABLES[0][_TABLES[0].index("CREATE TABLE segment") :]


def _cut(body: bytes) -> list[bytes]:
    size = len(body) // len(TEXTS)
    return [body[start : start + size] for start in range(0, len(body), size)]
