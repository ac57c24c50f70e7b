"""Edits, deletions, reactions and timers: both sides come to the same, whatever the order, and only the author's count."""

from dataclasses import replace
from functools import partial
from itertools import permutations

import pytest

from e2echat.client import amendments
from e2echat.client.amendments import EARLY_KEPT, MAX_AHEAD
from e2echat.client.arrivals import HOLD
from e2echat.client.events import (
    Event,
    Message,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    Reacted,
    TimerChanged,
)
from e2echat.crypto import payloads
from e2echat.crypto.payloads import (
    NO_PREVIOUS,
    Deletion,
    Edit,
    Numbered,
    Reaction,
    TextMessage,
    TimerChange,
)
from e2echat.errors import LocalError
from e2echat.store.rows import MessageRow
from e2echat.wire import codec
from tests.world import Person, World

FAR = (1 << 53) - 1


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    return world.introduce()


def _row(person: Person, peer: str, text: str) -> MessageRow:
    (row,) = (row for row in person.rows(peer) if row.text == text)
    return row


def _message(person: Person, peer: str, number: int) -> Message:
    row = person.records.messages.one("WHERE id = ?", number)
    assert row is not None
    return person.engine.context.message(row, person.contact(peer))


def _views(alice: Person, bob: Person, place: int = -1) -> list[Message]:
    """One message as both see it."""
    return [
        one.engine.context.message(one.rows(other.name)[place], one.contact(other.name))
        for one, other in ((alice, bob), (bob, alice))
    ]


def _events(person: Person, kind: type[Event]) -> list[Event]:
    return [event for event in person.events if isinstance(event, kind)]


def _next(person: Person, peer: str) -> int:
    """The number that the peer's next payload has."""
    contact = person.contact(peer)
    return person.records.stream(contact.id, person.engine.peers.device(contact).hash).next


def _head(
    sender: Person, receiver: Person, seq: int, sent_at: int = 0
) -> tuple[bytes, bytes, int, bytes, int]:
    conversation = sender.own.conversation(sender.contact(receiver.name))
    return seq.to_bytes(8) * 2, conversation, seq, NO_PREVIOUS, sent_at or sender.world.now


def _seal(sender: Person, receiver: Person, plaintext: bytes) -> None:
    """Send whatever a client of one's own making can."""

    def seal() -> None:
        contact = sender.contact(receiver.name)
        best = sender.engine.sessions.best(contact)
        assert best is not None
        session = sender.engine.sessions.read(best)
        session = sender.engine.outbox._enclose(contact, session, plaintext, None)
        sender.engine.sessions.store(best, session)

    sender.step(seal)


def _say(sender: Person, receiver: Person, *made: Numbered) -> None:
    for payload in made:
        _seal(sender, receiver, payloads.encode(payload))
    sender.world.settle()


# --- replies ---------------------------------------------------------------------------------------------------------


def test_a_reply_names_what_it_answers_on_both_sides(people: tuple[Person, Person]) -> None:
    alice, bob = people
    target = _row(bob, "alice", "hello").message_id
    bob.step(lambda: bob.engine.add_text(bob.contact("alice"), "hello yourself", target))
    bob.world.settle()
    for view in _views(alice, bob):
        assert view.reply_to is not None
        assert (view.reply_to.id, view.reply_to.sender, view.reply_to.text) == (
            target.hex(),
            "alice",
            "hello",
        )


def test_a_reply_to_nothing_is_refused_here_and_harmless_from_there(people: tuple[Person, Person]) -> None:
    alice, bob = people
    with pytest.raises(LocalError):
        bob.step(lambda: bob.engine.add_text(bob.contact("alice"), "what?", b"n" * 16))
    head = _head(alice, bob, _next(bob, "alice"))
    _say(alice, bob, TextMessage(*head, "what?", b"n" * 16))
    reply_to = _message(bob, "alice", bob.rows("alice")[-1].id).reply_to
    assert reply_to is not None
    assert (reply_to.sender, reply_to.text) == (None, None)


# --- edits and deletions ---------------------------------------------------------------------------------------------


