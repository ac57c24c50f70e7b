"""Requests, roles, refusals, and hostile bytes."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.prekeys import PrekeyBundle, PrekeyKind
from e2echat.crypto.primitives import H
from e2echat.relay.connection import Connection
from e2echat.relay.limits import Limits
from e2echat.relay.tokens import Registration
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Account, World

MakeAccount = Callable[[str], "Account"]


@pytest.fixture
def unclaimed(world: "World", relay_world: "ModuleType") -> MakeAccount:
    def make(name: str) -> "Account":
        account: Account = relay_world.Account(name, world.key.public)
        return account

    return make


def publish(account: "Account", *one_time: int, signed: int | None = 1) -> messages.Publish:
    record = account.prekey(PrekeyKind.SIGNED, signed) if signed else None
    return messages.Publish(4, record, [account.prekey(PrekeyKind.ONE_TIME, number) for number in one_time])


def test_every_connection_has_its_own_nonce(world: "World") -> None:
    assert world.connect().hello.nonce != world.connect().hello.nonce


def test_a_name_is_claimed_once_and_kept(world: "World", unclaimed: MakeAccount) -> None:
    bob = unclaimed("bob")
    client = world.connect()
    assert client.ask(bob.claim(), messages.Done).request == 1
    first = client.ask(bob.authenticate(client.hello), messages.Welcome)
    assert (first.waiting, first.one_time_left) == (0, 0)
    again = world.connect()
    again.ask(bob.claim(), messages.Done)
    assert again.ask(bob.authenticate(again.hello), messages.Welcome).mailbox == first.mailbox


@pytest.mark.parametrize("name", ["bob", "b0b", "b-o-b", "b.0_b"])
def test_a_taken_or_confusable_name_is_refused(world: "World", unclaimed: MakeAccount, name: str) -> None:
    world.account("bob")
    assert world.connect().refused(unclaimed(name).claim()) == Refusal.NAME_TAKEN


def test_closed_registration_takes_no_new_name_but_keeps_the_old(
    make_world: "Callable[..., World]", relay_world: "ModuleType", tmp_path: Path
) -> None:
    path = tmp_path / "relay.db"
    path.touch()
    world = make_world(path=path)
    bob = world.account("bob")
    world.registration = Registration.CLOSED
    world.crash()
    world.connect().ask(bob.claim(), messages.Done)
    carol = relay_world.Account("carol", world.key.public)
    assert world.connect().refused(carol.claim()) == Refusal.REGISTRATION_CLOSED


@pytest.mark.parametrize("restarted", [False, True])
def test_a_newer_device_replaces_the_old_and_its_prekeys(
    make_world: "Callable[..., World]", tmp_path: Path, *, restarted: bool
) -> None:
    path = tmp_path / "relay.db"
    path.touch()
    world = make_world(path=path)
    old = world.account("bob")
    owner = world.sign_in(old)
    owner.ask(publish(old, 1, 2), messages.Done)
    new = old.newer()
    client = world.connect()
    client.ask(new.claim(), messages.Done)
    assert owner.closing
    if restarted:
        world.crash()
        client = world.connect()
    assert client.ask(new.authenticate(client.hello), messages.Welcome).one_time_left == 0
    other = world.connect()
    assert other.refused(old.authenticate(other.hello)) == Refusal.NOT_AUTHENTICATED
    assert world.connect().refused(old.claim()) == Refusal.STALE
    bundle = world.connect().knock("bob", prekeys=True)
    assert (bundle.device, bundle.signed, bundle.one_time) == (new.device.raw, None, None)


def test_a_claim_for_another_relay_is_refused(world: "World", relay_world: "ModuleType") -> None:
    elsewhere = relay_world.Account("bob", bytes(32))
    assert world.connect().refused(elsewhere.claim()) == Refusal.MALFORMED


def test_a_claim_of_mixed_records_is_refused(world: "World", unclaimed: MakeAccount) -> None:
    bob, eve = unclaimed("bob").claim(), unclaimed("eve").claim()
    for mixed in (
        messages.Claim(1, bob.identity, eve.device, bob.claim, bob.capability_hash),
        messages.Claim(1, bob.identity, bob.device, eve.claim, bob.capability_hash),
        messages.Claim(1, eve.identity, bob.device, bob.claim, bob.capability_hash),
    ):
        assert world.connect().refused(mixed) == Refusal.MALFORMED


def test_a_claim_is_done_once_it_is_durable(world: "World", unclaimed: MakeAccount) -> None:
    bob, rival = unclaimed("bob"), unclaimed("b0b")
    world.storing = False
    client, other = world.connect(), world.connect()
    client.say(messages.encode(bob.claim()) + messages.encode(bob.authenticate(client.hello)))
    assert client.hear() == []
    assert other.refused(rival.claim()) == Refusal.LIMIT
    world.store_batch()
    client.message(messages.Done)
    client.message(messages.Welcome)
    assert world.connect().refused(rival.claim()) == Refusal.NAME_TAKEN


def test_a_claim_that_the_disk_refuses_leaves_the_name_free(world: "World", unclaimed: MakeAccount) -> None:
    bob, rival = unclaimed("bob"), unclaimed("b0b")
    world.storing = False
    client = world.connect()
    client.say(messages.encode(bob.claim()))
    world.store_batch(fail=True)
    assert client.message(messages.Refused).reason == Refusal.STORAGE
    world.storing = True
    world.connect().ask(rival.claim(), messages.Done)


@pytest.mark.parametrize("wrong", ["unknown name", "wrong key", "garbage"])
def test_whoever_is_not_the_owner_gets_one_answer(
    world: "World", relay_world: "ModuleType", wrong: str
) -> None:
    world.account("bob")
    client = world.connect()
    eve = relay_world.Account("eve" if wrong == "unknown name" else "bob", world.key.public)
    request = eve.authenticate(client.hello)
    if wrong == "garbage":
        request = messages.Authenticate(2, bytes(100))
    assert client.refused(request) == Refusal.NOT_AUTHENTICATED


def test_a_hello_is_answered_in_time(world: "World") -> None:
    bob = world.account("bob")
    client = world.connect()
    world.later(world.limits.hello_life + 1)
    assert client.refused(bob.authenticate(client.hello)) == Refusal.NOT_AUTHENTICATED


def test_prekeys_survive_a_restart_and_are_handed_out_once(
    make_world: "Callable[..., World]", tmp_path: Path
) -> None:
    path = tmp_path / "relay.db"
    path.touch()
    world = make_world(path=path)
    bob = world.account("bob")
    owner = world.sign_in(bob)
    request = publish(bob, 7, 8)
    owner.ask(request, messages.Done)
    world.crash()
    sender = world.connect()
    bundles = [sender.knock("bob", prekeys=True) for _ in range(3)]
    assert [bundle.one_time for bundle in bundles] == [*request.one_time, None]
    assert {bundle.signed for bundle in bundles} == {request.signed}
    parsed = PrekeyBundle.parse(
        bundles[0].identity, bundles[0].device, request.signed or b"", bundles[0].one_time, bob.epoch
    )
    assert parsed.identity.name == "bob"
    assert list(world.database.rows("SELECT * FROM one_time")) == []


def test_a_prekey_is_gone_from_the_disk_before_it_is_handed_out(world: "World") -> None:
    bob = world.account("bob")
    world.sign_in(bob).ask(publish(bob, 7), messages.Done)
    world.storing = False
    sender = world.connect()
    sender.say(messages.encode(messages.Fetch(1, "bob", True, bob.capability)))
    assert sender.hear() == []
    world.store_batch(fail=True)
    assert sender.message(messages.Refused).reason == Refusal.STORAGE
    world.storing = True
    assert sender.knock("bob", prekeys=True).one_time is not None


def test_a_fetch_without_prekeys_costs_none(world: "World") -> None:
    bob = world.account("bob")
    world.sign_in(bob).ask(publish(bob, 7), messages.Done)
    bundle = world.connect().ask(messages.Fetch(1, "bob", False), messages.Bundle)
    assert (bundle.signed, bundle.one_time) == (None, None)
    assert len(list(world.database.rows("SELECT * FROM one_time"))) == 1


def test_publishing_twice_keeps_once(world: "World") -> None:
    bob = world.account("bob")
    owner = world.sign_in(bob)
    owner.ask(publish(bob, 7, 8), messages.Done)
    owner.ask(publish(bob, 8, 9), messages.Done)
    owner.leave()
    client = world.connect()
    assert client.ask(bob.authenticate(client.hello), messages.Welcome).one_time_left == 3


def test_prekeys_have_a_limit(make_world: "Callable[..., World]") -> None:
    world = make_world(Limits(one_time_prekeys=3))
    bob = world.account("bob")
    owner = world.sign_in(bob)
    owner.ask(publish(bob, 1, 2), messages.Done)
    assert owner.refused(publish(bob, 3, 4)) == Refusal.LIMIT
    owner.ask(publish(bob, 3), messages.Done)


def test_only_ones_own_prekeys_are_taken(world: "World") -> None:
    bob, eve = world.account("bob"), world.account("eve")
    owner = world.sign_in(eve)
    assert owner.refused(publish(bob, 7, signed=None)) == Refusal.MALFORMED
    assert owner.refused(publish(bob)) == Refusal.MALFORMED
    one_time = eve.prekey(PrekeyKind.ONE_TIME, 1)
    assert owner.refused(messages.Publish(4, one_time, [])) == Refusal.MALFORMED


def test_publishing_needs_a_signature(world: "World") -> None:
    bob = world.account("bob")
    assert world.connect().refused(publish(bob, 7)) == Refusal.NOT_AUTHENTICATED


def test_an_unknown_name_is_said_to_be_unknown(world: "World") -> None:
    assert world.connect().refused(messages.Fetch(1, "nobody", True)) == Refusal.NO_SUCH_NAME


def test_no_connection_carries_two_names(world: "World") -> None:
    bob = world.account("bob")
    world.account("eve")
    owner = world.sign_in(bob)
    assert owner.refused(messages.Fetch(1, "eve", False)) == Refusal.MALFORMED
    opening = messages.Open(1, world.mailboxes["eve"], bytes(32), False)
    assert owner.refused(opening) == Refusal.MALFORMED
    sender = world.connect()
    sender.ask(messages.Fetch(1, "eve", False), messages.Bundle)
    assert sender.refused(bob.authenticate(sender.hello)) == Refusal.MALFORMED
    assert sender.refused(bob.claim()) == Refusal.MALFORMED


def test_a_wrong_capability_and_an_unknown_mailbox_get_one_answer(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    mailbox = world.mailboxes["bob"]
    for request in (
        messages.Open(1, mailbox, bytes(32), False),
        messages.Open(1, mailbox, H("capability", bob.capability), False),
        messages.Open(1, bytes(16), bob.capability, False),
    ):
        assert sender.refused(request) == Refusal.NO_SUCH_CAPABILITY


def test_a_knock_opens_one_mailbox_only(world: "World") -> None:
    world.account("bob")
    world.account("eve")
    sender = world.connect()
    knock = sender.knock("bob").knock or b""
    opening = messages.Open(1, world.mailboxes["eve"], knock, False)
    assert sender.refused(opening) == Refusal.NO_SUCH_CAPABILITY
    world.later(world.limits.knock_life)
    late = messages.Open(1, world.mailboxes["bob"], knock, False)
    assert world.connect().refused(late) == Refusal.NO_SUCH_CAPABILITY


def test_channels_and_requests_have_limits(make_world: "Callable[..., World]") -> None:
    world = make_world(Limits(channels=2, request_burst=4, request_rate=1.0))
    bob = world.account("bob")
    sender = world.connect()
    opening = messages.Open(1, world.mailboxes["bob"], bob.capability, False)
    assert sender.open(bob) != sender.open(bob)
    assert sender.refused(opening) == Refusal.LIMIT
    fetch = messages.Fetch(1, "bob", False)
    sender.ask(fetch, messages.Bundle)
    assert sender.refused(fetch) == Refusal.LIMIT
    world.later(1)
    sender.ask(fetch, messages.Bundle)


def test_another_connections_channel_closes(world: "World") -> None:
    bob = world.account("bob")
    owner, sender, thief = world.sign_in(bob), world.connect(), world.connect()
    thief.say(frames.submission(sender.open(bob), bytes(16), b"text"))
    assert thief.closing
    assert owner.envelopes() == []


def test_a_ping_is_answered(world: "World") -> None:
    client = world.connect()
    client.say(frames.frame(frames.Tag.PING))
    assert client.hear() == [(frames.Tag.PONG, b"")]
    client.say(frames.frame(frames.Tag.PONG))
    assert (client.hear(), client.closing) == ([], False)


@pytest.mark.parametrize("seconds", [89, 91])
def test_the_silent_are_closed(world: "World", seconds: int) -> None:
    client = world.connect()
    world.later(seconds)
    assert client.closing == (seconds > world.limits.idle)


def test_a_frame_must_be_finished_in_time(world: "World") -> None:
    client = world.connect()
    client.say(frames.frame(frames.Tag.PING)[:-1])
    for _ in range(2):
        world.later(world.limits.frame / 2 - 1)
        assert not client.closing
        client.say(b"")
    world.later(world.limits.frame / 2)
    assert client.closing


def test_a_finished_frame_starts_the_time_anew(world: "World") -> None:
    client = world.connect()
    ping = frames.frame(frames.Tag.PING)
    for _ in range(9):
        client.say(ping[:5])
        world.later(world.limits.frame - 1)
        client.say(ping[5:])
    assert not client.closing


def test_reading_stops_while_too_much_is_unsettled(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(unsettled=3))
    bob = world.account("bob")
    sender = world.connect()
    channel = sender.open(bob)
    world.storing = False
    sender.say(relay_world.submissions(channel, [b"1", b"2", b"3"]))
    assert not world.board.may_read(sender.connection)
    world.store_batch()
    assert world.board.may_read(sender.connection)


def test_reading_stops_while_the_disk_is_behind(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(unwritten=100))
    bob = world.account("bob")
    sender, other = world.connect(), world.connect()
    channel = sender.open(bob)
    other.open(bob)
    world.storing = False
    sender.say(relay_world.submissions(channel, [bytes(100)]))
    assert not world.board.may_read(other.connection)
    assert world.board.may_read(world.connect().connection)
    world.store_batch()
    assert world.board.may_read(other.connection)


def test_reading_stops_while_a_request_or_its_answers_wait(world: "World", unclaimed: MakeAccount) -> None:
    client = world.connect()
    assert world.board.may_read(client.connection)
    client.connection.backlog = world.limits.backlog + 1
    assert not world.board.may_read(client.connection)
    client.connection.backlog = 0
    world.storing = False
    client.say(messages.encode(unclaimed("bob").claim()))
    assert not world.board.may_read(client.connection)
    world.store_batch()
    assert world.board.may_read(client.connection)


def test_what_a_connection_holds_goes_with_it(world: "World", relay_world: "ModuleType") -> None:
    bob = world.account("bob")
    client = world.connect()
    channel = client.open(bob)
    client.say(relay_world.submissions(channel, [b"a"])[:-1])
    number = client.connection.number
    gc.collect()
    gc.disable()
    try:
        world.board.closed(client.connection)
        client.connection = world.connect().connection
        world.board.take_dirty()
        left = [each for each in gc.get_objects() if isinstance(each, Connection) and each.number == number]
    finally:
        gc.enable()
    assert left == []


def test_nothing_is_published_while_another_device_is_claimed(world: "World") -> None:
    bob = world.account("bob")
    owner = world.sign_in(bob)
    world.storing = False
    world.connect().say(messages.encode(bob.newer().claim()))
    assert owner.refused(publish(bob, 1)) == Refusal.LIMIT
    world.storing = True
    world.turn()
    assert world.database.rows("SELECT * FROM one_time") == []
