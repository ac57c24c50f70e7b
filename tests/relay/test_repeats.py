"""What is submitted again: kept once while it is held, and looked up without a search."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from e2echat.relay import runs
from e2echat.wire import frames
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import World


def _id(number: int) -> bytes:
    return number.to_bytes(8) + bytes(8)


@pytest.mark.parametrize("place", ["in flight", "being written", "stored"])
def test_a_repeat_of_what_is_held_is_kept_once(world: "World", relay_world: "ModuleType", place: str) -> None:
    bob = world.account("bob")
    owner = world.sign_in(bob) if place == "in flight" else None
    sender, again = world.connect(), world.connect()
    first = frames.submission(sender.open(bob), bytes(16), b"once")
    repeat = frames.submission(again.open(bob, repeat=True), bytes(16), b"once")
    world.storing = place == "stored"
    sender.say(first)
    again.say(repeat)
    if place == "stored":
        assert again.settled() == 1
    else:
        assert again.settled() == 0
        world.storing = True
        world.later(world.limits.write_after)
        world.turn()
        assert again.settled() == 1
    if owner:
        assert owner.envelopes() == [b"once"]
        owner.acknowledge()
        owner.leave()
    else:
        assert world.sign_in(bob).envelopes() == [b"once"]


def test_a_repeat_is_accepted_only_once_the_first_is(world: "World") -> None:
    bob = world.account("bob")
    owner, sender, again = world.sign_in(bob), world.connect(), world.connect()
    sender.say(frames.submission(sender.open(bob), bytes(16), b"once"))
    channel = again.open(bob, repeat=True)
    again.say(frames.submission(channel, bytes(16), b"once") + frames.submission(channel, b"x" * 16, b"new"))
    assert owner.envelopes() == [b"once", b"new"]
    owner.say(frames.acknowledge(1))
    assert again.settled() == 1
    owner.say(frames.acknowledge(2))
    assert again.settled() == 2


def test_a_repeat_is_refused_when_the_disk_refuses_the_first(
    world: "World", relay_world: "ModuleType"
) -> None:
    bob = world.account("bob")
    sender, again = world.connect(), world.connect()
    world.storing = False
    sender.say(frames.submission(sender.open(bob), bytes(16), b"once"))
    channel = again.open(bob, repeat=True)
    owner = world.sign_in(bob)
    again.say(frames.submission(channel, b"x" * 16, b"live"))
    again.say(frames.submission(channel, bytes(16), b"once"))
    world.store_batch(fail=True)
    world.storing = True
    world.later(world.limits.write_after)
    assert relay_world.refusals(again.hear()) == [(1, Refusal.STORAGE)]
    assert relay_world.refusals(sender.hear()) == [(0, Refusal.STORAGE)]
    assert owner.envelopes() == [b"once", b"live"]


def test_repeats_keep_their_place_when_runs_are_written(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob, repeat=True)
    world.storing = False
    for envelope_id in (b"0" * 16, b"0" * 16, b"1" * 16):
        sender.say(frames.submission(channel, envelope_id, envelope_id))
    world.later(world.limits.write_after)
    owner.say(frames.acknowledge(1))
    world.store_batch(fail=True)
    heard = sender.hear()
    assert relay_world.refusals(heard) == [(2, Refusal.STORAGE)]
    assert frames.parse_channel_count(heard[-1][1])[1] == 3


def test_a_repeat_of_what_is_gone_is_kept(world: "World") -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    frame = frames.submission(sender.open(bob, repeat=True), bytes(16), b"text")
    sender.say(frame)
    owner.envelopes()
    owner.acknowledge()
    sender.say(frame)
    assert owner.envelopes() == [b"text"]


def test_an_id_that_lies_across_two_others_is_another(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob, repeat=True)
    first, second = bytes(range(16)), bytes(range(16, 32))
    ids = (first, second, first[8:] + second[:8], second)
    sender.say(b"".join(frames.submission(channel, each, each) for each in ids))
    assert len(world.sign_in(bob).envelopes()) == 3


def test_without_the_flag_nothing_is_looked_up(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    frame = frames.submission(sender.open(bob), bytes(16), b"text")
    sender.say(frame + frame)
    assert world.sign_in(bob).envelopes() == [b"text", b"text"]


def test_whoever_repeats_does_not_decide_how_much_is_searched(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_through = []

    def count(data: bytes) -> Iterator[bytes]:
        looked_through.append(len(data))
        return prefixes(data)

    prefixes = runs.prefixes
    monkeypatch.setattr(runs, "prefixes", count)
    bob = world.account("bob")
    world.sign_in(bob)
    sender = world.connect()
    channel = sender.open(bob, repeat=True)
    sender.say(frames.submission(channel, bytes(16), bytes(60_000)))
    ids = [_id(number) for number in range(1, 201)]
    for _ in range(2):
        sender.say(b"".join(frames.submission(channel, each, b"text") for each in ids))
    assert sum(looked_through) < 200_000 < 60_000 * len(ids)


@pytest.mark.parametrize("way", ["in bulk", "one by one"])
def test_what_comes_after_the_first_look_is_known_as_well(world: "World", way: str) -> None:
    bob = world.account("bob")
    sender = world.connect()
    again = sender.open(bob, repeat=True)
    plain = again if way == "one by one" else sender.open(bob)
    for number in range(3):
        sender.say(frames.submission(plain, _id(number), b"%d" % number))
        sender.say(frames.submission(again, _id(number), b"%d" % number))
    assert world.sign_in(bob).envelopes() == [b"0", b"1", b"2"]


@pytest.mark.parametrize("place", ["in flight", "being written", "stored"])
def test_what_was_acknowledged_is_not_held_any_more(world: "World", place: str) -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob, repeat=True)

    def submit(*numbers: int) -> None:
        for number in numbers:
            sender.say(frames.submission(channel, _id(number), b"%d" % number))

    world.storing = place == "stored"
    if place == "stored":
        owner.leave()
    submit(1, 2, 3)
    if place == "stored":
        owner = world.sign_in(bob)
    elif place == "being written":
        world.later(world.limits.write_after)
    assert owner.envelopes() == [b"1", b"2", b"3"]
    owner.say(frames.acknowledge(2))
    submit(3, 2)
    assert owner.envelopes() == [b"2"]


def test_what_the_disk_refused_is_not_held(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob, repeat=True)
    frame = frames.submission(channel, bytes(16), b"text")
    world.storing = False
    sender.say(frame)
    world.store_batch(fail=True)
    world.storing = True
    sender.say(frame)
    assert relay_world.refusals(sender.hear()) == [(0, Refusal.STORAGE)]
    assert world.sign_in(bob).envelopes() == [b"text"]


def test_nothing_is_remembered_once_nobody_can_repeat(world: "World") -> None:
    bob = world.account("bob")
    mailbox = world.board._delivery.mailboxes[world.mailboxes["bob"]]
    clients = [world.connect(), world.connect()]
    for client in clients:
        client.say(frames.submission(client.open(bob, repeat=True), bytes(16), b"text"))
    clients[0].leave()
    assert mailbox._known is not None
    clients[1].leave()
    assert mailbox._known is None


def test_what_has_expired_is_not_held(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob, repeat=True)
    frame = frames.submission(channel, bytes(16), b"text")
    sender.say(frame)
    world.board.tick(world.now, world.today + world.limits.retention)
    world.board._delivery.expire()
    sender.say(frame)
    assert world.sign_in(bob).envelopes() == [b"text"]
