"""Whose keys are whose, and what a change of them changes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from e2echat.client.events import ContactChanged, KeyChanged
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey, safety_number
from e2echat.crypto.session import ReplyRoute
from e2echat.errors import HandshakeError, KeyChangedError
from e2echat.store.rows import ContactRow
from tests.world import Person, World


@pytest.fixture(name="alice")
def _alice(world: World) -> Person:
    alice, _ = world.introduce()
    return alice


def _keys(alice: Person, name: str, key: SigningKey | None = None, later: int = 0) -> tuple[Identity, Device]:
    randomness = alice.world.randomness
    key = key or SigningKey.generate(randomness)
    identity = Identity.create(key, name)
    epoch = alice.world.now // 1000 + later
    return identity, Device.create(key, identity, epoch, ExchangeKey.generate(randomness).public)


def _meet(alice: Person, identity: Identity, device: Device) -> bool:
    return alice.step(lambda: alice.engine.peers.meet(alice.contact("bob"), identity, device)) is not None


def test_the_keys_in_force_change_nothing(alice: Person) -> None:
    before = alice.contact("bob")
    peers = alice.engine.peers
    assert _meet(alice, peers.identity(before), peers.device(before))
    assert alice.contact("bob") == before


def test_others_are_noted_and_told_each_once(alice: Person) -> None:
    changes = [_keys(alice, "bob") for _ in range(2)]
    for change in (changes[0], changes[0], changes[1], changes[1]):
        assert not _meet(alice, *change)
    assert alice.events.count(KeyChanged("bob", verified=False)) == 2
    assert alice.contact("bob").changed_identity == changes[1][0].raw


def test_another_name_is_refused(alice: Person) -> None:
    with pytest.raises(HandshakeError):
        _meet(alice, *_keys(alice, "mallory"))
    assert not alice.contact("bob").key_changed


def test_an_older_device_is_refused(alice: Person) -> None:
    key = alice.world.people["bob"].key
    with pytest.raises(KeyChangedError):
        _meet(alice, *_keys(alice, "bob", key, -1))
    assert not _meet(alice, *_keys(alice, "bob", key, 10))
    with pytest.raises(KeyChangedError):
        _meet(alice, *_keys(alice, "bob", key, 5))


def _accept(alice: Person, identity: Identity, device: Device) -> ContactRow:
    assert not _meet(alice, identity, device)
    alice.go_offline()
    alice.accept("bob")
    return alice.contact("bob")


def test_accepting_another_identity_starts_anew(alice: Person) -> None:
    alice.verify("bob", alice.world.people["bob"])
    identity, device = _keys(alice, "bob")
    row = _accept(alice, identity, device)
    assert (row.identity, row.device, row.key_changed) == (identity.raw, device.raw, False)
    assert row.verified_at is None
    assert row.mailbox is row.capability is row.authenticator is row.previous_authenticator is None


def test_accepting_another_device_keeps_what_is_the_accounts(alice: Person) -> None:
    bob = alice.world.people["bob"]
    alice.verify("bob", bob)
    before = alice.contact("bob")
    row = _accept(alice, *_keys(alice, "bob", bob.key, 10))
    assert row.verified_at == before.verified_at
    assert row.authenticator == before.authenticator
    assert row.mailbox is row.capability is None


def test_letting_in_is_for_strangers(alice: Person) -> None:
    row = replace(alice.contact("bob"), standing="blocked")
    assert alice.engine.peers.let_in(row) == row


def test_a_contact_does_not_move_to_another_relay(alice: Person) -> None:
    row = alice.contact("bob")
    elsewhere = ReplyRoute(f"relay://{'a' * 52}@localhost:7443", bytes(16), bytes(32))
    assert alice.engine.peers.reach(row, elsewhere) == row
    here = replace(elsewhere, address=str(alice.world.address))
    assert alice.engine.peers.reach(row, here).mailbox == bytes(16)


def test_our_own_relay_is_where_we_know_it(alice: Person) -> None:
    moved = str(replace(alice.world.address, host="elsewhere.example"))
    ours = replace(alice.contact("bob"), address=moved)
    assert alice.own.relay_of(ours) == str(alice.world.address)
    assert alice.own.relay_of(replace(ours, relay_key=bytes(32))) == moved


def test_each_decision_of_a_person_is_told_once(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.send("alice", "hello")
    world.settle()

    def block() -> None:
        alice.step(lambda: alice.engine.trust.block(alice.contact("bob")))

    def told() -> int:
        count = alice.events.count(ContactChanged("bob"))
        alice.events.clear()
        return count

    assert told() == 0
    decisions: list[Callable[[], None]] = [
        lambda: alice.accept("bob"),
        lambda: alice.verify("bob", bob),
        block,
        lambda: alice.accept("bob"),
    ]
    for decide in decisions:
        decide()
        assert told() == 1
    alice.accept("bob")
    assert told() == 0


def test_to_answer_a_stranger_is_a_decision(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.send("alice", "hello")
    world.settle()
    alice.send("bob", "hi")
    assert alice.events.count(ContactChanged("bob")) == 1


def test_a_new_key_that_is_verified_is_told_once(alice: Person) -> None:
    identity, device = _keys(alice, "bob")
    assert not _meet(alice, identity, device)
    alice.events.clear()
    number = safety_number(alice.own.identity, identity)
    assert alice.step(lambda: alice.engine.trust.verify_if(alice.contact("bob").id, number))
    assert alice.events.count(ContactChanged("bob")) == 1
