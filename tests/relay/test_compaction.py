"""What is acknowledged leaves the disk, whatever else is in its segment."""

from typing import TYPE_CHECKING

import pytest

from e2echat.wire import frames

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, Client, World


def test_a_segment_that_is_mostly_acknowledged_is_compacted(kept: "World", relay_world: "ModuleType") -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (carol, [b"one"]), (bob, [secret] * 4), (carol, [b"two"]))
    relay_world.together(kept, (carol, [b"three"]))
    assert relay_world.on_disk(kept).count(secret) == 4
    owner = kept.sign_in(bob)
    owner.envelopes()
    owner.say(frames.acknowledge(2))
    assert relay_world.on_disk(kept).count(secret) == 4
    owner.say(frames.acknowledge(4))
    assert secret not in relay_world.on_disk(kept)
    assert len(list(kept.store.index())) == 2
    for _ in range(2):
        to_carol = kept.sign_in(carol)
        assert to_carol.envelopes() == [b"one", b"two", b"three"]
        to_carol.leave()
        kept.crash()


def test_whatever_is_acknowledged_is_gone_within_the_hour(kept: "World", relay_world: "ModuleType") -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (carol, [bytes(5_000)]), (bob, [secret]))
    owner = kept.sign_in(bob)
    assert owner.envelopes() == [secret]
    owner.acknowledge()
    assert secret in relay_world.on_disk(kept)
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)
    # There is nothing to be done a second time.
    kept.batches.clear()
    kept.later(kept.limits.expiry_every)
    assert not any("CompactSegment" in batch for batch in kept.batches)
    assert kept.sign_in(carol).envelopes() == [bytes(5_000)]


def test_a_compaction_that_the_disk_did_not_take_is_made_later(
    kept: "World", relay_world: "ModuleType"
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (carol, [b"one"]), (bob, [secret] * 4))
    owner = kept.sign_in(bob)
    owner.envelopes()
    kept.storing = False
    owner.acknowledge()
    kept.store_batch(fail=True)
    kept.storing = True
    assert secret in relay_world.on_disk(kept)
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)
    kept.crash()
    assert kept.sign_in(bob).envelopes() == []
    assert kept.sign_in(carol).envelopes() == [b"one"]


def test_what_a_removed_one_had_goes_from_what_others_still_need(
    kept: "World", relay_world: "ModuleType"
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (bob, [secret]), (carol, [bytes(5_000)]))
    kept.board.admin.remove("bob", lambda _: None)
    kept.turn()
    kept.crash()
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)
    assert kept.sign_in(carol).envelopes() == [bytes(5_000)]


@pytest.mark.parametrize("compactions", [1, 8, 9])
def test_however_many_there_are_all_are_compacted_a_few_at_a_time(
    kept: "World", relay_world: "ModuleType", compactions: int
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    for _ in range(compactions):
        relay_world.together(kept, (carol, [bytes(5_000)]), (bob, [secret]))
    _take_all(kept, bob)
    assert relay_world.on_disk(kept).count(secret) == compactions
    kept.batches.clear()
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)
    counts = [batch.count("CompactSegment") for batch in kept.batches]
    assert sum(counts) == compactions
    assert max(counts) <= 8


def _take_all(world: "World", account: "Account") -> "Client":
    owner = world.sign_in(account)
    owner.envelopes()
    owner.acknowledge()
    return owner


@pytest.mark.parametrize("segments", [7, 20])
def test_segments_that_cannot_be_compacted_are_in_nobodys_way(
    kept: "World", relay_world: "ModuleType", segments: int
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    for _ in range(segments):
        relay_world.together(kept, (bob, [b"text"]), (carol, [bytes(500)]))
    _take_all(kept, bob).leave()
    kept.database.change("UPDATE segment SET directory = x'00'", ())
    kept.database.commit()
    for hour in range(segments + 2):
        kept.batches.clear()
        kept.storing = False
        kept.later(kept.limits.expiry_every)
        kept.storing = True
        sender = relay_world.together(kept, (bob, [b"%d" % hour]))
        assert relay_world.refusals(sender.hear()) == []
    # Each was tried, and not for ever.
    assert not any("CompactSegment" in batch for batch in kept.batches)


def test_what_a_removed_one_had_goes_though_the_relay_died_in_between(
    kept: "World", relay_world: "ModuleType"
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (bob, [secret]), (carol, [bytes(5_000)]))
    kept.storing = False
    kept.board.admin.remove("bob", lambda _: None)
    kept.store_batch()
    kept.storing = True
    kept.crash()
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)
    assert kept.sign_in(carol).envelopes() == [bytes(5_000)]


def test_an_acknowledgement_that_the_disk_did_not_take_goes_with_the_next_batch(
    kept: "World", relay_world: "ModuleType"
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    relay_world.together(kept, (bob, [b"one", b"two"]))
    owner = kept.sign_in(bob)
    owner.envelopes()
    kept.storing = False
    owner.say(frames.acknowledge(1))
    kept.store_batch(fail=True)
    # It waits for something that is to be written anyway: else a disk that fails would be asked over and over.
    assert not kept.store_batch()
    kept.storing = True
    relay_world.together(kept, (carol, [b"other"]))
    kept.crash()
    assert kept.sign_in(bob).envelopes() == [b"two"]


def test_it_is_made_within_the_hour_in_any_case(kept: "World", relay_world: "ModuleType") -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (bob, [secret]), (carol, [bytes(1_500)]))
    owner = kept.sign_in(bob)
    owner.envelopes()
    kept.storing = False
    owner.acknowledge()
    kept.store_batch(fail=True)
    kept.storing = True
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)
    kept.crash()
    assert kept.sign_in(bob).envelopes() == []


def test_what_is_gone_before_its_turn_need_not_be_compacted(kept: "World", relay_world: "ModuleType") -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    for _ in range(9):
        relay_world.together(kept, (bob, [b"text"]), (carol, [bytes(500)]))
    _take_all(kept, bob)
    kept.storing = False
    kept.board._delivery.expire()
    kept.store_batch()
    kept.storing = True
    _take_all(kept, carol)
    assert list(kept.store.index()) == []


def test_what_is_acknowledged_while_its_segment_is_compacted_goes_with_the_next_look(
    kept: "World", relay_world: "ModuleType"
) -> None:
    bob, carol = kept.account("bob"), kept.account("carol")
    secret = bytes(range(100, 200))
    relay_world.together(kept, (bob, [b"one", secret]), (carol, [bytes(1_500)]))
    owner = kept.sign_in(bob)
    owner.envelopes()
    owner.say(frames.acknowledge(1))
    kept.storing = False
    kept.board._delivery.expire()
    work = kept.take_batch()
    owner.say(frames.acknowledge(2))
    kept.finish(work)
    kept.storing = True
    kept.turn()
    kept.later(kept.limits.expiry_every)
    assert secret not in relay_world.on_disk(kept)


def test_a_mark_that_is_made_again_does_not_undo_a_later_one(
    kept: "World", relay_world: "ModuleType"
) -> None:
    bob = kept.account("bob")
    relay_world.together(kept, (bob, [b"one", b"two", b"three"]))
    owner = kept.sign_in(bob)
    owner.envelopes()
    kept.storing = False
    owner.say(frames.acknowledge(1))
    work = kept.take_batch(fail=True)
    owner.say(frames.acknowledge(2))
    kept.finish(work)
    kept.storing = True
    kept.turn()
    kept.crash()
    assert kept.sign_in(bob).envelopes() == [b"three"]
