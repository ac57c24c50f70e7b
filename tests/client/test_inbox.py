"""Taking envelopes in: whose they may be, and what a first message may claim."""

import pytest

from e2echat.client.engine import MAILBOX
from e2echat.client.events import KeyChanged, MessageState, NewStranger, Restarted
from e2echat.client.sessions import MAX_SESSIONS
from e2echat.crypto.prekeys import CLOCK_SKEW
from tests.world import Frame, Person, World


def _rows(person: Person) -> tuple[int, ...]:
    records = person.records
    tables = (records.contacts, records.sessions, records.messages, records.streams, records.held)
    return tuple(table.count() for table in tables)


def _age(person: Person, seconds: int) -> None:
    """The person's next session has a generation that many seconds from now."""
    (contact,) = person.records.contacts.select()
    generation = person.world.now // 1000 + seconds - 1
    person.records.contacts.update("generation = ? WHERE id = ?", generation, contact.id)


def _open_anew(person: Person, name: str, seconds: int) -> None:
    """Forget the sessions with somebody and open one with another generation."""
    person.records.sessions.delete("")
    _age(person, seconds)
    person.send(name, "anew")
    person.world.pass_time(15, 5)


@pytest.fixture(name="clock_ahead")
def _clock_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer who does not hold back a generation of the future."""
    monkeypatch.setattr("e2echat.client.sessions.CLOCK_SKEW", 1 << 64)


@pytest.mark.parametrize(
    ("seconds", "texts"), [(CLOCK_SKEW - 60, 1), (CLOCK_SKEW + 60, 0), ((1 << 63) - (1 << 40), 0)]
)
@pytest.mark.usefixtures("clock_ahead")
def test_a_generation_from_the_future_is_not_taken(world: World, seconds: int, texts: int) -> None:
    alice, bob = world.introduce()
    _open_anew(alice, "bob", seconds)
    assert bob.heard("alice") == ["hello", "anew"][: 1 + texts]
    assert bob.contact("alice").generation < 1 << 40
    assert bob.drops == []


@pytest.mark.usefixtures("clock_ahead")
def test_a_first_message_held_for_the_future_is_taken_in_time(world: World) -> None:
    alice, bob = world.introduce()
    _open_anew(alice, "bob", CLOCK_SKEW + 7200)
    assert bob.heard("alice") == ["hello"]
    world.pass_time(4 * 3600, 600)
    assert bob.heard("alice") == ["hello", "anew"]


def test_garbage_changes_nothing(world: World) -> None:
    _, bob = world.introduce()
    before = _rows(bob)
    for garbage in (b"", b"\0", b"\1" + bytes(2047), b"\2" + bytes(4607), bytes(61_440)):
        bob.step(lambda garbage=garbage: bob.engine.inbox.take(garbage))  # type: ignore[misc]
    assert _rows(bob) == before
    assert bob.drops == []


def test_our_own_name_is_not_somebody_elses(world: World) -> None:
    bob, mallory = world.join("bob", "mallory")
    mallory.pose_as("bob")
    before = _rows(bob)
    bundle = mallory.look_up("bob")
    mallory.step(lambda: mallory.engine.introductions.meet(str(world.address), bundle))
    mallory.send("bob", "I am you")
    world.pass_time(15, 5)
    assert _rows(bob) == before


def test_who_restarts_without_proof_is_told(world: World) -> None:
    alice, bob = world.introduce()
    alice.records.contacts.update("authenticator = NULL, previous_authenticator = NULL")
    _open_anew(alice, "bob", 5)
    assert Restarted("alice") in bob.events
    assert bob.heard("alice") == ["hello", "anew"]


def test_who_restarts_with_proof_is_not(world: World) -> None:
    alice, bob = world.introduce()
    _open_anew(alice, "bob", 5)
    assert not any(isinstance(event, Restarted) for event in bob.events)
    assert bob.heard("alice") == ["hello", "anew"]


def test_sessions_with_one_device_are_few(world: World) -> None:
    alice, bob = world.introduce()
    for number in range(MAX_SESSIONS + 2):
        _open_anew(alice, "bob", 5 + number)
    assert len(bob.records.sessions_of(bob.contact("alice").id)) == MAX_SESSIONS
    assert bob.heard("alice") == ["hello"] + ["anew"] * (MAX_SESSIONS + 2)
    answer = bob.send("alice", "still here")
    world.settle()
    assert alice.heard("bob")[-1] == "still here"
    assert bob.state(answer) is MessageState.DELIVERED


def test_nothing_is_shown_of_whom_we_blocked(world: World) -> None:
    alice, bob = world.introduce()
    bob.records.contacts.update("standing = 'blocked'")
    message = alice.send("bob", "more")
    world.pass_time(15, 5)
    assert bob.heard("alice") == ["hello"]
    assert alice.state(message) is MessageState.STORED
    assert bob.pipes[MAILBOX]


class TestNames:
    """A first message claims a name; it is for the name's relay to say whose it is."""

    def test_a_stranger_cannot_make_a_contacts_key_look_changed(self, world: World) -> None:
        alice, bob = world.introduce()
        (mallory,) = world.join("mallory")
        mallory.pose_as("bob")
        mallory.send("alice", "it is me, bob")
        world.pass_time(15, 5)
        assert alice.heard("bob") == ["hi"]
        assert not alice.contact("bob").key_changed
        question = (str(world.address), "bob", False, False)
        assert question not in alice.engine.inquiries._asked
        message = alice.send("bob", "still to bob")
        world.pass_time(15, 5)
        assert question in alice.engine.inquiries._asked
        assert alice.state(message) is MessageState.DELIVERED
        assert bob.heard("alice") == ["hello", "still to bob"]
        assert not any(isinstance(event, KeyChanged) for event in alice.events)

    def test_whose_relay_confirms_it_is_a_changed_key(self, world: World) -> None:
        alice, bob = world.introduce()
        another = world.usurp(bob)
        another.send("alice", "new key")
        alice.send("bob", "whom does it reach?")
        world.pass_time(25, 1)
        assert KeyChanged("bob", verified=False) in alice.events
        assert alice.heard("bob") == ["hi", "new key"]
        assert another.heard("alice") == []

    def test_what_one_writes_goes_to_whose_name_it_is(self, world: World) -> None:
        alice, carol, mallory = world.join("alice", "carol", "mallory")
        mallory.pose_as("carol")
        mallory.send("alice", "it is me, carol")
        world.settle()
        assert NewStranger("carol") in alice.events
        message = alice.send("carol", "secret")
        world.pass_time(15, 5)
        assert alice.contact("carol").key_changed
        assert alice.state(message) is MessageState.QUEUED
        assert mallory.records.messages.count("WHERE outgoing = 0") == 0
        alice.accept("carol")
        world.pass_time(15, 5)
        assert carol.heard("alice") == ["secret"]
        assert mallory.records.messages.count("WHERE outgoing = 0") == 0

    def test_a_stranger_of_an_unknown_name_gets_no_answer(self, world: World) -> None:
        alice, mallory = world.join("alice", "mallory")
        mallory.pose_as("nobody")
        mallory.send("alice", "hello")
        world.settle()
        message = alice.send("nobody", "who are you?")
        world.pass_time(15, 5)
        assert alice.state(message) is MessageState.QUEUED


