"""Two people, the real cores, a network that behaves."""

from e2echat.client.arrivals import READ_DELAY
from e2echat.client.events import AllIn, Connected, MessageState, NewStranger
from tests.world import World


def test_first_message_arrives_and_is_marked_as_a_strangers(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    message = alice.send("bob", "hello")
    world.settle()
    assert bob.heard("alice") == ["hello"]
    assert bob.contact("alice").standing == "stranger"
    assert NewStranger("alice") in bob.events
    assert alice.state(message) is MessageState.STORED


def test_answering_lets_a_stranger_in_and_gives_receipts(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    first = alice.send("bob", "hello")
    world.settle()
    answer = bob.send("alice", "hi")
    world.settle()
    assert alice.heard("bob") == ["hi"]
    assert alice.state(first) is MessageState.DELIVERED
    assert bob.state(answer) is MessageState.DELIVERED


def test_accepting_lets_a_stranger_in_without_a_word(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    first = alice.send("bob", "hello")
    world.settle()
    bob.accept("alice")
    world.settle()
    assert alice.state(first) is MessageState.DELIVERED
    assert alice.contact("bob").knock is False


def test_everything_is_in_is_told_once_what_waited_has_come(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    for number in range(5):
        alice.send("bob", f"{number}")
    world.run()
    bob.events.clear()
    bob.go_online()
    kinds = [type(event) for event in bob.events]
    assert kinds.index(Connected) < kinds.index(AllIn)
    assert bob.heard("alice") == list("01234")


def test_shown_messages_are_told_to_their_sender(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    first = alice.send("bob", "hello")
    world.settle()
    bob.accept("alice")
    (bob_row,) = bob.rows("alice")
    bob.step(lambda: bob.engine.arrivals.mark_shown(bob_row.id))
    world.settle()
    assert alice.state(first) is MessageState.DELIVERED
    world.pass_time(READ_DELAY / 1000)
    assert alice.state(first) is MessageState.READ


def test_messages_wait_through_a_restart_of_the_relay(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    bob.go_offline()
    texts = [f"message {number}" for number in range(30)]
    for text in texts[:15]:
        alice.send("bob", text)
    world.run()
    world.restart_relay()
    for text in texts[15:]:
        alice.send("bob", text)
    world.settle()
    bob.go_online()
    world.settle()
    assert bob.heard("alice") == texts


def test_one_time_prekeys_are_replenished(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    assert alice.engine.supply.left == 100
    alice.go_offline()
    for _ in range(80):
        bob.look_up("alice")
    alice.go_online()
    assert alice.engine.supply.left == 100
    bob.send("alice", "hello")
    world.settle()
    assert alice.heard("bob") == ["hello"]


def test_a_relay_that_lost_its_disk_gets_the_claim_and_the_prekeys_again(
    world: World, other_world: World
) -> None:
    (alice,) = world.join("alice")
    alice.go_offline()
    other_world.relay_key, other_world.address = world.relay_key, world.address
    other_world.board = other_world._open_board()
    alice.world = other_world
    other_world.people["alice"] = alice
    alice.go_online()
    (bob,) = other_world.join("bob")
    bob.send("alice", "hello")
    other_world.settle()
    assert alice.heard("bob") == ["hello"]


def test_more_than_a_knock_tokens_worth_is_sent_after_the_first_reply(world: World) -> None:
    alice, bob = world.join("alice", "bob")
    alice.send("bob", "first")
    world.settle()
    bob.send("alice", "answer")
    world.settle()
    texts = [f"{number}" for number in range(150)]
    for text in texts:
        alice.send("bob", text)
    world.settle()
    assert bob.heard("alice") == ["first", *texts]
