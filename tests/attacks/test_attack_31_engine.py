"""Key changed, as a relay that lies and a peer who reinstalls make it happen: held until accepted, loudly."""

from collections.abc import Iterator

import pytest

from e2echat.client.events import KeyChanged, MessageState
from tests.world import Person, World, Worlds


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


def _friends(world: World, *, verified: bool) -> tuple[Person, Person]:
    alice, bob = world.introduce()
    if verified:
        alice.verify("bob", bob)
    return alice, bob


@pytest.mark.parametrize("verified", [True, False])
def test_whose_name_another_account_got(world: World, verified: bool) -> None:
    """The relay gives Bob's name away, and has Alice ask for him again by refusing her capability."""
    alice, bob = _friends(world, verified=verified)
    impostor = world.usurp(bob)
    messages = [alice.send("bob", f"for bob alone {number}") for number in range(3)]
    world.pass_time(30, 2)
    assert KeyChanged("bob", verified=verified) in alice.events
    messages.append(alice.send("bob", "held as well"))
    world.pass_time(3600, 600)
    assert {alice.state(message) for message in messages} == {MessageState.QUEUED}
    assert impostor.heard("alice") == []
    alice.accept("bob")
    world.pass_time(30, 2)
    assert impostor.heard("alice") == [*(f"for bob alone {number}" for number in range(3)), "held as well"]
    assert alice.contact("bob").verified_at is None


@pytest.mark.parametrize("verified", [True, False])
def test_who_reinstalled(world: World, verified: bool) -> None:
    alice, bob = _friends(world, verified=verified)
    bob.go_offline()
    waiting = alice.send("bob", "to the old one")
    world.settle()
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.pass_time(5)
    assert KeyChanged("bob", verified=verified) in alice.events
    assert alice.heard("bob") == ["hi", "a new telephone"]
    held = alice.send("bob", "held")
    world.pass_time(60, 5)
    assert again.heard("alice") == []
    alice.accept("bob")
    world.pass_time(30, 2)
    assert again.heard("alice") == ["to the old one", "held"]
    assert {alice.state(message) for message in (waiting, held)} == {MessageState.DELIVERED}
    assert (alice.contact("bob").verified_at is not None) is verified  # the account's key is the same


def test_the_number_of_the_new_key_accepts_it_and_a_strange_one_does_not(world: World) -> None:
    alice, bob = _friends(world, verified=True)
    (mallory,) = world.join("mallory")
    impostor = world.usurp(bob)
    message = alice.send("bob", "held")
    world.pass_time(30, 2)
    alice.verify("bob", mallory)
    assert alice.contact("bob").key_changed
    assert alice.state(message) is MessageState.QUEUED
    alice.verify("bob", impostor)
    assert not alice.contact("bob").key_changed
    assert alice.contact("bob").verified_at is not None


def test_the_number_of_the_former_key_dismisses_the_new_one(world: World) -> None:
    alice, bob = _friends(world, verified=True)
    world.usurp(bob)
    alice.send("bob", "held")
    world.pass_time(30, 2)
    assert alice.contact("bob").key_changed
    alice.verify("bob", bob)
    assert not alice.contact("bob").key_changed
    assert alice.contact("bob").identity == bob.own.identity.raw


def test_what_comes_under_a_new_key_is_marked_until_it_is_accepted(world: World) -> None:
    alice, bob = _friends(world, verified=False)
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    world.settle()
    shown = [alice.engine.context.message(row, alice.contact("bob")) for row in alice.rows("bob")]
    assert [(one.text, one.new_key) for one in shown if one.direction == "in"][-1] == (
        "a new telephone",
        True,
    )
    assert not any(one.new_key for one in shown[:-1])
    alice.accept("bob")
    shown = [alice.engine.context.message(row, alice.contact("bob")) for row in alice.rows("bob")]
    assert not any(one.new_key for one in shown)


def test_accepting_while_envelopes_are_in_flight_loses_and_doubles_nothing(world: World) -> None:
    alice, bob = _friends(world, verified=False)
    bob.go_offline()
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    texts = [f"{number}" for number in range(20)]
    for text in texts:
        alice.step(lambda text=text: alice.engine.add_text(alice.contact("bob"), text))  # type: ignore[misc]
    while not alice.contact("bob").key_changed:
        assert world.turn()
    alice.accept("bob")
    world.pass_time(60, 2)
    assert again.heard("alice") == texts
    assert alice.records.unsettled_messages(alice.contact("bob").id) == []
