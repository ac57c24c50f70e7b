"""What is inside envelopes: order, gaps, receipts and routes, from peers who mean well and who do not."""

from dataclasses import replace

import pytest

from e2echat.client import arrivals
from e2echat.client.arrivals import HOLD
from e2echat.client.events import Gap, MessageState
from e2echat.crypto import payloads
from e2echat.crypto.payloads import NO_PREVIOUS, Numbered, Receipt, Route, TextMessage, payload_hash
from e2echat.crypto.session import Session
from e2echat.wire import codec
from tests.world import Person, World

LAST = (1 << 62) - 1
ID = b"i" * 16


def _say(person: Person, name: str, plaintext: bytes) -> None:
    """Seal whatever bytes for somebody, as a client of one's own making can."""

    def step() -> None:
        contact = person.contact(name)
        row = max(person.records.sessions_of(contact.id), key=lambda row: row.confirmed)
        session = Session.from_bytes(row.state)
        session = person.engine.outbox._enclose(contact, session, plaintext, None)
        person.records.sessions.save(replace(row, state=session.to_bytes()))

    person.step(step)


def _text(person: Person, name: str, seq: int, text: str = "text", **others: object) -> TextMessage:
    conversation = person.own.conversation(person.contact(name))
    message = TextMessage(seq.to_bytes(16), conversation, seq, NO_PREVIOUS, person.world.now, text)
    return replace(message, **others)  # type: ignore[arg-type]


def _tell(person: Person, name: str, *messages: Numbered) -> None:
    for message in messages:
        _say(person, name, payloads.encode(message))
    person.world.settle()


@pytest.fixture(name="people")
def _people(world: World) -> tuple[World, Person, Person]:
    """Alice's stream to Bob has come to 2: her text and her route."""
    alice, bob = world.introduce()
    stream = bob.records.streams.one("")
    assert stream is not None
    return world, alice, bob


def _next(bob: Person) -> int:
    stream = bob.records.streams.one("")
    assert stream is not None
    return stream.next


# --- order ----------------------------------------------------------------------------------------------------------


