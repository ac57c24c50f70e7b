"""What peers, strangers and relays can do to somebody who only wants to talk, found by looking for it."""

import pytest

from e2echat.client.events import MessageState, Problem, Restarted
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from tests.world import Person, World

HOUR = 3600


def test_a_key_that_comes_back_is_counted_on_from_where_it_was_left(world: World) -> None:
    """Else its device takes new messages for old ones, and its receipts say that they arrived."""
    alice, bob = world.introduce()
    key = SigningKey.generate(world.randomness)
    false = Identity.create(key, "bob")
    exchange = ExchangeKey.generate(world.randomness)
    device = Device.create(key, false, world.now // 1000, exchange.public)
    alice.step(lambda: alice.engine.peers.meet(alice.contact("bob"), false, device))
    alice.accept("bob")
    assert alice.contact("bob").identity == false.raw
    own = bob.own.device
    alice.step(lambda: alice.engine.peers.meet(alice.contact("bob"), own.identity, own.device))
    alice.verify("bob", bob)
    message = alice.send("bob", "after all that")
    world.pass_time(60, 5)
    assert bob.heard("alice") == ["hello", "after all that"]
    assert alice.state(message) is MessageState.DELIVERED


def test_a_squatter_does_not_keep_the_owner_of_a_name_out(world: World) -> None:
    bob, carol, mallory = world.join("bob", "carol", "mallory")
    mallory.pose_as("carol")
    bundle = mallory.look_up("bob")
    mallory.step(lambda: mallory.engine.introductions.meet(str(world.address), bundle))
    mallory.send("bob", "it is me, carol")
    world.settle()
    assert bob.heard("carol") == ["it is me, carol"]
    carol.send("bob", "really carol")
    world.pass_time(3 * HOUR, 600)
    assert bob.heard("carol") == ["really carol"]
    assert bob.contact("carol").identity == carol.own.identity.raw
    assert any(isinstance(event, Problem) for event in bob.events)
    mallory.send("bob", "still me")
    world.pass_time(3 * HOUR, 600)
    assert bob.heard("carol") == ["really carol"]


def test_a_clock_that_was_ahead_spoils_nothing_once_it_is_right(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    right = world.now
    world.now += 7 * 24 * HOUR * 1000
    alice.send("bob", "from next week")
    world.run()
    world.now = right
    bob.go_online()
    world.pass_time(3 * HOUR, 600)
    assert bob.heard("alice") == ["from next week"]


def test_receipts_do_not_pile_up(world: World) -> None:
    alice, bob = world.introduce()
    bob.cut(str(world.address))
    link = str(world.address)
    bob.online = False
    for number in range(5):
        alice.send("bob", f"{number}")
        world.settle()
        bob.step(bob.engine.arrivals.hurry)
    bob.step(lambda: bob.engine.link_down(link, "gone"))
    assert bob.records.unaccepted_signals() <= 1


def test_an_unusable_bundle_reseals_nothing(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "hello")
    world.settle()
    bob.go_offline()
    before = _envelopes(alice)
    world.pass_time(61 * 24 * HOUR, 24 * HOUR)
    assert _envelopes(alice) == before or len(_envelopes(alice)) == len(before)
    assert len(alice.records.sessions_of(alice.contact("bob").id)) <= 4


def test_strangers_are_few_and_contacts_are_heard_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.client.inbox.MAX_STRANGERS", 3)
    alice, bob = world.introduce()
    for stranger in world.join(*(f"stranger{number}" for number in range(5))):
        stranger.send("bob", "buy this")
    world.settle()
    assert len(bob.records.contacts.select("WHERE standing = 'stranger'")) == 3
    alice.send("bob", "still there?")
    world.settle()
    assert bob.heard("alice") == ["hello", "still there?"]


def test_both_opening_a_session_again_is_no_alarm(world: World) -> None:
    alice, bob = world.introduce()
    for person in (alice, bob):
        with person.records.transaction():
            person.records.sessions.delete("WHERE 1 = 1")
        person.go_offline()
    alice.online = bob.online = True
    for person, peer in ((alice, bob), (bob, alice)):
        person.send(peer.name, "again")
    world.pass_time(5)
    for number in range(4):
        alice.send("bob", f"{number}")
        world.settle()
        bob.send("alice", f"{number}")
        world.settle()
    for person in (alice, bob):
        assert not any(isinstance(event, Restarted) for event in person.events)
    assert bob.heard("alice") == ["hello", "again", *"0123"]


def test_a_one_time_prekey_that_nobody_came_for_in_time_is_passed_over(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    for _ in range(61):
        world.pass_time(24 * HOUR, 12 * HOUR)
    alice.send("bob", "after two months")
    world.settle()
    assert bob.heard("alice") == ["after two months"]
    assert bob.rows("alice")[0].reduced


def test_prekeys_are_replenished_while_one_stays_connected(world: World) -> None:
    alice, *others = world.join("alice", *(f"peer{number}" for number in range(4)))
    for other in others:
        for _ in range(20):
            _forget(other)
            other.send("alice", "hello")
            world.run()
    world.settle()
    left = alice.engine.supply.left
    assert left is not None
    assert left > 25


def _forget(person: Person) -> None:
    """As if one had never met anybody: the next message takes another prekey."""
    with person.records.transaction():
        for row in person.records.contacts.select():
            person.records.sessions.delete("WHERE contact = ?", row.id)


def test_what_has_outlived_its_use_goes(world: World) -> None:
    alice, bob = world.introduce()
    _forget(bob)
    bob.send("alice", "in another session")
    world.settle()
    contact = alice.contact("bob").id
    assert len(alice.records.sessions_of(contact)) == 2
    assert alice.records._database.execute("SELECT count(*) FROM seen") != [(0,)]
    for _ in range(40):
        world.pass_time(24 * HOUR, 12 * HOUR)
        bob.send("alice", "every day")
    assert len(alice.records.sessions_of(contact)) == 1
    for table in ("seen", "inits"):
        sql = f"SELECT count(*) FROM {table} WHERE expires_at < ?"
        assert alice.records._database.execute(sql, (world.now,)) == [(0,)]


def _envelopes(person: Person) -> list[bytes]:
    rows = person.records.outbox_of(person.contact("bob").id, 1 << 62, 100)
    return [row.envelope_id for row in rows]
