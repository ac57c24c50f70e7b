"""The capability in force, and those before it: honoured for a while, at a reduced rate."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import MalformedError
from e2echat.relay.capabilities import MOST_FORMER, Capabilities, Former, Grade
from e2echat.relay.limits import DAY, Limits
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal
from tests.helpers.relay_world import RANDOM, Account, Client, submissions

if TYPE_CHECKING:
    from tests.helpers.relay_world import World


def _renew(world: "World", account: Account) -> Account:
    """The owner, with another capability in force."""
    fresh = replace(account, capability=RANDOM.octets(32))
    # ``replace`` makes records anew; the device is to stay the same one.
    fresh.identity, fresh.device = account.identity, account.device
    world.connect().ask(fresh.claim(), messages.Done)
    return fresh


def _send(client: Client, channel: int, count: int) -> int:
    """Submit so many envelopes; how many the relay refuses for want of allowance."""
    client.say(submissions(channel, [b"x" * 50] * count))
    return sum(tag == 3 for tag, _ in client.hear())


def test_one_before_it_still_counts_for_three_weeks(world: "World") -> None:
    bob = world.account("bob")
    _renew(world, bob)
    world.later(21 * DAY - 1)
    world.connect().open(bob)
    world.later(1)
    old = messages.Open(1, world.mailboxes["bob"], bob.capability, False)
    assert world.connect().refused(old) == Refusal.NO_SUCH_CAPABILITY


def test_it_counts_beyond_a_crash(make_world: Callable[..., "World"], tmp_path: Path) -> None:
    world = make_world(path=tmp_path / "relay.db")
    bob = world.account("bob")
    fresh = _renew(world, bob)
    world.crash()
    for account in (bob, fresh):
        world.connect().open(account)


def test_all_who_use_one_share_a_small_allowance_a_day(make_world: Callable[..., "World"]) -> None:
    world = make_world(Limits(knock_envelopes=10))
    bob = world.account("bob")
    fresh = _renew(world, bob)
    for count, refused in ((7, 0), (5, 2), (2, 2)):
        client = world.connect()
        assert _send(client, client.open(bob), count) == refused
    client = world.connect()
    assert _send(client, client.open(fresh), 50) == 0
    world.later(DAY)
    client = world.connect()
    assert _send(client, client.open(bob), 10) == 0


def test_what_is_open_under_it_when_another_takes_its_place_is_slowed_at_once(
    make_world: Callable[..., "World"],
) -> None:
    world = make_world(Limits(knock_envelopes=10))
    bob = world.account("bob")
    client, gone = world.connect(), world.connect()
    channel = client.open(bob)
    gone.open(bob)
    gone.leave()
    assert len(world.board._delivery.mailboxes[world.mailboxes["bob"]].channels) == 1
    assert _send(client, channel, 20) == 0
    _renew(world, bob)
    assert _send(client, channel, 20) == 10


def test_the_same_claim_again_makes_none_a_former_one(world: "World") -> None:
    bob = world.account("bob")
    client = world.connect()
    channel = client.open(bob)
    world.connect().ask(bob.claim(), messages.Done)
    assert _send(client, channel, 200) == 0


def test_few_are_remembered(world: "World") -> None:
    owners = [world.account("bob")]
    for _ in range(MOST_FORMER + 1):
        owners.append(_renew(world, owners[-1]))
    oldest = messages.Open(1, world.mailboxes["bob"], owners[0].capability, False)
    assert world.connect().refused(oldest) == Refusal.NO_SUCH_CAPABILITY
    for owner in owners[1:]:
        world.connect().open(owner)


def test_one_that_comes_back_is_no_former_one() -> None:
    capabilities = Capabilities(bytes(32)).renewed(b"b" * 32, 5).renewed(bytes(32), 9)
    assert capabilities == Capabilities(bytes(32), (Former(b"b" * 32, 9),))


@pytest.mark.parametrize("count", range(MOST_FORMER + 1))
def test_the_former_ones_are_read_as_they_were_written(count: int) -> None:
    former = tuple(Former(RANDOM.octets(32), 2**40 + number) for number in range(count))
    capabilities = Capabilities(RANDOM.octets(32), former)
    assert Capabilities.decode(capabilities.current, capabilities.encode_former()) == capabilities


@pytest.mark.parametrize(
    ("current", "former"), [(bytes(31), b""), (bytes(32), bytes(39)), (bytes(32), bytes(200))]
)
def test_damaged_ones_are_refused(current: bytes, former: bytes) -> None:
    with pytest.raises(MalformedError):
        Capabilities.decode(current, former)


def test_the_hash_of_nothing_is_none() -> None:
    """Places without a former capability are compared, too, and are nobody's."""
    assert Capabilities(b"x" * 32).grade(bytes(32), 0) is Grade.NONE
