"""Envelopes on their way: order, acknowledgement, storage, quotas, repeats."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.relay.limits import Limits
from e2echat.wire import frames
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import World

TEXTS = [b"%d" % number for number in range(5)]


def test_what_is_online_and_acknowledged_is_never_written(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob)
    world.batches.clear()
    sender.say(relay_world.submissions(channel, TEXTS))
    assert owner.envelopes() == TEXTS
    assert sender.settled() == 0
    owner.acknowledge()
    assert sender.settled() == len(TEXTS)
    world.later(1)
    assert not any("AppendSegment" in batch for batch in world.batches)


def test_delivered_frames_are_the_submitted_bytes(world: "World") -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    frame = frames.submission(sender.open(bob), bytes(range(16)), b"sealed")
    sender.say(frame)
    assert owner.connection.take_output() == frame


def test_stored_frames_are_the_submitted_bytes(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    frame = frames.submission(sender.open(bob), bytes(range(16)), b"sealed")
    sender.say(frame)
    assert [frames.frame(*heard) for heard in world.sign_in(bob).hear()] == [frame]


def test_an_acknowledgement_cuts_a_run(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    owner.say(frames.acknowledge(2))
    assert sender.settled() == 2
    owner.leave()
    assert sender.settled() == len(TEXTS)
    assert world.sign_in(bob).envelopes() == TEXTS[2:]


def test_channels_that_take_turns_keep_the_order_of_each_mailbox(world: "World") -> None:
    bob, carol = world.account("bob"), world.account("carol")
    to_bob, to_carol, sender = world.sign_in(bob), world.sign_in(carol), world.connect()
    one, other, third = sender.open(bob), sender.open(bob), sender.open(carol)
    turns = [
        (one, b"1"),
        (third, b"a"),
        (one, b"2"),
        (other, b"3"),
        (third, b"b"),
        (one, b"4"),
        (third, b"c"),
    ]
    sender.say(b"".join(frames.submission(channel, text * 16, text) for channel, text in turns))
    assert to_bob.envelopes() == [b"1", b"2", b"3", b"4"]
    assert to_carol.envelopes() == [b"a", b"b", b"c"]
    to_bob.say(frames.acknowledge(3))
    to_carol.acknowledge()
    settled = [frames.parse_channel_count(body) for _, body in sender.hear()]
    assert sorted(settled) == sorted([(one, 2), (other, 1), (third, 3)])


def test_accepted_follows_the_disk(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    world.storing = False
    sender.say(relay_world.submissions(channel, TEXTS))
    assert sender.settled() == 0
    world.store_batch()
    assert sender.settled() == len(TEXTS)


def test_what_an_owner_does_not_acknowledge_is_written_soon(
    world: "World", relay_world: "ModuleType"
) -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    world.later(world.limits.write_after)
    assert sender.settled() == len(TEXTS)
    assert owner.envelopes() == TEXTS
    owner.acknowledge()
    owner.leave()
    assert world.sign_in(bob).envelopes() == []


def test_order_survives_live_late_and_stored(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    sender.say(relay_world.submissions(channel, [b"stored"]))
    owner = world.sign_in(bob)
    world.storing = False
    sender.say(relay_world.submissions(channel, [b"live"]))
    world.later(world.limits.write_after)
    sender.say(relay_world.submissions(channel, [b"while written"]))
    owner.leave()
    sender.say(relay_world.submissions(channel, [b"while away"]))
    owner = world.sign_in(bob)
    world.storing = True
    world.turn()
    sender.say(relay_world.submissions(channel, [b"again live"]))
    assert owner.envelopes() == [b"stored", b"live", b"while written", b"while away", b"again live"]
    owner.acknowledge()
    assert sender.settled() == 5
    owner.leave()
    assert world.sign_in(bob).envelopes() == []


def test_a_crash_loses_nothing_that_was_accepted(
    make_world: "Callable[..., World]", relay_world: "ModuleType", tmp_path: Path
) -> None:
    path = tmp_path / "relay.db"
    path.touch()
    world = make_world(path=path)
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    sender.say(relay_world.submissions(channel, TEXTS))
    owner = world.sign_in(bob)
    owner.say(frames.acknowledge(2))
    world.storing = False
    sender.say(relay_world.submissions(channel, [b"never accepted"]))
    assert sender.settled() == len(TEXTS)
    world.storing = True
    world.crash()
    owner = world.sign_in(bob)
    assert owner.envelopes() == TEXTS[2:]
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [b"next"]))
    assert owner.envelopes() == [b"next"]


def test_a_second_connection_replaces_the_first(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    first, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob)
    sender.say(relay_world.submissions(channel, TEXTS))
    second = world.sign_in(bob)
    assert first.closing
    assert second.envelopes() == TEXTS
    first.leave()
    sender.say(relay_world.submissions(channel, [b"more"]))
    assert second.envelopes() == [b"more"]


@pytest.mark.parametrize("count", [1, 3, 2**64 - 1])
def test_acknowledging_more_than_was_delivered_closes(
    world: "World", relay_world: "ModuleType", count: int
) -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob)
    if count == 3:
        sender.say(relay_world.submissions(channel, TEXTS[:2]))
    owner.say(frames.acknowledge(count))
    assert owner.closing


def test_acknowledging_backwards_closes(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    owner.say(frames.acknowledge(2))
    owner.say(frames.acknowledge(1))
    assert owner.closing


def test_a_full_mailbox_refuses_and_keeps_what_it_has(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(mailbox_envelopes=3))
    bob = world.account("bob")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    heard = sender.hear()
    assert relay_world.refusals(heard) == [(3, Refusal.MAILBOX_FULL), (4, Refusal.MAILBOX_FULL)]
    assert heard[-1][0] == frames.Tag.ACCEPTED
    assert frames.parse_channel_count(heard[-1][1])[1] == len(TEXTS)
    assert world.sign_in(bob).envelopes() == TEXTS[:3]


def test_a_mailbox_is_also_full_by_bytes(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(mailbox_bytes=250))
    bob = world.account("bob")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [bytes(100)] * 3))
    assert relay_world.refusals(sender.hear()) == [(2, Refusal.MAILBOX_FULL)]


def test_acknowledging_makes_room(make_world: "Callable[..., World]", relay_world: "ModuleType") -> None:
    world = make_world(Limits(mailbox_envelopes=2))
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    sender.say(relay_world.submissions(channel, TEXTS[:2]))
    owner = world.sign_in(bob)
    owner.envelopes()
    owner.acknowledge()
    owner.leave()
    sender.hear()
    sender.say(relay_world.submissions(channel, TEXTS[:2]))
    assert relay_world.refusals(sender.hear()) == []


def test_a_failing_disk_refuses_and_the_owner_keeps_what_he_was_given(
    world: "World", relay_world: "ModuleType"
) -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    channel = sender.open(bob)
    world.storing = False
    sender.say(relay_world.submissions(channel, TEXTS))
    owner.say(frames.acknowledge(1))
    world.later(world.limits.write_after)
    owner.say(frames.acknowledge(2))
    world.store_batch(fail=True)
    heard = sender.hear()
    assert relay_world.refusals(heard) == [(index, Refusal.STORAGE) for index in (2, 3, 4)]
    assert frames.parse_channel_count(heard[-1][1])[1] == len(TEXTS)
    world.storing = True
    sender.say(relay_world.submissions(channel, [b"after"]))
    assert owner.envelopes() == [*TEXTS, b"after"]
    owner.acknowledge()
    assert not owner.closing
    assert sender.settled() == 6


def test_a_failing_disk_refuses_what_nobody_was_given(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    world.storing = False
    sender.say(relay_world.submissions(channel, TEXTS))
    world.store_batch(fail=True)
    assert len(relay_world.refusals(sender.hear())) == len(TEXTS)
    world.storing = True
    sender.say(relay_world.submissions(channel, [b"after"]))
    assert world.sign_in(bob).envelopes() == [b"after"]


def test_a_disk_that_does_not_read_closes_and_loses_nothing(
    world: "World", relay_world: "ModuleType"
) -> None:
    bob = world.account("bob")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    world.storing = False
    owner = world.sign_in(bob)
    world.store_batch(fail_reads=True)
    assert owner.closing
    owner.leave()
    world.storing = True
    assert world.sign_in(bob).envelopes() == TEXTS


def test_a_window_bounds_what_is_unacknowledged(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(window_bytes=1000, segment_bytes=300))
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    texts = [b"%100d" % number for number in range(50)]
    sender.say(relay_world.submissions(sender.open(bob), texts))
    heard: list[bytes] = []
    while part := owner.envelopes():
        assert sum(map(len, part)) <= 1000
        heard += part
        owner.acknowledge()
    assert heard == texts
    assert sender.settled() == len(texts)
    owner.leave()
    assert world.sign_in(bob).envelopes() == []


def test_a_window_is_also_full_by_envelopes(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(window_envelopes=3))
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    assert owner.envelopes() == TEXTS[:3]
    owner.acknowledge()
    assert owner.envelopes() == TEXTS[3:]


def test_what_arrives_waits_for_what_is_being_read(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    sender.say(relay_world.submissions(channel, [b"old"]))
    world.storing = False
    owner = world.sign_in(bob)
    sender.say(relay_world.submissions(channel, [b"new"]))
    assert owner.envelopes() == []
    world.storing = True
    world.turn()
    assert owner.envelopes() == [b"old", b"new"]


def test_what_was_given_is_written_before_what_was_not(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(window_envelopes=2))
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    owner.leave()
    stored = b"".join(map(world.store.read, relay_world.stretches(world.store)))
    assert [frames.parse_envelope(body)[1] for _, body in frames.FrameDecoder().feed(stored)] == TEXTS


def test_what_the_disk_did_not_drop_is_dropped_later(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), TEXTS))
    owner = world.sign_in(bob)
    owner.envelopes()
    world.storing = False
    owner.acknowledge()
    world.store_batch(fail=True)
    world.storing = True
    assert len(list(world.store.index())) == 1
    world.later(world.limits.expiry_every)
    assert list(world.store.index()) == []


def test_a_big_mailbox_comes_back_whole(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(window_bytes=2000, segment_bytes=500))
    bob = world.account("bob")
    sender = world.connect()
    texts = [b"%100d" % number for number in range(100)]
    sender.say(relay_world.submissions(sender.open(bob), texts))
    owner = world.sign_in(bob)
    heard: list[bytes] = []
    while part := owner.envelopes():
        heard += part
        owner.acknowledge()
    assert heard == texts


def test_a_frame_larger_than_the_window_still_arrives(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(window_bytes=1000, segment_bytes=300))
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [bytes(5000)]))
    assert owner.envelopes() == [bytes(5000)]


def test_envelopes_expire_after_their_time(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")

    def submit(text: bytes) -> None:
        sender = world.connect()
        sender.say(relay_world.submissions(sender.open(bob), [text]))

    submit(b"old")
    world.later(world.limits.retention - 60)
    submit(b"new")
    world.later(world.limits.expiry_every)
    submit(b"newest")
    assert len(list(world.store.index())) == 2
    assert world.sign_in(bob).envelopes() == [b"new", b"newest"]


def test_a_knock_token_is_good_for_a_while_and_a_little(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(knock_envelopes=3, work_bits=4))
    bob = world.account("bob")
    sender = world.connect()
    knock = sender.knock("bob").knock
    sender.say(relay_world.submissions(sender.open(bob, capability=knock), TEXTS[:2]))
    sender.hear()
    sender.say(relay_world.submissions(sender.open(bob, capability=knock), TEXTS[2:]))
    assert relay_world.refusals(sender.hear()) == [(1, Refusal.LIMIT), (2, Refusal.LIMIT)]
    assert world.sign_in(bob).envelopes() == TEXTS[:3]