def test_the_last_number_of_all_does_no_harm(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    _tell(alice, "bob", _text(alice, "bob", LAST, "last"))
    world.pass_time(15, 5)
    assert bob.heard("alice") == ["hello", "last"]
    assert Gap("alice", LAST - 2) in bob.events
    _tell(alice, "bob", _text(alice, "bob", 2, "late"))
    assert bob.heard("alice") == ["hello", "last", "late"]


def test_a_number_beyond_what_a_row_holds_does_no_harm(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    message = _text(alice, "bob", 1)
    _say(alice, "bob", codec.encode(message.to_map() | {"kind": message.KIND, "seq": (1 << 63) - 1}))
    world.pass_time(15, 5)
    assert bob.heard("alice") == ["hello"]
    _tell(alice, "bob", _text(alice, "bob", _next(bob), "goes on"))
    assert bob.heard("alice") == ["hello", "goes on"]


def test_what_comes_early_waits_for_what_is_missing(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    seq = _next(bob)
    _tell(alice, "bob", _text(alice, "bob", seq + 2, "3"), _text(alice, "bob", seq + 1, "2"))
    assert bob.heard("alice") == ["hello"]
    world.pass_time(HOLD / 1000 - 1, 1)
    assert bob.heard("alice") == ["hello"]
    _tell(alice, "bob", _text(alice, "bob", seq, "1"))
    assert bob.heard("alice") == ["hello", "1", "2", "3"]
    assert bob.records.held.count() == 0


def test_what_is_missing_too_long_leaves_a_gap_and_may_still_come(
    people: tuple[World, Person, Person],
) -> None:
    world, alice, bob = people
    seq = _next(bob)
    _tell(alice, "bob", _text(alice, "bob", seq + 2, "3"))
    world.pass_time(HOLD / 1000 + 1, 1)
    assert Gap("alice", 2) in bob.events
    _tell(alice, "bob", _text(alice, "bob", seq + 1, "2"), _text(alice, "bob", seq, "1"))
    assert bob.heard("alice") == ["hello", "3", "2", "1"]


def test_each_hole_among_what_waits_is_shown(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    seq = _next(bob)
    _tell(alice, "bob", _text(alice, "bob", seq + 1, "1"), _text(alice, "bob", seq + 4, "4"))
    world.pass_time(HOLD / 1000 + 2, 1)
    assert [event for event in bob.events if isinstance(event, Gap)] == [Gap("alice", 1), Gap("alice", 2)]
    assert bob.heard("alice") == ["hello", "1", "4"]


def test_little_is_kept_waiting(
    people: tuple[World, Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MAX_HELD", 3)
    _, alice, bob = people
    seq = _next(bob)
    _tell(alice, "bob", *(_text(alice, "bob", seq + number, str(number)) for number in (2, 4, 6, 8)))
    assert bob.records.held.count() == 3
    assert bob.heard("alice") == ["hello", "2"]


def test_a_chain_of_hashes_that_does_not_add_up_is_shown(people: tuple[World, Person, Person]) -> None:
    _, alice, bob = people
    first = _text(
        alice,
        "bob",
        _next(bob),
        prev=alice.records.numbering(
            alice.contact("bob").id, alice.engine.peers.device(alice.contact("bob")).hash
        ).previous_hash,
    )
    second = replace(
        _text(alice, "bob", first.seq + 1), prev=payload_hash(payloads.encode(first)), text="right"
    )
    _tell(alice, "bob", first, second)
    assert not any(isinstance(event, Gap) for event in bob.events)
    _tell(alice, "bob", _text(alice, "bob", second.seq + 1, "wrong"))
    assert Gap("alice", 0) in bob.events
    assert bob.heard("alice")[-1] == "wrong"


def test_one_number_is_taken_once(people: tuple[World, Person, Person]) -> None:
    _, alice, bob = people
    seq = _next(bob)
    _tell(alice, "bob", _text(alice, "bob", seq, "one"), _text(alice, "bob", seq, "other", id=ID))
    assert bob.heard("alice") == ["hello", "one"]


def test_one_id_is_taken_once(people: tuple[World, Person, Person]) -> None:
    _, alice, bob = people
    seq = _next(bob)
    messages = (_text(alice, "bob", seq + number, str(number), id=ID) for number in range(3))
    _tell(alice, "bob", *messages)
    assert bob.heard("alice") == ["hello", "0"]
    _tell(alice, "bob", _text(alice, "bob", seq + 3, "goes on"))
    assert bob.heard("alice") == ["hello", "0", "goes on"]


@pytest.mark.parametrize("sent_at", [0, (1 << 53) - 1])
def test_no_senders_clock_is_too_wrong_to_show(people: tuple[World, Person, Person], sent_at: int) -> None:
    _, alice, bob = people
    _tell(alice, "bob", _text(alice, "bob", _next(bob), "when?", sent_at=sent_at))
    assert bob.engine.context.message(bob.rows("alice")[-1], bob.contact("alice")).sent_at.year in (
        1970,
        9999,
    )


def test_another_conversation_changes_nothing(people: tuple[World, Person, Person]) -> None:
    _, alice, bob = people
    _tell(alice, "bob", _text(alice, "bob", _next(bob), "to another", conversation=bytes(16)))
    assert bob.heard("alice") == ["hello"]
    _tell(alice, "bob", _text(alice, "bob", _next(bob), "to bob"))
    assert bob.heard("alice") == ["hello", "to bob"]


@pytest.mark.parametrize(
    "plaintext", [b"", b"\xff", payloads.encode(Receipt(bytes(16), [], []))[:-1], b"\xa0"]
)
def test_payloads_of_no_kind_we_know_change_nothing(
    people: tuple[World, Person, Person], plaintext: bytes
) -> None:
    _, alice, bob = people
    before = _next(bob)
    _say(alice, "bob", plaintext)
    alice.world.settle()
    assert _next(bob) == before
    assert bob.drops == []


# --- receipts -------------------------------------------------------------------------------------------------------


def _receipt(person: Person, name: str, delivered: list[int], read: list[int]) -> bytes:
    return payloads.encode(Receipt(person.own.conversation(person.contact(name)), delivered, read))


def test_a_receipt_for_everything_settles_only_what_is_ours(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    bob.go_offline()
    message = alice.send("bob", "waiting")
    world.settle()
    wide = [0, (1 << 63) - 1] * 64
    bob.online = True
    _say(bob, "alice", _receipt(bob, "alice", wide, wide))
    world.settle()
    assert alice.state(message) is MessageState.READ
    later = alice.send("bob", "later")
    assert alice.state(later) in (MessageState.QUEUED, MessageState.STORED)


def test_a_receipt_for_another_conversation_settles_nothing(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    bob.records.contacts.update("standing = 'blocked'")
    message = alice.send("bob", "waiting")
    world.settle()
    _say(bob, "alice", payloads.encode(Receipt(bytes(16), [1, 9], [1, 9])))
    world.settle()
    assert alice.state(message) is MessageState.STORED


def test_a_receipt_of_a_changed_device_settles_nothing(world: World) -> None:
    alice, bob = world.introduce()
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(2)
    assert alice.contact("bob").key_changed
    message = alice.send("bob", "held")
    _say(again, "alice", _receipt(again, "alice", [1, 99], [1, 99]))
    world.pass_time(2)
    assert alice.state(message) is MessageState.QUEUED


def test_a_new_devices_receipts_are_for_its_own_numbers(world: World) -> None:
    alice, bob = world.introduce()
    old = [alice.send("bob", f"{number}") for number in range(3)]
    world.settle()
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(2)
    alice.accept("bob")
    new = alice.send("bob", "to the new one")
    world.pass_time(5)
    _say(again, "alice", _receipt(again, "alice", [1, 9], [1, 9]))
    world.settle()
    assert alice.state(new) is MessageState.READ
    assert {alice.state(message) for message in old} == {MessageState.DELIVERED}


def test_a_message_goes_from_read_to_nothing_less(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    message = alice.send("bob", "text")
    world.settle()
    _say(bob, "alice", _receipt(bob, "alice", [], [1, 9]))
    world.settle()
    assert alice.state(message) is MessageState.READ
    _say(bob, "alice", _receipt(bob, "alice", [1, 9], []))
    world.settle()
    assert alice.state(message) is MessageState.READ


# --- routes ---------------------------------------------------------------------------------------------------------


def _route(person: Person, name: str, seq: int, address: str) -> Route:
    conversation = person.own.conversation(person.contact(name))
    return Route(ID, conversation, seq, NO_PREVIOUS, person.world.now, address, b"m" * 16, b"c" * 32, None)


@pytest.mark.parametrize(
    "wrong", ["nowhere", "RELAY://{pin}@localhost:7443", "relay://{other}@localhost:7443"]
)
def test_a_route_to_nowhere_or_elsewhere_is_ignored(people: tuple[World, Person, Person], wrong: str) -> None:
    world, alice, bob = people
    pin = str(world.address).removeprefix("relay://").partition("@")[0]
    address = wrong.format(pin=pin.upper(), other="a" * 52)
    before = bob.contact("alice")
    _tell(alice, "bob", _route(alice, "bob", _next(bob), address))
    after = bob.contact("alice")
    assert (after.address, after.mailbox, after.capability) == (
        before.address,
        before.mailbox,
        before.capability,
    )
    assert bob.drops == []
    _tell(alice, "bob", _text(alice, "bob", _next(bob), "goes on"))
    assert bob.heard("alice") == ["hello", "goes on"]


def test_a_route_is_taken(people: tuple[World, Person, Person]) -> None:
    world, alice, bob = people
    before = bob.contact("alice")
    _tell(alice, "bob", _route(alice, "bob", _next(bob), str(world.address)))
    after = bob.contact("alice")
    # The relay knows no such mailbox, so that he has come to knock.
    assert (before.knock, after.knock) == (False, True)
    assert after.capability not in (None, before.capability)


def test_a_route_of_a_changed_device_is_ignored(world: World) -> None:
    alice, bob = world.introduce()
    again = world.reinstall(bob)
    before = alice.contact("bob")
    again.send("alice", "a new telephone")
    world.pass_time(2)
    assert alice.heard("bob") == ["hi", "a new telephone"]
    _tell(again, "alice", _route(again, "alice", 2, str(world.address)))
    after = alice.contact("bob")
    assert after.key_changed
    assert (after.mailbox, after.capability) == (before.mailbox, before.capability)


def test_a_changed_devices_messages_are_not_marked_verified(world: World) -> None:
    alice, bob = world.introduce()
    alice.verify("bob", bob)
    bob.send("alice", "it is me")
    world.settle()
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(2)
    assert [(row.text, row.verified) for row in alice.rows("bob") if not row.outgoing] == [
        ("hi", False),
        ("it is me", True),
        ("a new telephone", False),
    ]


def test_strangers_get_no_receipt(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    message = alice.send("bob", "hello")
    world.pass_time(30)
    assert alice.state(message) is MessageState.STORED
    bob.accept("alice")
    world.settle()
    assert alice.state(message) is MessageState.DELIVERED
