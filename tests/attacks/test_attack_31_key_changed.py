"""Key changed after verification: sending is held until accepted, loudly."""

from collections.abc import Iterator

import pytest

from e2echat.client.events import KeyChanged, MessageState
from e2echat.crypto.keys import Device, Identity
from e2echat.wire.relay_messages import Bundle
from tests.world import Person, World, Worlds


@pytest.fixture(name="worlds")
def _worlds() -> Iterator[Worlds]:
    worlds = Worlds()
    yield worlds
    worlds.close()


@pytest.fixture(name="people")
def _people(worlds: Worlds) -> tuple[World, Person, Person]:
    world = worlds.make()
    alice, bob = world.join("alice", "bob")
    alice.meet("bob")
    alice.verify("bob", bob)
    alice.send("bob", "hello")
    world.settle()
    return world, alice, bob


@pytest.fixture(name="impostor")
def _impostor(worlds: Worlds) -> Bundle:
    """Records and prekeys of somebody else of the same name, all valid."""
    curious, _ = worlds.make().join("curious", "bob")
    return curious.look_up("bob")


def _show(alice: Person, bundle: Bundle) -> None:
    """What a fetched bundle and a first message of a new session do with the records in them."""
    identity = Identity.parse(bundle.identity)
    device = Device.parse(bundle.device, identity)
    assert not alice.step(lambda: alice.engine.peers.meet(alice.contact("bob"), identity, device))


def test_the_change_is_told_and_sending_is_held(
    people: tuple[World, Person, Person], impostor: Bundle
) -> None:
    world, alice, bob = people
    _show(alice, impostor)
    assert KeyChanged("bob", verified=True) in alice.events
    message = alice.send("bob", "secret")
    world.pass_time(60)
    assert alice.state(message) is MessageState.QUEUED
    assert bob.heard("alice") == ["hello"]
    assert alice.rows("bob")[-1].text == "secret"


def test_the_same_change_is_told_once(people: tuple[World, Person, Person], impostor: Bundle) -> None:
    _, alice, _ = people
    for _ in range(2):
        _show(alice, impostor)
    assert sum(isinstance(event, KeyChanged) for event in alice.events) == 1


def test_accepting_verifies_nothing(people: tuple[World, Person, Person], impostor: Bundle) -> None:
    _, alice, bob = people
    _show(alice, impostor)
    alice.accept("bob")
    contact = alice.contact("bob")
    assert not contact.key_changed
    assert contact.verified_at is None
    assert contact.identity == impostor.identity != bob.own.identity.raw
