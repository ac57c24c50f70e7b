"""Sessions that go unanswered, that get lost, and what proves that the other end is who it was."""

from dataclasses import replace

from e2echat.client.events import MessageState, Restarted
from e2echat.client.sessions import MAX_SESSIONS
from tests.world import Person, World

HOUR = 3600


def _acquainted(world: World) -> tuple[Person, Person]:
    """Two people who have written to each other."""
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "hello")
    world.settle()
    bob.send("alice", "hi")
    world.settle()
    return alice, bob


def _forget_sessions(person: Person, *, proof: bool) -> None:
    """What a copy restored from a backup lacks: sessions, and with ``proof`` false the authenticators too."""
    with person.records.transaction():
        person.records.sessions.delete("WHERE 1 = 1")
        if not proof:
            for row in person.records.contacts.select():
                person.records.contacts.save(replace(row, authenticator=None, previous_authenticator=None))


def _restarted(person: Person) -> int:
    return sum(isinstance(event, Restarted) for event in person.events)


def test_what_a_lost_session_swallowed_comes_in_the_next_one(world: World) -> None:
    alice, bob = _acquainted(world)
    _forget_sessions(bob, proof=True)
    swallowed = alice.send("bob", "swallowed")
    world.settle()
    assert bob.heard("alice") == ["hello"]
    assert alice.state(swallowed) is MessageState.STORED
    bob.send("alice", "are you there?")
    world.settle()
    assert bob.heard("alice") == ["hello", "swallowed"]
    assert alice.heard("bob") == ["hi", "are you there?"]
    assert alice.state(swallowed) is MessageState.DELIVERED
    assert _restarted(alice) == _restarted(bob) == 0


def test_a_session_without_proof_is_shown(world: World) -> None:
    alice, bob = _acquainted(world)
    _forget_sessions(bob, proof=False)
    bob.send("alice", "it is me, really")
    world.settle()
    assert alice.heard("bob") == ["hi", "it is me, really"]
    assert _restarted(alice) == 1


def test_an_answer_without_proof_is_shown(world: World) -> None:
    alice, bob = _acquainted(world)
    _forget_sessions(alice, proof=True)
    _forget_sessions(bob, proof=False)
    bob.step(lambda: None)
    alice.send("bob", "are you who you were?")
    world.settle()
    bob.send("alice", "certainly")
    world.settle()
    assert alice.heard("bob") == ["hi", "certainly"]
    assert _restarted(alice) == 1


def test_an_answer_with_proof_is_not(world: World) -> None:
    alice, bob = _acquainted(world)
    _forget_sessions(alice, proof=True)
    alice.send("bob", "are you who you were?")
    world.settle()
    bob.send("alice", "certainly")
    world.settle()
    assert alice.heard("bob") == ["hi", "certainly"]
    assert _restarted(alice) == _restarted(bob) == 0


def test_an_unanswered_session_is_followed_by_another_and_nothing_is_shown_twice(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    message = alice.send("bob", "hello stranger")
    world.settle()
    world.pass_time(8 * HOUR, step=600)
    sessions = alice.records.sessions_of(alice.contact("bob").id)
    assert len(sessions) == 4  # after one, two and four hours
    assert bob.heard("alice") == ["hello stranger"]
    assert _restarted(bob) == 0
    bob.accept("alice")
    world.settle()
    assert alice.state(message) is MessageState.DELIVERED
    assert len(bob.records.sessions_of(bob.contact("alice").id)) <= MAX_SESSIONS


def test_an_answered_session_is_not(world: World) -> None:
    alice, bob = _acquainted(world)
    bob.go_offline()
    alice.send("bob", "later")
    world.pass_time(8 * HOUR, step=600)
    assert len(alice.records.sessions_of(alice.contact("bob").id)) == 1
    bob.go_online()
    world.settle()
    assert bob.heard("alice") == ["hello", "later"]


def test_a_session_that_was_read_is_read_again_when_its_row_is_another(world: World) -> None:
    alice, _ = _acquainted(world)
    sessions = alice.engine.sessions
    (row,) = alice.records.sessions_of(alice.contact("bob").id)
    before = sessions.read(row)
    assert sessions.read(row) is before
    after, _ = before.encrypt(b"text", world.now // 1000, world.randomness)
    assert sessions.read(replace(row, state=after.to_bytes())) == after
    assert sessions.read(row) == before
