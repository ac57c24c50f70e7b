"""Claiming a taken, confusable or case-variant name: the relay refuses, whatever the order and the timing."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import World


@pytest.mark.parametrize(("first", "second"), [("bob", "b0b"), ("b0b", "bob"), ("a-l", "a1"), ("a.b", "ab")])
def test_a_confusable_name_is_refused(
    world: "World", relay_world: "ModuleType", first: str, second: str
) -> None:
    world.account(first)
    rival = relay_world.Account(second, world.key.public)
    assert world.connect().refused(rival.claim()) == Refusal.NAME_TAKEN
    assert world.connect().refused(messages.Fetch(1, second, True)) == Refusal.NO_SUCH_NAME


@pytest.mark.parametrize("older", ["claim", "device"])
def test_neither_epoch_goes_back(world: "World", relay_world: "ModuleType", older: str) -> None:
    bob = world.account("bob")
    now, before = bob.claim(), relay_world.Account("bob", bob.relay_key, bob.epoch - 1, bob.key).claim()
    assert world.connect().refused(replace(now, **{older: getattr(before, older)})) == Refusal.STALE


def test_a_higher_epoch_does_not_make_another_key_the_owner(
    world: "World", relay_world: "ModuleType"
) -> None:
    bob = world.account("bob")
    rival = relay_world.Account("bob", world.key.public, epoch=2**64 - 1)
    assert world.connect().refused(rival.claim()) == Refusal.NAME_TAKEN
    bundle = world.connect().knock("bob")
    assert bundle.identity == bob.identity.raw


@pytest.mark.parametrize("name", ["bob", "b0b"])
def test_a_claim_cannot_overtake_one_that_is_being_kept(
    world: "World", relay_world: "ModuleType", name: str
) -> None:
    bob, rival = (relay_world.Account(each, world.key.public) for each in ("bob", name))
    world.storing = False
    first, second = world.connect(), world.connect()
    first.say(messages.encode(bob.claim()))
    assert second.refused(rival.claim()) == Refusal.LIMIT
    world.storing = True
    world.turn()
    first.message(messages.Done)
    assert second.refused(rival.claim()) == Refusal.NAME_TAKEN
