"""A relay that starts with a database in which something has rotted: it costs what it was about, and nobody else."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import DamagedStorageError
from e2echat.relay.database import _TABLES, Database
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.segments import EVERYWHERE, LAST_NUMBER, MOST_ENVELOPES, Directory, Stretch, place_of
from e2echat.wire.relay_messages import AskPuzzle, Fetch, Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, World

NEWEST = "number = (SELECT max(number) FROM segment)"


def _fill(world: "World", relay_world: "ModuleType") -> "tuple[Account, Account]":
    """Three segments, each with an envelope for bob and one for carol."""
    bob, carol = world.account("bob"), world.account("carol")
    for number in range(3):
        relay_world.together(world, (bob, [b"%d" % number]), (carol, [b"%d" % number]))
    return bob, carol


def _rot(world: "World", change: str, *values: object) -> None:
    world.database.change(change, values)
    world.database.commit()
    world.crash()


@pytest.mark.parametrize("created", [0, -1, 626258176, 1 << 40])
def test_a_wrong_time_of_arrival_takes_no_older_mail_with_it(
    kept: "World", relay_world: "ModuleType", created: int
) -> None:
    bob, carol = _fill(kept, relay_world)
    _rot(kept, f"UPDATE segment SET created = ? WHERE {NEWEST}", created)
    kept.later(kept.limits.expiry_every)
    for person in (bob, carol):
        assert kept.sign_in(person).envelopes()[:2] == [b"0", b"1"]


def test_a_time_to_come_ends_as_others_do(kept: "World", relay_world: "ModuleType") -> None:
    bob, _ = _fill(kept, relay_world)
    _rot(kept, "UPDATE segment SET created = ? WHERE number = 1", 1 << 40)
    kept.later(kept.limits.retention)
    assert kept.sign_in(bob).envelopes() == []


@pytest.mark.parametrize("place", [-1, EVERYWHERE - 1, 1 << 62, place_of(LAST_NUMBER + 1, 0)])
@pytest.mark.parametrize("removed", [False, True])
def test_a_mark_that_cannot_be_is_forgotten(
    kept: "World", relay_world: "ModuleType", *, place: int, removed: bool
) -> None:
    bob, carol = _fill(kept, relay_world)
    marked = bytes(16) if removed else kept.mailboxes["bob"]
    _rot(kept, "INSERT INTO mark VALUES (?, ?)", marked, place)
    assert kept.store.marks() == {}
    relay_world.together(kept, (carol, [b"new"]))
    kept.crash()
    assert kept.sign_in(bob).envelopes() == [b"0", b"1", b"2"]
    owner = kept.sign_in(carol)
    assert owner.envelopes() == [b"0", b"1", b"2", b"new"]
    owner.acknowledge()
    kept.later(kept.limits.expiry_every)
    assert kept.sign_in(bob).envelopes() == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    "change",
    [
        "directory = x'00'",
        "directory = x''",
        "directory = zeroblob(8)",
        "number = 1 << 50",
        "number = (1 << 46)",
    ],
)
def test_a_segment_that_makes_no_sense_is_in_nobodys_way(
    kept: "World", relay_world: "ModuleType", change: str
) -> None:
    bob, carol = _fill(kept, relay_world)
    _rot(kept, f"UPDATE segment SET {change} WHERE {NEWEST}")
    assert relay_world.together(kept, (bob, [b"new"])).settled() == 1
    kept.crash()
    assert kept.sign_in(bob).envelopes() == [b"0", b"1", b"new"]
    owner = kept.sign_in(carol)
    assert owner.envelopes() == [b"0", b"1"]
    owner.acknowledge()
    assert not owner.closing


def test_a_bad_byte_costs_one_envelope(kept: "World", relay_world: "ModuleType") -> None:
    bob = kept.account("bob")
    texts = [b"%03d" % number for number in range(100)]
    relay_world.together(kept, (bob, texts))
    ((body,),) = kept.database.rows("SELECT body FROM segment")
    at = body.index(texts[40]) - 10
    changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    _rot(kept, "UPDATE segment SET body = ?", changed)
    owner = kept.sign_in(bob)
    assert owner.envelopes() == texts[:40] + texts[41:]
    assert owner.closing
    assert kept.board.counters.envelopes_damaged == 1


def test_what_is_damaged_marks_nothing_before_it(kept: "World", relay_world: "ModuleType") -> None:
    bob, _ = _fill(kept, relay_world)
    _rot(kept, "UPDATE segment SET body = zeroblob(5) WHERE number = 2")
    owner = kept.sign_in(bob)
    assert owner.envelopes() == [b"0", b"2"]
    kept.crash()
    # He had them and did not acknowledge.
    assert kept.sign_in(bob).envelopes() == [b"0", b"2"]


def test_ordinals_end() -> None:
    last = Directory([(bytes(16), MOST_ENVELOPES - 1, 1)], (6,), bytes(8))
    assert Directory.decode(last.encode()).portions == tuple(last.portions)
    with pytest.raises(DamagedStorageError):
        Directory.decode(Directory([(bytes(16), MOST_ENVELOPES, 1)], (6,), bytes(8)).encode())


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "damage",
    [
        *("name = 'eve'", "identity = zeroblob(200)", "device = zeroblob(200)", "claim = zeroblob(200)"),
        *("mailbox = x''", "mailbox = zeroblob(15)", "mailbox = zeroblob(17)"),
    ],
)
def test_damage_to_an_account_is_in_nobody_elses_way(kept: "World", damage: str, which: int) -> None:
    people = sorted(
        (kept.account(name) for name in ("alice", "bob")), key=lambda each: kept.mailboxes[each.name]
    )
    hit, well = people[which], people[1 - which]
    _rot(kept, f"UPDATE account SET {damage} WHERE mailbox = ?", kept.mailboxes[hit.name])
    kept.sign_in(well)
    other = replace(hit, name="eve") if "eve" in damage else hit
    client = kept.connect()
    assert client.refused(other.authenticate(client.hello)) == Refusal.STORAGE
    assert kept.connect().refused(other.claim()) == Refusal.STORAGE
    assert kept.connect().refused(AskPuzzle(3, other.name)) == Refusal.STORAGE
    assert (
        kept.connect().refused(Fetch(4, other.name, prekeys=True, capability=hit.capability))
        == Refusal.STORAGE
    )


_OLD = _TABLES[0][_TABLES[0].index("CREATE TABLE segment") :]


@pytest.mark.parametrize(
    ("done", "cut", "left"),
    [(0, 0, 5), (2, 0, 3), (0, 20, 4), (2, 20, 2), (0, -1, 4), (4, 20, 0), (5, 0, 0), (9, 0, 0)],
)
def test_an_older_database_is_brought_up_with_what_is_whole_of_it(
    tmp_path: Path, relay_world: "ModuleType", done: int, cut: int, left: int
) -> None:
    """``cut`` bytes are missing at the end, or the last frame's size is wrong."""
    path = tmp_path / "relay.db"
    path.touch()
    database = Database(path)
    database._connection.executescript("DROP TABLE segment; DROP TABLE mark;" + _OLD)
    frames = [relay_world.submissions(300, [b"%d" % number]) for number in range(5)]
    body = b"".join(frames)
    body = body[:-cut] if cut > 0 else body
    if cut < 0:
        body = b"".join(frames[:4]) + b"\xff" * 4 + frames[4][4:]
    database.change("INSERT INTO segment VALUES (1, ?, 17, x'', ?, ?, ?)", (bytes(16), len(body), done, body))
    database.change("PRAGMA user_version = 3", ())
    database.commit()
    database.close()
    database = Database(path)
    store = SqliteMailboxes(database)
    (row,) = store.index()
    assert len(row.directory.sizes) == left
    if left:
        assert store.read(Stretch(place_of(1, 0), left)) == b"".join(frames[done : done + left])
    database.close()
