"""Message requests: who is a stranger, what he learns until he is answered, and who is none."""

from typing import TYPE_CHECKING

import pytest

from e2echat.client.events import MessageState, NewStranger
from e2echat.crypto import payloads
from e2echat.crypto.payloads import Receipt, Route
from e2echat.wire.schema import Message
from tests.world import Person, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.client.conftest import Site


def _knows_the_way(person: Person, name: str) -> bool:
    """Whether ``person`` has somebody's delivery capability, not just a knock token."""
    contact = person.contact(name)
    return contact.capability is not None and not contact.knock


@pytest.fixture(name="told")
def _told(monkeypatch: pytest.MonkeyPatch) -> "list[type]":
    """The kinds of payload that anybody encoded."""
    kinds: list[type] = []
    encode = payloads.encode

    def note(payload: Message) -> bytes:
        kinds.append(type(payload))
        return encode(payload)

    monkeypatch.setattr(payloads, "encode", note)
    return kinds


def test_a_stranger_learns_nothing(world: World, told: "list[type]") -> None:
    alice, bob = world.join("alice", "bob")
    message = alice.send("bob", "hello")
    world.pass_time(120, 5)
    assert bob.events.count(NewStranger("alice")) == 1
    assert bob.heard("alice") == ["hello"]
    for row in bob.records.unshown():
        bob.step(lambda row=row: bob.engine.arrivals.mark_shown(row.id))  # type: ignore[misc]
    for person in (alice, bob):
        person.go_offline()
        person.go_online()
    world.pass_time(120, 5)
    assert alice.state(message) is MessageState.STORED
    assert not _knows_the_way(alice, "bob")
    assert not {Receipt, Route} & set(told)


@pytest.mark.parametrize("how", ["answer", "accept", "verify"])
def test_until_somebody_has_to_do_with_him(world: World, how: str) -> None:
    alice, bob = world.join("alice", "bob")
    message = alice.send("bob", "hello")
    world.settle()
    deeds: dict[str, Callable[[], object]] = {
        "answer": lambda: bob.send("alice", "hi"),
        "accept": lambda: bob.accept("alice"),
        "verify": lambda: bob.verify("alice", alice),
    }
    deeds[how]()
    world.settle()
    assert bob.contact("alice").standing == "contact"
    assert alice.state(message) is MessageState.DELIVERED
    assert _knows_the_way(alice, "bob")


def test_whom_we_have_written_to_is_no_stranger(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    bob_message = alice.send("bob", "hello")
    world.settle()
    assert alice.contact("bob").standing == "contact"
    bob.go_online()
    answer = bob.send("alice", "hi")
    world.settle()
    assert bob.state(answer) is MessageState.DELIVERED
    assert alice.state(bob_message) is MessageState.DELIVERED


def test_a_blocked_stranger_learns_nothing_either(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    message = alice.send("bob", "hello")
    world.settle()
    bob.step(lambda: bob.engine.trust.block(bob.contact("alice")))
    world.pass_time(60, 5)
    assert alice.state(message) is MessageState.STORED
    bob.accept("alice")
    world.pass_time(60, 5)
    assert alice.state(message) is MessageState.DELIVERED


def test_waiting_for_a_stranger_to_be_let_in_ends_with_stored(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    message_id = alice.send("bob", "hello")
    assert bob.next_event(0) is None or bob.catch_up(10)
    assert alice.wait(message_id, MessageState.DELIVERED, timeout=0.5) is MessageState.STORED