def test_a_repeated_envelope_is_receipted_again(world: World) -> None:
    """The first receipt may have been lost with the relay's disk."""
    alice, bob = world.introduce()
    bodies: list[bytes] = []

    def record(person: Person, _: str, frames: list[Frame]) -> list[Frame]:
        if person is bob:
            bodies.extend(body for _, body in frames)
            return frames
        return []  # no receipt comes through

    world.tamper = record
    message = alice.send("bob", "text")
    world.settle()
    world.tamper = None
    alice.cut(MAILBOX)
    assert alice.state(message) is MessageState.STORED
    assert bob.contact("alice").receipt_due is None
    bob.step(lambda: bob.engine.inbox.take(bodies[0][16:]))
    assert bob.contact("alice").receipt_due is not None


def test_an_old_devices_session_does_not_stand_for_the_contact(world: World) -> None:
    alice, bob = world.introduce()
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(2)
    alice.accept("bob")
    world.pass_time(5)
    alice.send("bob", "to the new one")
    world.pass_time(5)
    before = alice.contact("bob").authenticator
    bob.step(lambda: bob.engine.add_text(bob.contact("alice"), "from the old one"))
    (row,) = bob.records.outbox_of(bob.contact("alice").id, world.now, 9)
    alice.step(lambda: alice.engine.inbox.take(row.envelope))
    assert alice.heard("bob")[-1] == "from the old one"
    assert alice.contact("bob").authenticator == before


def test_a_session_without_proof_stands_for_nothing_before_it_is_answered(world: World) -> None:
    alice, bob = world.introduce()
    alice.records.contacts.update("authenticator = NULL, previous_authenticator = NULL")
    before = bob.contact("alice").authenticator
    bob.records.contacts.update("standing = 'stranger'")  # he does not answer
    _open_anew(alice, "bob", 5)
    alice.send("bob", "and more")
    world.settle()
    assert bob.heard("alice") == ["hello", "anew", "and more"]
    assert bob.contact("alice").authenticator == before


def test_changed_keys_do_not_raise_the_generation(world: World) -> None:
    alice, bob = world.introduce()
    before = alice.contact("bob").generation
    world.reinstall(bob).send("alice", "a new telephone")
    world.pass_time(2)
    assert alice.contact("bob").key_changed
    assert alice.contact("bob").generation == before
