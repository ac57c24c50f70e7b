"""A stranger's flood: it stops at the allowance of knocks, and contacts notice nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.relay.limits import Limits
from e2echat.relay.server import Relay
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, Client, World

QUICK = {"work_bits": 4, "work_bits_most": 4}


def flood(world: "World", relay_world: "ModuleType", bob: "Account", size: int = 10) -> "dict[int, int]":
    """Knock as often as the relay lets one, and send all that one can; how often what was refused."""
    refusals: dict[int, int] = {}
    while True:
        stranger = world.connect()
        stranger.say(messages.encode(messages.AskPuzzle(1, "bob")))
        answer = messages.decode(stranger.hear()[0][1])
        if isinstance(answer, messages.Refused):
            assert answer.reason == Refusal.CROWDED
            return refusals
        knock = stranger.knock("bob").knock
        channel = stranger.open(bob, capability=knock)
        stranger.say(relay_world.submissions(channel, [bytes(size)] * (world.limits.knock_envelopes + 20)))
        for tag, body in stranger.hear():
            if tag == frames.Tag.REFUSED:
                reason = frames.parse_refusal(body)[2]
                refusals[reason] = refusals.get(reason, 0) + 1
        stranger.leave()


@pytest.mark.parametrize("size", [10, 20_000])
def test_a_flood_leaves_an_absent_recipients_mailbox_to_his_contacts(
    make_world: "Callable[..., World]", relay_world: "ModuleType", size: int
) -> None:
    world = make_world(Limits(**QUICK))
    bob = world.account("bob")
    contact = world.connect()
    channel = contact.open(bob)
    contact.say(relay_world.submissions(channel, [b"before"] * 3))
    refusals = flood(world, relay_world, bob, size)
    assert refusals[Refusal.MAILBOX_FULL] > 800
    waiting = world.board.gauges()
    limits = world.limits
    assert waiting["waiting_envelopes"] - 3 <= limits.stranger_envelopes
    assert waiting["waiting_bytes"] <= limits.stranger_bytes + 1_000
    after = limits.mailbox_envelopes - limits.stranger_envelopes - 3
    contact.hear()
    contact.say(relay_world.submissions(channel, [b"after"] * after))
    assert all(tag != frames.Tag.REFUSED for tag, _ in contact.hear())
    owner = world.sign_in(bob)
    seen = []
    while heard := owner.envelopes():
        seen += heard
        owner.acknowledge()
    assert seen.count(b"before") == 3
    assert seen.count(b"after") == after


def test_one_token_stops_at_its_allowance(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    owner, stranger = world.sign_in(bob), world.connect()
    knock = stranger.knock("bob").knock
    channel = stranger.open(bob, capability=knock)
    for _ in range(world.limits.knock_envelopes + 7):
        stranger.say(relay_world.submissions(channel, [b"spam"]))
        owner.envelopes()
        owner.acknowledge()
    assert owner.seen == world.limits.knock_envelopes
    refused = [frames.parse_refusal(body) for tag, body in stranger.hear() if tag == frames.Tag.REFUSED]
    assert [reason for _, _, reason in refused] == [Refusal.LIMIT] * 7


def test_opening_again_gives_no_more(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    knock = world.connect().knock("bob").knock
    for number in range(3):
        stranger = world.connect()
        channel = stranger.open(bob, capability=knock, repeat=number == 2)
        stranger.say(relay_world.submissions(channel, [b"spam"] * world.limits.knock_envelopes))
    assert world.board.gauges()["waiting_envelopes"] == world.limits.knock_envelopes


def test_what_strangers_sent_makes_room_as_it_is_taken(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(stranger_envelopes=5, **QUICK))
    bob = world.account("bob")

    def knocked(stranger: "Client", count: int) -> list[int]:
        stranger.hear()
        channel = stranger.open(bob, capability=knock)
        stranger.say(relay_world.submissions(channel, [b"spam"] * count))
        return [body[12] for tag, body in stranger.hear() if tag == frames.Tag.REFUSED]

    stranger = world.connect()
    knock = stranger.knock("bob").knock
    assert knocked(stranger, 7) == [Refusal.MAILBOX_FULL] * 2
    owner = world.sign_in(bob)
    assert len(owner.envelopes()) == 5
    owner.acknowledge()
    owner.leave()
    assert knocked(stranger, 6) == [Refusal.MAILBOX_FULL]


def test_what_contacts_send_meanwhile_is_not_counted_as_theirs(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(stranger_envelopes=5, **QUICK))
    bob = world.account("bob")
    stranger, contact = world.connect(), world.connect()
    knocked, known = stranger.open(bob, capability=stranger.knock("bob").knock), contact.open(bob)
    # All on its way to the disk at once.
    world.storing = False
    for client, channel, count in ((stranger, knocked, 1), (contact, known, 9), (stranger, knocked, 5)):
        client.say(relay_world.submissions(channel, [b"text"] * count))
    refused = [body[12] for tag, body in stranger.hear() if tag == frames.Tag.REFUSED]
    assert refused == [Refusal.MAILBOX_FULL]


def test_a_real_relay_under_a_flood_serves_contacts_as_before(
    start_relay: Callable[..., Relay], relay_world: "ModuleType", relay_sockets: "ModuleType"
) -> None:
    """From the outside: the stranger sends without a pause, the contact's message is there after each burst."""
    relay = start_relay(tls=False, limits=Limits(knocks_daily=3, **QUICK))
    bob = relay_world.Account("bob", relay.address.key)
    with (
        relay_sockets.SocketClient(relay) as owner,
        relay_sockets.SocketClient(relay) as contact,
        relay_sockets.SocketClient(relay) as stranger,
    ):
        owner.ask(bob.claim(), messages.Done)
        mailbox = owner.ask(bob.authenticate(owner.hello), messages.Welcome).mailbox
        channel = contact.ask(messages.Open(1, mailbox, bob.capability, False), messages.Opened).channel
        spam = 0
        for burst in range(5):
            stranger.say(messages.encode(messages.AskPuzzle(1, "bob")))
            answer = messages.decode(stranger.frame()[1])
            if isinstance(answer, messages.Challenge):
                solution = relay_world.solve(stranger.hello, answer, "bob")
                bundle = stranger.ask(messages.Fetch(2, "bob", False, None, solution), messages.Bundle)
                opening = messages.Open(3, mailbox, bundle.knock or b"", False)
                knocked = stranger.ask(opening, messages.Opened).channel
                stranger.say(relay_world.submissions(knocked, [b"spam"] * 150))
            else:
                assert burst >= 3
                assert answer == messages.Refused(1, int(Refusal.CROWDED))
            contact.say(relay_world.submissions(channel, [b"from a contact %d" % burst]))
            taken = 0
            while (text := owner.envelope()) == b"spam":
                spam, taken = spam + 1, taken + 1
            assert text == b"from a contact %d" % burst
            owner.say(frames.acknowledge(spam + burst + 1))
            # What the relay has to say of the burst, up to its last word on it.
            settled = 0
            while isinstance(answer, messages.Challenge) and settled < 150:
                tag, body = stranger.frame()
                settled = frames.parse_channel_count(body)[1] if tag == frames.Tag.ACCEPTED else settled
    assert spam == 3 * 100
