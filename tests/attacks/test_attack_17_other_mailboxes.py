"""Reading, acknowledging, changing somebody else's mailbox: refused, with the answer for an unknown one."""

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.primitives import H
from e2echat.crypto.relay_records import AuthRecord, HelloRecord
from e2echat.errors import CryptoError
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import World


def test_only_its_owner_is_given_anything(world: "World", relay_world: "ModuleType") -> None:
    bob, eve = world.account("bob"), world.account("eve")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [b"for bob"]))
    assert world.sign_in(eve).envelopes() == []
    assert world.sign_in(bob).envelopes() == [b"for bob"]


def test_another_owner_cannot_acknowledge(world: "World", relay_world: "ModuleType") -> None:
    bob, eve = world.account("bob"), world.account("eve")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [b"for bob"]))
    thief = world.sign_in(eve)
    thief.say(frames.acknowledge(1))
    assert thief.closing
    assert world.sign_in(bob).envelopes() == [b"for bob"]


def test_who_has_not_signed_in_cannot_acknowledge(world: "World") -> None:
    client = world.connect()
    client.say(frames.acknowledge(0))
    assert client.closing


def test_signing_in_under_anothers_name_is_refused_like_an_unknown_one(
    world: "World", relay_world: "ModuleType"
) -> None:
    world.account("bob")
    answers = []
    for name in ("bob", "nobody"):
        eve = relay_world.Account(name, world.key.public)
        client = world.connect()
        answers.append(client.refused(eve.authenticate(client.hello)))
    assert answers == [Refusal.NOT_AUTHENTICATED] * 2


def test_another_key_cannot_change_the_capability(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    eve = relay_world.Account("bob", world.key.public, epoch=bob.epoch + 1)
    assert world.connect().refused(eve.claim()) == Refusal.NAME_TAKEN
    world.connect().open(bob)


def test_the_owner_can_change_it(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    claim = bob.claim()
    fresh = relay_world.RANDOM.octets(32)
    changed = messages.Claim(1, claim.identity, claim.device, claim.claim, H("capability", fresh))
    world.connect().ask(changed, messages.Done)
    world.connect().open(bob, capability=fresh)
    world.later(world.limits.former_life)
    old = messages.Open(1, world.mailboxes["bob"], bob.capability, False)
    assert world.connect().refused(old) == Refusal.NO_SUCH_CAPABILITY


@pytest.mark.parametrize("known", [True, False])
def test_a_knock_token_is_good_for_its_mailbox_alone(world: "World", *, known: bool) -> None:
    world.account("bob")
    world.account("eve")
    sender = world.connect()
    knock = sender.knock("eve").knock or b""
    mailbox = world.mailboxes["bob"] if known else bytes(16)
    assert sender.refused(messages.Open(1, mailbox, knock, False)) == Refusal.NO_SUCH_CAPABILITY
    sender.ask(messages.Open(1, world.mailboxes["eve"], knock, False), messages.Opened)


@pytest.mark.parametrize(("known", "renewals"), [(True, 0), (True, 2), (False, 0)])
def test_a_wrong_capability_costs_the_same_work_for_any_mailbox(
    world: "World", monkeypatch: pytest.MonkeyPatch, *, known: bool, renewals: int
) -> None:
    bob = world.account("bob")
    for number in range(1, renewals + 1):
        world.connect().ask(replace(bob, capability=bytes([number]) * 32).claim(), messages.Done)
    compared: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one) + len(other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("e2echat.relay.capabilities.compare_digest", compare)
    mailbox = world.mailboxes["bob"] if known else bytes(16)
    request = messages.Open(1, mailbox, bytes(32), False)
    assert world.connect().refused(request) == Refusal.NO_SUCH_CAPABILITY
    assert compared == [64] * 5


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_a_wrong_signature_costs_the_same_work_for_any_name(
    world: "World", relay_world: "ModuleType", monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.account("bob")
    checked: list[bytes] = []

    def verify(record: AuthRecord, key: bytes, hello: HelloRecord) -> None:
        checked.append(key)
        raise CryptoError("a signature that does not verify")

    client = world.connect()
    request = relay_world.Account(name, world.key.public).authenticate(client.hello)
    monkeypatch.setattr(AuthRecord, "verify", verify)
    assert client.refused(request) == Refusal.NOT_AUTHENTICATED
    assert len(checked) == 1


@pytest.mark.parametrize("key", ["another's", "the one that signs in"])
def test_removing_anothers_account_is_refused_like_an_unknown_one(
    world: "World", relay_world: "ModuleType", key: str
) -> None:
    """Nor does the key that signs in every day suffice for what cannot be undone."""
    bob = world.account("bob")
    answers = []
    for name in ("bob", "nobody"):
        eve = relay_world.Account(name, world.key.public)
        if key != "another's":
            eve.key = bob.sign_in
        client = world.connect()
        answers.append(client.refused(eve.leave(client.hello)))
    assert answers == [Refusal.NOT_AUTHENTICATED] * 2
    world.sign_in(bob)
