"""What is edited or deleted before it begins to leave never leaves as it was, and nothing else is lost, doubled or out of order."""

from collections.abc import Callable
from random import Random

import pytest

from e2echat.client import unsent
from e2echat.client.arrivals import Arrivals
from e2echat.client.engine import MAILBOX
from e2echat.client.events import Gap, MessageDeleted, MessageEdited, MessageState
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.crypto import payloads
from e2echat.crypto.payloads import Numbered, payload_hash
from e2echat.crypto.session import Opened, Session
from e2echat.errors import LocalError
from e2echat.store.rows import ContactRow, MessageRow
from tests.world import Person, World


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    return world.introduce()


def _row(person: Person, message_id: bytes) -> MessageRow:
    row = person.records.outgoing_message(message_id)
    assert row is not None
    return row


def _delete(person: Person, message_id: bytes) -> bytes:
    return person.step(lambda: person.engine.writing.delete(_row(person, message_id)))


def _edit(person: Person, message_id: bytes, text: str) -> bytes:
    return person.step(lambda: person.engine.writing.edit(_row(person, message_id), text))


def _waiting(person: Person, peer: str) -> list[Numbered]:
    found = [
        payloads.decode(row.payload or b"")
        for row in person.records.unsettled_messages(person.contact(peer).id)
    ]
    return [payload for payload in found if isinstance(payload, Numbered)]


def _is_chained(person: Person, peer: str) -> bool:
    """Whether what waits names what comes before it, and the numbering goes on behind it."""
    rows = person.records.unsettled_messages(person.contact(peer).id)
    said = _waiting(person, peer)
    hashes = [payload_hash(row.payload or b"") for row in rows]
    line = person.records.numbering(person.contact(peer).id, rows[-1].device_hash or b"")
    return (
        [payload.prev for payload in said[1:]] == hashes[:-1]
        and line.previous_hash == hashes[-1]
        and [payload.seq for payload in said] == [row.seq for row in rows]
        and line.sequence == rows[-1].seq
    )


def _gaps(person: Person) -> list[Gap]:
    return [event for event in person.events if isinstance(event, Gap)]


def _raw(person: Person) -> bytes:
    """Everything that the database holds, decrypted."""
    found = b""
    for (table,) in person.records._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in person.records._database.execute(f"SELECT * FROM {table}"):
            found += b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    return found