def test_an_edit_holds_on_both_sides(people: tuple[Person, Person]) -> None:
    alice, bob = people
    row = _row(alice, "bob", "hello")
    alice.step(lambda: alice.engine.writing.edit(row, "hello, Bob"))
    assert _message(alice, "bob", row.id).text == "hello, Bob"
    alice.world.settle()
    for view in _views(alice, bob, 0):
        assert view.text == "hello, Bob"
        assert view.edited_at is not None
    assert [type(event) for event in bob.events if isinstance(event, MessageEdited | MessageArrived)] == [
        MessageArrived,
        MessageEdited,
    ]
    assert len(bob.rows("alice")) == 2


def test_of_several_edits_the_last_holds_even_if_the_clock_is_set_back(people: tuple[Person, Person]) -> None:
    alice, bob = people
    for text in ("second", "third", "fourth"):
        row = _row(alice, "bob", alice.rows("bob")[0].text)
        alice.step(partial(alice.engine.writing.edit, row, text))
        alice.world.now -= 5_000
    alice.world.settle()
    assert [view.text for view in _views(alice, bob, 0)] == ["fourth"] * 2


def test_a_deletion_leaves_the_place_and_nothing_else(people: tuple[Person, Person]) -> None:
    alice, bob = people
    row = _row(alice, "bob", "hello")
    bob.step(lambda: bob.engine.writing.react(_row(bob, "alice", "hello"), "👍"))
    bob.world.settle()
    alice.step(lambda: alice.engine.writing.delete(row))
    alice.world.settle()
    for view, person in zip(_views(alice, bob, 0), people, strict=True):
        assert (view.deleted, view.text, view.reactions) == (True, "", [])
        assert len(_events(person, MessageDeleted)) == 1
        assert person.records.content.reactions.count() == 0


def test_a_deleted_message_is_neither_edited_nor_reacted_to_nor_deleted_again(
    people: tuple[Person, Person],
) -> None:
    alice, bob = people
    row = _row(alice, "bob", "hello")
    alice.step(lambda: alice.engine.writing.delete(row))
    gone = replace(row, deleted=True, text="")
    for act in (
        lambda: alice.engine.writing.edit(gone, "again"),
        lambda: alice.engine.writing.delete(gone),
        lambda: alice.engine.writing.react(gone, "👍"),
    ):
        with pytest.raises(LocalError):
            alice.step(act)
    alice.world.settle()
    _say(alice, bob, Edit(*_head(alice, bob, _next(bob, "alice"), FAR), row.message_id, "back again"))
    _say(bob, alice, Reaction(*_head(bob, alice, _next(alice, "bob")), row.message_id, "👍"))
    assert [(view.deleted, view.text, view.reactions) for view in _views(alice, bob, 0)] == [
        (True, "", [])
    ] * 2


def test_nobody_edits_or_deletes_what_is_not_his(people: tuple[Person, Person]) -> None:
    alice, bob = people
    theirs = _row(alice, "bob", "hi")
    for act in (
        lambda: alice.engine.writing.edit(theirs, "I owe you"),
        lambda: alice.engine.writing.delete(theirs),
    ):
        with pytest.raises(LocalError):
            alice.step(act)
    seq = _next(bob, "alice")
    _say(alice, bob, Edit(*_head(alice, bob, seq), theirs.message_id, "I owe you"))
    _say(alice, bob, Deletion(*_head(alice, bob, seq + 1), theirs.message_id))
    assert [view.text for view in _views(alice, bob)] == ["hi", "hi"]
    assert not [event for event in bob.events if isinstance(event, MessageEdited | MessageDeleted)]


def test_what_is_no_message_is_not_amended(people: tuple[Person, Person]) -> None:
    alice, bob = people
    edit = Edit(*_head(alice, bob, _next(bob, "alice")), b"n" * 16, "of nothing")
    _say(alice, bob, edit, Deletion(*_head(alice, bob, edit.seq + 1), edit.id))
    _say(alice, bob, Reaction(*_head(alice, bob, edit.seq + 2), b"n" * 16, "👍"))
    assert bob.heard("alice") == ["hello"]
    assert _next(bob, "alice") == edit.seq + 3
    assert bob.records.content.early.count() == bob.records.content.reactions.count() == 0


