"""What can be told about a message long after it came."""

from datetime import timedelta

from e2echat.client.context import instant
from e2echat.client.events import Provenance
from e2echat.client.views import Views
from tests.world import Person, World


def _all(person: Person, name: str) -> list[Provenance]:
    return [Views(person.engine.context).provenance(row) for row in person.rows(name)]


def test_both_sides_tell_the_same_of_a_message(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "first")
    world.settle()
    bob.send("alice", "answer " + "x" * 2000)
    world.settle()
    alice.send("bob", "third")
    world.settle()
    ours, theirs = _all(alice, "bob"), _all(bob, "alice")
    assert [(one.session, one.turn, one.size) for one in ours] == [
        (one.session, one.turn, one.size) for one in theirs
    ]
    assert [one.turn for one in ours] == [0, 1, 2]
    assert [one.size for one in ours] == [4608, 3456, 2048]
    assert len({one.session for one in ours}) == 1
    assert [one.kem_epoch for one in ours] == [0, 0, 1]
    assert [one.kem_epoch for one in theirs] == [0, 0, 1]


def test_reduced_forward_secrecy_is_remembered_on_both_sides(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.meet("bob", world.last_resort(alice, "bob"))
    alice.send("bob", "first")
    world.settle()
    bob.send("alice", "answer")
    world.settle()
    for person, name in ((alice, "bob"), (bob, "alice")):
        assert [one.reduced_forward_secrecy for one in _all(person, name)] == [True, False]


def test_verification_is_told_of_what_came_after_it(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "before")
    world.settle()
    bob.verify("alice", alice)
    alice.send("bob", "after")
    world.settle()
    before, after = _all(bob, "alice")
    assert (before.verified, after.verified) == (False, True)
    assert after.verified_by == "number"
    assert after.verified_at is not None
    assert after.message.received_at is not None
    assert after.verified_at <= after.message.received_at


def test_what_is_not_sealed_yet_has_none(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.meet("bob")
    alice.records.sessions.delete("WHERE 1 = 1")
    bob.go_offline()
    alice.go_offline()
    alice.send("bob", "waiting")
    (one,) = _all(alice, "bob")
    assert (one.session, one.turn, one.kem_epoch, one.size) == (None, None, None, None)


def test_acknowledgements_have_their_moments(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    alice.send("bob", "waits")
    world.settle()
    stored = _all(alice, "bob")[0]
    assert stored.stored_at is not None
    assert timedelta() <= instant(world.now) - stored.stored_at < timedelta(seconds=1)
    assert (stored.delivered_at, stored.read_at) == (None, None)
    world.pass_time(5)
    bob.go_online()
    world.settle()
    bob.send("alice", "here I am")
    world.settle()
    delivered = _all(alice, "bob")[0]
    assert delivered.stored_at == stored.stored_at
    assert delivered.delivered_at is not None
    assert delivered.read_at is None
    assert delivered.delivered_at - stored.stored_at >= timedelta(seconds=5)
    for row in bob.rows("alice"):
        if not row.outgoing:
            bob.step(lambda row=row: bob.engine.arrivals.mark_shown(row.id))  # type: ignore[misc]
    world.pass_time(5)
    read = _all(alice, "bob")[0]
    assert read.read_at is not None
    assert (read.delivered_at, read.stored_at) == (delivered.delivered_at, delivered.stored_at)
