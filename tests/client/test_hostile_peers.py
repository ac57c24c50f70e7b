"""What peers, strangers and relays can do to somebody who only wants to talk, found by looking for it."""

from e2echat.client.events import MessageState, Problem
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
    mallory.step(lambda: mallory.engine.meet(str(world.address), bundle))
    mallory.send("bob", "it is me, carol")
    world.settle()
    assert bob.heard("carol") == ["it is me, carol"]
    carol.send("bob", "really carol")
    world.pass_time(3 * HOUR, 600)
    assert bob.heard("carol") == ["it is me, carol", "really carol"]
    assert bob.contact("carol").identity == carol.own.identity.raw
    assert any(isinstance(event, Problem) for event in bob.events)
    mallory.send("bob", "still me")
    world.pass_time(3 * HOUR, 600)
    assert bob.heard("carol") == ["it is me, carol", "really carol"]


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
        bob.step(bob.engine.hurry)
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


def _envelopes(person: Person) -> list[bytes]:
    rows = person.records.outbox_of(person.contact("bob").id, 1 << 62, 100)
    return [row.envelope_id for row in rows]