def test_any_order_and_any_repetition_end_alike(people: tuple[Person, Person]) -> None:
    alice, bob = people
    target, now = _row(alice, "bob", "hello").message_id, alice.world.now
    made: list[amendments.Amendment] = [
        Edit(*_head(alice, bob, 0, now + 1), target, "one"),
        Edit(*_head(alice, bob, 0, now + 2), target, "two"),
        Reaction(*_head(alice, bob, 0, now + 1), target, "👍"),
        Reaction(*_head(alice, bob, 0, now + 2), target, "🎉"),
    ]
    contact, device = bob.contact("alice"), bob.engine.peers.device(bob.contact("alice")).hash
    for order in permutations(made):
        bob.records.content.reactions.delete("")
        row = bob.rows("alice")[0]
        bob.records.content.change(row, replace(row, text="hello", edited_at=None))
        for amendment in (*order, *order):
            bob.engine.arrivals.amendments.take(contact, amendment, device, expected=True, holes=False)
        view = _message(bob, "alice", _row(bob, "alice", "two").id)
        assert [(each.sender, each.text) for each in view.reactions] == [("alice", "🎉")]


# --- what comes before what it changes -------------------------------------------------------------------------------


def _gap(alice: Person, bob: Person) -> int:
    """A message of Alice's is missing; its number."""
    return _next(bob, "alice")


@pytest.mark.parametrize("what", [Edit, Deletion])
def test_a_missing_message_comes_as_it_is_by_now(people: tuple[Person, Person], what: type[Numbered]) -> None:
    alice, bob = people
    seq = _gap(alice, bob)
    text = TextMessage(*_head(alice, bob, seq), "first")
    change = (
        Edit(*_head(alice, bob, seq + 1), text.id, "second")
        if what is Edit
        else Deletion(*_head(alice, bob, seq + 1), text.id)
    )
    _say(alice, bob, change)
    alice.world.pass_time(HOLD / 1000 + 1, 1)
    assert bob.records.content.early.count() == 1
    _say(alice, bob, text)
    view = _message(bob, "alice", bob.rows("alice")[-1].id)
    assert (view.text, view.deleted) == (("second", False) if what is Edit else ("", True))
    assert bob.records.content.early.count() == 0


def test_little_is_remembered_for_what_is_missing_and_not_for_ever(
    people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amendments, "MAX_EARLY", 3)
    alice, bob = people
    seq = _gap(alice, bob)
    _say(
        alice,
        bob,
        *(Edit(*_head(alice, bob, seq + number), bytes([number]) * 16, "text") for number in range(1, 7)),
    )
    alice.world.pass_time(HOLD / 1000 + 1, 1)
    assert [row.target for row in bob.records.content.early.select()] == [bytes([n]) * 16 for n in (4, 5, 6)]
    alice.world.now += EARLY_KEPT + 1
    bob.step(bob.engine.tick)
    assert bob.records.content.early.count() == 0


# --- reactions -------------------------------------------------------------------------------------------------------


def test_each_side_has_one_reaction_and_can_take_it_back(people: tuple[Person, Person]) -> None:
    alice, bob = people
    for person, peer, reaction in ((alice, "bob", "👍"), (bob, "alice", "❤️"), (alice, "bob", "🎉")):
        person.step(partial(person.engine.writing.react, _row(person, peer, "hello"), reaction))
        person.world.settle()
    alices, bobs = _views(alice, bob, 0)
    assert [(each.sender, each.text) for each in alices.reactions] == [("alice", "🎉"), ("bob", "❤️")]
    assert [(each.sender, each.text) for each in bobs.reactions] == [("bob", "❤️"), ("alice", "🎉")]
    alice.step(lambda: alice.engine.writing.react(_row(alice, "bob", "hello"), ""))
    alice.world.settle()
    assert [[each.text for each in view.reactions] for view in _views(alice, bob, 0)] == [["❤️"], ["❤️"]]
    assert [(event.sender, event.text) for event in bob.events if isinstance(event, Reacted)] == [
        ("alice", "👍"),
        ("bob", "❤️"),
        ("alice", "🎉"),
        ("alice", ""),
    ]


