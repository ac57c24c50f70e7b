"""Numbering, sealing and submitting, with a relay that refuses and people who change their keys."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from e2echat.client.dialogue import ChannelRefused, Fetched, Published
from e2echat.client.effects import Send
from e2echat.client.engine import MAILBOX
from e2echat.client.events import KeyChanged, MessageState, Problem
from e2echat.client.inquiries import ASK_AGAIN
from e2echat.client.outbox import FIRST_RETRY, LAST_RETRY, WINDOW
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.relay.limits import Limits
from e2echat.wire.relay_messages import Bundle, Refusal
from tests.world import Person, World, Worlds


def _sequence(person: Person, name: str) -> list[int]:
    return [row.seq for row in person.rows(name) if row.outgoing]


# --- numbering ------------------------------------------------------------------------------------------------------


def test_a_text_is_numbered_on_the_row_as_it_is_by_then(world: World) -> None:
    alice, bob = world.introduce()
    before = alice.contact("bob")
    alice.send("bob", "one")
    alice.step(lambda: alice.engine.add_text(before, "two"))
    world.settle()
    assert bob.heard("alice") == ["hello", "one", "two"]
    assert len(set(_sequence(alice, "bob"))) == 3


def test_letting_a_stranger_in_undoes_nothing(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "hello")
    world.settle()
    stranger = bob.contact("alice")
    world.reinstall(alice).send("bob", "again")
    world.pass_time(2)
    assert bob.contact("alice").key_changed
    bob.step(lambda: bob.engine.add_text(stranger, "held"))
    assert bob.contact("alice").key_changed


# --- receipts and sessions ------------------------------------------------------------------------------------------


def test_no_receipt_is_owed_to_a_device_without_a_session(world: World) -> None:
    alice, bob = world.introduce()
    world.usurp(bob)
    alice.records.contacts.update("vouched = 0")
    alice.send("bob", "who are you?")
    world.pass_time(15, 5)
    assert alice.contact("bob").key_changed
    alice.go_offline()
    alice.accept("bob")
    assert alice.contact("bob").receipt_due is None
    assert alice.engine.next_due() == alice.engine.housekeeping.due


def test_what_waits_for_a_session_is_asked_for_again_without_anything_else_happening(world: World) -> None:
    alice, bob = world.introduce()
    alice.records.sessions.delete("")
    alice.step(lambda: alice.engine.add_text(alice.contact("bob"), "no session"))
    alice.cut(str(world.address))  # before the question leaves
    world.run()
    assert bob.heard("alice") == ["hello"]
    due = alice.engine.next_due()
    assert due is not None
    assert due <= world.now + ASK_AGAIN
    world.now = due
    alice.step(alice.engine.tick)
    world.settle()
    assert bob.heard("alice") == ["hello", "no session"]


def _routes(person: Person) -> int:
    return person.records.messages.count("WHERE outgoing = 1 AND kind = 'route'")


def test_while_a_changed_key_waits_nothing_is_sealed_and_nothing_submitted(world: World) -> None:
    alice, bob = world.introduce()
    bob.go_offline()
    alice.send("bob", "sealed before")
    world.settle()
    world.reinstall(bob).send("alice", "hello again")
    world.pass_time(2)
    contact = alice.contact("bob")
    (before,) = alice.records.outbox_of(contact.id, 1 << 62, 9)
    routes = _routes(alice)
    alice.records.contacts.update("route_told = 0")
    alice.send("bob", "held")
    world.pass_time(3 * 3600, 1800)
    alice.cut(str(world.address))
    world.run()
    (after,) = alice.records.outbox_of(contact.id, 1 << 62, 9)
    assert (after.envelope_id, after.attempts) == (before.envelope_id, before.attempts)
    assert _routes(alice) == routes


def test_nothing_is_sealed_for_whom_we_blocked(world: World) -> None:
    alice, bob = world.introduce()

    def write_and_block() -> None:
        alice.engine.add_text(alice.contact("bob"), "kept")
        alice.records.contacts.update("standing = 'blocked'")

    alice.step(write_and_block)
    bob.send("alice", "unheard")
    world.pass_time(5)
    assert alice.records.outbox_of(alice.contact("bob").id, 1 << 62, 9) == []
    assert bob.heard("alice") == ["hello"]


def test_a_stranger_is_told_no_route(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "hello")
    world.settle()
    bob.step(lambda: bob.engine.outbox.tell_route(bob.contact("alice")))
    assert _routes(bob) == 0
    bob.accept("alice")
    assert _routes(bob) == 1


def test_what_a_changed_key_holds_wakes_nobody(world: World) -> None:
    alice, bob = world.introduce()
    bob.go_offline()
    alice.send("bob", "sealed")
    world.settle()
    world.reinstall(bob).send("alice", "hello again")
    world.pass_time(2)
    assert alice.contact("bob").key_changed
    world.now += LAST_RETRY
    alice.step(alice.engine.tick)
    due = alice.engine.next_due()
    assert due is None or due > world.now + 250


def test_the_best_session_is_answered_then_newest_then_lowest(world: World) -> None:
    alice, _ = world.introduce()
    contact, sessions = alice.contact("bob"), alice.engine.outbox.sessions
    (row,) = alice.records.sessions_of(contact.id)
    for sid, newer, confirmed in ((1, 0, True), (2, 9, False), (3, 5, True), (4, 5, True)):
        other = replace(row, sid=bytes([sid]) * 32, generation=row.generation + newer, confirmed=confirmed)
        alice.records.sessions.save(other)
    best = sessions.best(contact)
    assert best is not None
    assert best.sid == b"\3" * 32


# --- submitting -----------------------------------------------------------------------------------------------------


def test_a_window_bounds_what_is_in_flight(world: World) -> None:
    alice, bob = world.introduce()
    for number in range(WINDOW + 10):
        alice.step(lambda number=number: alice.engine.add_text(alice.contact("bob"), f"{number}"))  # type: ignore[misc]
    dialogue = alice.engine._sending[str(world.address)]
    assert dialogue.flying == WINDOW
    world.settle()
    assert bob.heard("alice") == ["hello", *(f"{number}" for number in range(WINDOW + 10))]


def test_what_has_no_receipt_goes_again_ever_more_rarely(world: World) -> None:
    alice, bob = world.introduce()
    bob.go_offline()
    alice.send("bob", "text")
    world.settle()
    waits = []
    for _ in range(11):
        due = alice.records.next_envelope_at()
        assert due is not None
        waits.append(due - world.now)
        world.now = due
        alice.step(alice.engine.tick)
        world.run()
    assert waits[0] <= FIRST_RETRY
    assert sorted(waits) == waits
    assert waits[-1] == LAST_RETRY


def test_a_full_mailbox_is_told_and_tried_again() -> None:
    worlds = Worlds()
    world = worlds.make(Limits(mailbox_envelopes=3, work_bits=4))
    alice, bob = world.introduce()
    bob.go_offline()
    messages = [alice.send("bob", f"{number}") for number in range(5)]
    world.settle()
    assert [alice.state(message) for message in messages] == [MessageState.STORED] * 3 + [
        MessageState.QUEUED
    ] * 2
    assert any(isinstance(event, Problem) for event in alice.events)
    assert set(alice.engine.outbox.refusals.values()) == {Refusal.MAILBOX_FULL}
    bob.go_online()
    world.pass_time(90, 10)
    assert bob.heard("alice") == ["hello", "0", "1", "2", "3", "4"]
    assert not alice.engine.outbox.refusals
    worlds.close()


def test_a_knock_token_that_is_used_up_is_replaced() -> None:
    worlds = Worlds()
    world = worlds.make(Limits(knock_envelopes=4, work_bits=4))
    alice, bob = world.join("alice", "bob")
    for number in range(10):
        alice.send("bob", f"{number}")
        world.settle()
    world.pass_time(60, 5)
    assert bob.heard("alice") == [f"{number}" for number in range(10)]
    worlds.close()


def test_a_capability_out_of_use_falls_back_to_a_knock(world: World) -> None:
    alice, bob = world.introduce()
    alice.records.contacts.update("capability = ?", bytes(32))
    alice.send("bob", "text")
    world.pass_time(15, 5)
    assert bob.heard("alice") == ["hello", "text"]
    assert alice.contact("bob").knock


def test_a_relay_with_too_much_to_do_costs_no_capability(world: World) -> None:
    alice, bob = world.introduce()
    alice.cut(str(world.address))
    alice.connect()
    world.run()
    before = alice.contact("bob").capability
    dialogue = alice.engine._sending[str(world.address)]

    def refuse() -> None:
        contact = alice.contact("bob")
        assert contact.mailbox is not None
        assert contact.capability is not None
        refused = ChannelRefused(contact.mailbox, contact.capability, Refusal.LIMIT)
        alice.engine._happened(str(world.address), refused)

    assert dialogue.ready
    alice.step(lambda: alice.engine.add_text(alice.contact("bob"), "text"))
    alice.step(refuse)
    assert alice.contact("bob").capability == before
    world.pass_time(FIRST_RETRY / 1000 + 1, 5)
    assert bob.heard("alice") == ["hello", "text"]


# --- what a relay says about people ---------------------------------------------------------------------------------


@pytest.fixture(name="ask")
def _ask(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[Person, Bundle | Refusal], None]:
    def answer(person: Person, bundle: Bundle | Refusal) -> None:
        person.step(
            lambda: person.engine.introductions.fetched(str(world.address), Fetched("bob", True, bundle))
        )

    return answer


def test_another_names_keys_are_not_a_contacts(
    world: World, ask: Callable[[Person, Bundle | Refusal], None]
) -> None:
    alice, bob = world.introduce()
    world.join("mallory")
    before = alice.contact("bob")
    ask(alice, alice.look_up("mallory"))
    assert alice.contact("bob") == before
    assert isinstance(alice.events[-1], Problem)
    message = alice.send("bob", "text")
    world.settle()
    assert alice.state(message) is MessageState.DELIVERED
    assert bob.heard("alice") == ["hello", "text"]


def test_changed_keys_bring_no_token_and_no_mailbox(
    world: World, ask: Callable[[Person, Bundle | Refusal], None]
) -> None:
    alice, bob = world.introduce()
    before = alice.contact("bob")
    world.usurp(bob)
    ask(alice, alice.look_up("bob"))
    after = alice.contact("bob")
    assert KeyChanged("bob", verified=False) in alice.events
    assert (after.mailbox, after.capability, after.knock) == (before.mailbox, before.capability, False)


@pytest.mark.parametrize("field", ["identity", "device", "signed", "one_time"])
def test_a_bundle_that_does_not_verify_is_told(world: World, field: str) -> None:
    alice, _ = world.join("alice", "bob")
    alice.meet("bob")
    alice.records.sessions.delete("")
    bundle = alice.look_up("bob")
    raw = bytearray(getattr(bundle, field))
    raw[-1] ^= 1
    changed: dict[str, Any] = {field: bytes(raw)}
    broken = replace(bundle, **changed)
    alice.step(lambda: alice.engine.introductions.fetched(str(world.address), Fetched("bob", True, broken)))
    assert isinstance(alice.events[-1], Problem)
    assert alice.records.sessions.count() == 0
    assert alice.drops == []


def test_a_mailbox_that_moved_is_not_sent_to_with_the_capability_of_the_old(
    world: World, ask: Callable[[Person, Bundle | Refusal], None]
) -> None:
    alice, bob = world.introduce()
    before, own = alice.contact("bob"), bob.own.device
    records = own.identity.raw, own.device.raw, None, None
    alice.go_offline()
    ask(alice, Bundle(1, *records, before.mailbox or b"", None))
    assert alice.contact("bob").capability == before.capability
    ask(alice, Bundle(1, *records, b"m" * 16, None))
    after = alice.contact("bob")
    assert (after.mailbox, after.capability) == (b"m" * 16, None)


def test_a_refusal_is_told_in_its_own_words(
    world: World, ask: Callable[[Person, Bundle | Refusal], None]
) -> None:
    alice, _ = world.introduce()
    problems = []
    for reason in (Refusal.LIMIT, Refusal.NO_SUCH_NAME):
        ask(alice, reason)
        problems.append(alice.events[-1])
    assert len(set(problems)) == 2


# --- prekeys --------------------------------------------------------------------------------------------------------


def test_prekeys_that_are_refused_are_not_pressed_upon_the_relay(world: World) -> None:
    (alice,) = world.join("alice")
    uploads = 0

    def refuse() -> None:
        alice.engine._mailbox._publishing = None  # type: ignore[union-attr]
        alice.engine._happened(MAILBOX, Published(Refusal.STORAGE))

    alice.records.prekeys.update("published = 0")
    alice.engine.supply.left = 0
    for _ in range(5):
        alice.engine.begin(world.now)
        with alice.records.transaction():
            refuse()
            uploads += sum(isinstance(effect, Send) for effect in alice.engine.finish())
    assert uploads == 0
    alice.cut(MAILBOX)
    world.run()
    assert alice.engine.supplied


def test_a_sending_dialogue_is_not_needed_to_keep_a_text(world: World) -> None:
    alice, bob = world.introduce()
    alice.go_offline()
    message = alice.send("bob", "later")
    assert alice.state(message) is MessageState.QUEUED
    assert not any(isinstance(dialogue, SendingDialogue) for dialogue in alice.engine._sending.values())
    alice.go_online()
    world.settle()
    assert bob.heard("alice") == ["hello", "later"]