def _spy(person: Person, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every plaintext that somebody opens from here on."""
    opened: list[bytes] = []
    take = Arrivals.take

    def taken(arrivals: Arrivals, contact: ContactRow, session: Session, one: Opened) -> None:
        if arrivals.context.own.name == person.name:
            opened.append(one.plaintext)
        take(arrivals, contact, session, one)

    monkeypatch.setattr(Arrivals, "take", taken)
    return opened


@pytest.fixture(name="seen")
def _seen(people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every plaintext that Bob opened."""
    return _spy(people[1], monkeypatch)


def test_a_message_deleted_before_it_left_never_leaves(
    people: tuple[Person, Person], seen: list[bytes]
) -> None:
    alice, bob = people
    alice.go_offline()
    first, secret, last = (alice.send("bob", text) for text in ("one", "a secret", "three"))
    before = _row(alice, secret)
    assert before.sid is not None
    change = _delete(alice, secret)
    assert b"a secret" not in _raw(alice)
    assert _is_chained(alice, "bob")
    assert [(payload.seq, payload.id) for payload in _waiting(alice, "bob")] == [
        (before.seq - 1, first),
        (before.seq, change),
        (before.seq + 1, last),
    ]
    alice.go_online()
    alice.world.settle()
    assert bob.heard("alice") == ["hello", "one", "three"]
    assert not any(b"a secret" in each for each in seen)
    assert _gaps(bob) == []
    assert {alice.state(each) for each in (first, change, last)} <= {
        MessageState.DELIVERED,
        MessageState.READ,
    }


def test_it_is_shown_as_deleted_and_never_as_sent(people: tuple[Person, Person]) -> None:
    alice, _ = people
    alice.go_offline()
    secret = alice.send("bob", "a secret")
    _delete(alice, secret)
    alice.go_online()
    alice.world.settle()
    row = _row(alice, secret)
    assert (row.deleted, row.text, row.payload, row.state) == (True, "", None, "queued")
    assert (row.sid, row.chain, row.kem_epoch, row.size, row.reduced) == (None, None, None, None, False)
    assert (row.stored_at, row.delivered_at, row.read_at) == (None, None, None)
    assert alice.records.unsettled_messages(row.contact) == []
    assert alice.records.contacts_with_unsealed() == []
    assert len([event for event in alice.events if isinstance(event, MessageDeleted)]) == 1
    with pytest.raises(LocalError):
        _delete(alice, secret)


def test_its_place_goes_like_any_other(people: tuple[Person, Person]) -> None:
    alice, _ = people
    contact = alice.contact("bob")
    alice.step(lambda: alice.engine.writing.set_timer(contact, 60))
    alice.go_offline()
    secret = alice.send("bob", "a secret")
    _delete(alice, secret)
    alice.world.pass_time(120, step=10)
    assert alice.records.outgoing_message(secret) is None


def test_before_there_is_a_session(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.meet("bob")
    alice.go_offline()
    alice.records.sessions.delete("WHERE 1")
    secret = alice.send("bob", "a secret")
    assert _row(alice, secret).sid is None
    _delete(alice, secret)
    alice.send("bob", "hello")
    alice.go_online()
    world.pass_time(30)
    assert bob.heard("alice") == ["hello"]


@pytest.mark.parametrize("what", ["it", "a later one"])
def test_once_anything_from_there_on_began_to_leave_it_is_asked_for(
    people: tuple[Person, Person], seen: list[bytes], what: str
) -> None:
    alice, bob = people
    alice.go_offline()
    sent = alice.send("bob", "not so secret")
    if what == "a later one":
        # It never happens by itself: what is submitted goes in order.
        later = _row(alice, alice.send("bob", "later"))
        alice.records.numberings.update("submitted = ?", later.seq)
    else:
        alice.go_online()
        alice.world.turn()
        alice.world.turn()
        alice.go_offline()
        assert (
            alice.records._outbox.count("WHERE attempts > 0") or alice.state(sent) is not MessageState.QUEUED
        )
    _delete(alice, sent)
    alice.go_online()
    alice.world.settle()
    assert any(b"not so secret" in each for each in seen)
    assert "not so secret" not in bob.heard("alice")


def test_what_left_in_a_session_that_was_given_up_counts_as_left(people: tuple[Person, Person]) -> None:
    """Sealed anew, its envelope was never submitted; its text was."""
    alice, _ = people
    alice.lose_effects = True
    sent = alice.send("bob", "lost on the way")
    alice.lose_effects = False
    alice.crash()
    alice.online = False
    alice.step(lambda: alice.records.unseal(alice.contact("bob").id))
    (entry,) = alice.records._outbox.select()
    assert entry.attempts == 0
    _delete(alice, sent)
    assert [type(payload).KIND for payload in _waiting(alice, "bob")] == ["text", "delete"]


def test_what_left_towards_another_device_counts_as_left(world: World) -> None:
    alice, bob = world.introduce()
    bob.go_offline()
    sent = alice.send("bob", "to the former device")
    world.run()
    assert alice.state(sent) is MessageState.STORED
    bob = world.reinstall(bob)
    bob.send("alice", "I have a new device")
    world.pass_time(10)
    assert alice.contact("bob").key_changed
    held = alice.send("bob", "held")
    alice.go_offline()
    alice.step(lambda: alice.engine.trust.accept(alice.contact("bob")))
    for each in (sent, held):
        _delete(alice, each)
    kinds = [type(payload).KIND for payload in _waiting(alice, "bob")]
    assert sorted(kind for kind in kinds if kind != "route") == ["delete", "delete", "text"]
    assert b"held" not in _raw(alice)
    assert _is_chained(alice, "bob")


def test_an_edit_before_it_left_takes_the_first_text_with_it(
    people: tuple[Person, Person], seen: list[bytes]
) -> None:
    alice, bob = people
    alice.go_offline()
    sent = alice.send("bob", "first draft")
    _edit(alice, sent, "second draft")
    _edit(alice, sent, "final")
    assert b"draft" not in _raw(alice)
    alice.go_online()
    alice.world.settle()
    assert bob.heard("alice") == ["hello", "final"]
    assert not any(b"draft" in each for each in seen)
    assert len([event for event in alice.events if isinstance(event, MessageEdited)]) == 2
    assert bob.rows("alice")[-1].edited_at == alice.rows("bob")[-1].edited_at


def test_an_edit_that_did_not_leave_goes_with_the_message(
    people: tuple[Person, Person], seen: list[bytes]
) -> None:
    alice, bob = people
    sent = alice.send("bob", "known")
    alice.world.settle()
    alice.go_offline()
    _edit(alice, sent, "a secret")
    _delete(alice, sent)
    assert b"a secret" not in _raw(alice)
    alice.go_online()
    alice.world.settle()
    assert not any(b"a secret" in each for each in seen)
    assert (bob.rows("alice")[-1].deleted, bob.rows("alice")[-1].text) == (True, "")


def test_while_nothing_may_be_said_to_him(people: tuple[Person, Person]) -> None:
    alice, _ = people
    alice.go_offline()
    secret = alice.send("bob", "a secret")
    alice.step(lambda: alice.engine.trust.block(alice.contact("bob")))
    _delete(alice, secret)
    assert b"a secret" not in _raw(alice)


def test_keys_that_are_skipped_are_bounded(
    people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsent, "MOST_SEALED", 8)
    alice, bob = people
    alice.go_offline()
    sent = [alice.send("bob", str(number)) for number in range(8)]
    for each in sent[:-1]:
        _delete(alice, each)
    best = alice.engine.sessions.best(alice.contact("bob"))
    assert best is not None
    # The first takes what is sealed anew with it; from the second on they leave, to be deleted over there.
    assert alice.engine.sessions.read(best).sealed <= 8 + 8 + 8
    alice.go_online()
    alice.world.settle()
    assert [text for text in bob.heard("alice") if text] == ["hello", "7"]
    assert _gaps(bob) == []


class Schedule:
    """Plays a schedule and knows what must come out of it."""

    EVENTS = (
        *["send"] * 4,
        *["delete"] * 3,
        "edit",
        "edit",
        "turn",
        "turn",
        "offline",
        "online",
        "cut",
        "crash",
    )
    EVENTS = (*EVENTS, "forget", "wait", "restart")

    def __init__(self, world: World, seed: int) -> None:
        self.random = Random(seed)
        self.world = world
        self.people = world.introduce()
        self.texts: dict[bytes, str] = {}
        """What each message of Alice's says now; "" if it is deleted."""
        self.unsaid: set[str] = set()
        """What was edited or deleted away before it was submitted."""
        self.count = 0
        self.submitted = 1

    def fresh(self) -> str:
        self.count += 1
        # Long enough not to be found among random bytes.
        return f"<the text {self.count}>"

    def play(self, length: int) -> None:
        for _ in range(length):
            getattr(self, self.random.choice(self.EVENTS))()
            alice = self.people[0]
            if alice.records.unsettled_messages(alice.contact("bob").id):
                assert _is_chained(alice, "bob")
        for person in self.people:
            person.cut(MAILBOX)
            person.go_online()
        self.world.pass_time(30)
        self.world.pass_time(4 * 3600, step=600)

    def note(self, submit: Callable[..., None]) -> Callable[..., None]:
        """Have it be known which numbers of Alice's were given to a connection."""
        records = self.people[0].records

        def noted(dialogue: SendingDialogue, channel: int, envelope_id: bytes, envelope: bytes) -> None:
            entry = records.outbox_entry(envelope_id)
            if entry is not None and entry.message is not None:
                row = records.messages.one("WHERE id = ?", entry.message)
                assert row is not None
                self.submitted = max(self.submitted, row.seq)
            submit(dialogue, channel, envelope_id, envelope)

        return noted

    def left(self, message_id: bytes) -> bool:
        return _row(self.people[0], message_id).seq <= self.submitted

    def some(self) -> bytes | None:
        there = [each for each, text in self.texts.items() if text]
        return self.random.choice(there[-4:]) if there else None

    def send(self) -> None:
        text = self.fresh()
        self.texts[self.people[0].send("bob", text)] = text

    def delete(self) -> None:
        if (chosen := self.some()) is not None:
            if not self.left(chosen):
                self.unsaid.add(self.texts[chosen])
            _delete(self.people[0], chosen)
            self.texts[chosen] = ""

    def edit(self) -> None:
        if (chosen := self.some()) is not None:
            if not self.left(chosen):
                self.unsaid.add(self.texts[chosen])
            self.texts[chosen] = self.fresh()
            _edit(self.people[0], chosen, self.texts[chosen])

    def turn(self) -> None:
        self.world.turn()

    def offline(self) -> None:
        self.people[0].go_offline()

    def online(self) -> None:
        self.people[0].go_online()

    def cut(self) -> None:
        self.random.choice(self.people).cut(self.random.choice([MAILBOX, str(self.world.address)]))

    def crash(self) -> None:
        self.random.choice(self.people).crash()

    def forget(self) -> None:
        """The process died behind its commit, before anything left."""
        alice = self.people[0]
        alice.lose_effects = True
        self.send()
        alice.lose_effects = False
        alice.crash()

    def wait(self) -> None:
        self.world.pass_time(self.random.choice([0.05, 1, 12, 700]), step=5)

    def restart(self) -> None:
        self.world.restart_relay()


@pytest.mark.parametrize("seed", range(16))
def test_whatever_happens_in_between(world: World, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    schedule = Schedule(world, seed)
    monkeypatch.setattr(SendingDialogue, "submit", schedule.note(SendingDialogue.submit))
    alice, bob = schedule.people
    opened = _spy(bob, monkeypatch)
    schedule.play(60)
    everything = b"".join(opened)
    assert [text for text in schedule.unsaid if text.encode() in everything] == []
    heard = [row for row in bob.rows("alice") if not row.outgoing][1:]
    ids = [row.message_id for row in heard]
    assert ids == [each for each in schedule.texts if each in ids], "in order, and nothing twice"
    shown = {row.message_id: row.text for row in heard}
    assert {each: shown.get(each, "") for each in schedule.texts} == schedule.texts
    assert _gaps(bob) == []
    assert alice.records.unsettled_messages(alice.contact("bob").id) == []
    states = {alice.state(each) for each, text in schedule.texts.items() if text}
    assert states <= {MessageState.DELIVERED, MessageState.READ}