@pytest.mark.parametrize("reaction", ["two words", "\x1b", "x" * 17, "🎉" * 17])
def test_what_is_no_reaction_is_refused(people: tuple[Person, Person], reaction: str) -> None:
    alice, _ = people
    row = _row(alice, "bob", "hello")
    with pytest.raises(LocalError):
        alice.step(lambda: alice.engine.writing.react(row, reaction))


def test_an_id_that_both_have_used_means_the_other_ones_message(people: tuple[Person, Person]) -> None:
    alice, bob = people
    target = _row(bob, "alice", "hi").message_id
    seq = _next(bob, "alice")
    _say(alice, bob, TextMessage(target, *_head(alice, bob, seq)[1:], "a twin"))
    _say(alice, bob, Reaction(*_head(alice, bob, seq + 1), target, "👍"))
    assert [
        len(_message(bob, "alice", _row(bob, "alice", text).id).reactions) for text in ("hi", "a twin")
    ] == [1, 0]


# --- timers ----------------------------------------------------------------------------------------------------------


def _timers(alice: Person, bob: Person) -> list[int]:
    return [
        one.records.content.conversation(one.contact(other.name).id).timer
        for one, other in ((alice, bob), (bob, alice))
    ]


def test_a_timer_is_one_for_both(people: tuple[Person, Person]) -> None:
    alice, bob = people
    alice.step(lambda: alice.engine.writing.set_timer(alice.contact("bob"), 3600))
    alice.world.settle()
    assert _timers(alice, bob) == [3600, 3600]
    bob.step(lambda: bob.engine.writing.set_timer(bob.contact("alice"), 0))
    bob.world.settle()
    assert _timers(alice, bob) == [0, 0]
    assert _events(alice, TimerChanged) == [TimerChanged("bob", "alice", 3600), TimerChanged("bob", "bob", 0)]
    assert _events(bob, TimerChanged) == [
        TimerChanged("alice", "alice", 3600),
        TimerChanged("alice", "bob", 0),
    ]


def test_two_timers_set_at_once_come_to_one(people: tuple[Person, Person]) -> None:
    alice, bob = people
    for person, peer, seconds in ((alice, "bob", 60), (bob, "alice", 3600)):
        person.step(partial(person.engine.writing.set_timer, person.contact(peer), seconds))
    alice.world.settle()
    first, second = _timers(alice, bob)
    assert first == second in (60, 3600)


def test_a_clock_far_ahead_does_not_settle_the_timer_for_ever(people: tuple[Person, Person]) -> None:
    alice, bob = people
    _say(alice, bob, TimerChange(*_head(alice, bob, _next(bob, "alice"), FAR), 60))
    assert bob.records.content.conversation(bob.contact("alice").id).timer_set_at <= bob.world.now + MAX_AHEAD
    bob.step(lambda: bob.engine.writing.set_timer(bob.contact("alice"), 0))
    bob.world.settle()
    assert _timers(alice, bob) == [0, 0]


@pytest.mark.parametrize("seconds", [-1, 1, 4, 366 * 86_400 + 1])
def test_a_timer_out_of_bounds_is_refused(people: tuple[Person, Person], seconds: int) -> None:
    alice, _ = people
    with pytest.raises(LocalError):
        alice.step(lambda: alice.engine.writing.set_timer(alice.contact("bob"), seconds))


# --- keys that change ------------------------------------------------------------------------------------------------


def _everything(sender: Person, receiver: Person, seq: int, target: bytes) -> list[Numbered]:
    return [
        Edit(*_head(sender, receiver, seq, FAR), target, "forged"),
        Deletion(*_head(sender, receiver, seq + 1), target),
        Reaction(*_head(sender, receiver, seq + 2), target, "👎"),
        TimerChange(*_head(sender, receiver, seq + 3), 5),
    ]


