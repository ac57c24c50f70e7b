"""An owner who removes his account: gone for good, and only by the account's own key over a fresh hello."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.prekeys import PrekeyKind
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, Client, World


def _leave(world: "World", account: "Account") -> "Client":
    client = world.connect()
    client.ask(account.leave(client.hello), messages.Done)
    return client


def test_name_prekeys_and_envelopes_are_gone_for_good(
    make_world: "Callable[..., World]", relay_world: "ModuleType", tmp_path: Path
) -> None:
    world = make_world(path=tmp_path / "relay.db")
    bob = world.account("bob")
    owner = world.sign_in(bob)
    owner.ask(messages.Publish(4, bob.prekey(PrekeyKind.SIGNED, 1), []), messages.Done)
    sender = world.connect()
    channel = sender.open(bob)
    owner.leave()
    sender.say(relay_world.submissions(channel, [b"for bob"]))
    _leave(world, bob)
    for _ in range(2):
        assert world.connect().refused(messages.Fetch(1, "bob", False)) == Refusal.NO_SUCH_NAME
        for name in ("bob", "b0b"):
            claim = relay_world.Account(name, world.key.public).claim()
            assert world.connect().refused(claim) == Refusal.NAME_TAKEN
        opening = messages.Open(1, world.mailboxes["bob"], bob.capability, False)
        assert world.connect().refused(opening) == Refusal.NO_SUCH_CAPABILITY
        assert list(world.store.index()) == []
        world.crash()
    world.database.close()


def test_who_is_signed_in_elsewhere_is_cut_off(world: "World") -> None:
    bob = world.account("bob")
    elsewhere = world.sign_in(bob)
    assert not _leave(world, bob).closing
    assert elsewhere.closing


def test_again_there_is_nobody_to_leave(world: "World") -> None:
    bob = world.account("bob")
    _leave(world, bob)
    client = world.connect()
    assert client.refused(bob.leave(client.hello)) == Refusal.NOT_AUTHENTICATED


def test_the_hello_is_used_up_by_signing_in_and_by_time(world: "World") -> None:
    bob = world.account("bob")
    client = world.sign_in(bob)
    assert client.refused(bob.leave(client.hello)) == Refusal.NOT_AUTHENTICATED
    late = world.connect()
    world.later(world.limits.hello_life + 1)
    assert late.refused(bob.leave(late.hello)) == Refusal.NOT_AUTHENTICATED
    world.sign_in(bob)


def test_a_sending_connection_may_not(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    sender.ask(messages.Fetch(1, "bob", False), messages.Bundle)
    assert sender.refused(bob.leave(sender.hello)) == Refusal.MALFORMED


@pytest.mark.parametrize("asked", [1, 2])
def test_a_disk_that_does_not_take_it_keeps_the_account(world: "World", asked: int) -> None:
    bob = world.account("bob")
    for _ in range(asked):
        world.storing = False
        client = world.connect()
        client.say(messages.encode(bob.leave(client.hello)))
        world.store_batch(fail=True)
        assert client.message(messages.Refused).reason == Refusal.STORAGE
        world.storing = True
    world.sign_in(bob)
    _leave(world, bob)


def test_done_follows_once_it_is_durable(world: "World") -> None:
    bob = world.account("bob")
    world.storing = False
    client, other = world.connect(), world.connect()
    client.say(messages.encode(bob.leave(client.hello)))
    assert client.hear() == []
    # It is being removed: neither twice at once, nor claimed meanwhile.
    assert other.refused(bob.newer().claim()) == Refusal.LIMIT
    world.storing = True
    world.turn()
    client.message(messages.Done)