def test_under_a_key_that_nobody_has_accepted_only_its_own_messages_change(world: World) -> None:
    alice, bob = world.introduce()
    target = _row(alice, "bob", "hi").message_id
    again = world.reinstall(bob)
    mine = again.send("alice", "a new telephone")
    world.pass_time(2)
    assert alice.contact("bob").key_changed
    _say(again, alice, *_everything(again, alice, 2, target))
    _say(again, alice, Edit(*_head(again, alice, 6), mine, "a newer telephone"))
    assert alice.heard("bob") == ["hi", "a newer telephone"]
    assert alice.records.content.conversation(alice.contact("bob").id).timer == 0
    assert alice.records.content.reactions.count() == 0


def test_who_was_accepted_as_another_changes_nothing_of_the_former_one(world: World) -> None:
    alice, bob = world.introduce()
    target = _row(alice, "bob", "hi").message_id
    impostor = world.usurp(bob)
    alice.send("bob", "is it you?")
    world.pass_time(30, 2)
    alice.accept("bob")
    world.pass_time(30, 2)
    mine = impostor.send("alice", "of course")
    world.settle()
    seq = _next(alice, "bob")
    _say(impostor, alice, *_everything(impostor, alice, seq, target)[:2])
    _say(impostor, alice, Edit(*_head(impostor, alice, seq + 2), mine, "no"))
    assert alice.heard("bob") == ["hi", "no"]


def test_the_same_person_on_a_new_device_may_delete_what_he_wrote_on_the_old_one(world: World) -> None:
    alice, bob = world.introduce()
    target = _row(alice, "bob", "hi").message_id
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(2)
    alice.accept("bob")
    world.settle()
    _say(again, alice, Deletion(*_head(again, alice, _next(alice, "bob")), target))
    assert alice.heard("bob") == ["", "a new telephone"]


# --- kinds of later versions -----------------------------------------------------------------------------------------


def test_a_message_of_an_unknown_kind_is_shown_as_such_and_kept(people: tuple[Person, Person]) -> None:
    alice, bob = people
    head = _head(alice, bob, _next(bob, "alice"))
    text = TextMessage(*head, "vote")
    raw = codec.encode(text.to_map() | {"kind": "poll", "choices": ["yes", "no"]})
    _seal(alice, bob, raw)
    alice.world.settle()
    row = bob.rows("alice")[-1]
    assert (row.kind, row.text, row.payload, row.shown) == ("unknown", "", raw, False)
    assert isinstance(bob.events[-1], MessageArrived)
    _say(alice, bob, TextMessage(*_head(alice, bob, head[2] + 1), "goes on"))
    assert bob.heard("alice") == ["hello", "", "goes on"]
    assert not alice.records.unsettled_messages(alice.contact("bob").id)
    _say(alice, bob, Edit(*_head(alice, bob, head[2] + 2), head[0], "no poll"))
    assert bob.heard("alice") == ["hello", "", "goes on"]
    _say(alice, bob, Deletion(*_head(alice, bob, head[2] + 3), head[0]))
    assert [(row.deleted, row.payload) for row in bob.rows("alice") if row.kind == "unknown"] == [
        (True, None)
    ]


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_a_flood_of_changes_leaves_no_more_than_one(people: tuple[Person, Person]) -> None:
    alice, bob = people
    target, seq = _row(alice, "bob", "hello").message_id, _next(bob, "alice")
    rows = bob.records.messages.count()
    for number in range(200):
        head = _head(alice, bob, seq + number, alice.world.now + number)
        made = (Edit, Reaction)[number % 2](*head, target, f"{number}")
        _seal(alice, bob, payloads.encode(made))
    alice.world.settle()
    view = _message(bob, "alice", _row(bob, "alice", "198").id)
    assert [each.text for each in view.reactions] == ["199"]
    assert bob.records.messages.count() == rows
    assert bob.records.content.reactions.count() == 1


def test_a_payload_that_says_nothing_new_is_not_told(people: tuple[Person, Person]) -> None:
    alice, bob = people
    target, seq = _row(alice, "bob", "hello").message_id, _next(bob, "alice")
    for number in range(3):
        _say(alice, bob, Reaction(*_head(alice, bob, seq + number, alice.world.now + number), target, "👍"))
    assert len(_events(bob, Reacted)) == 1
