"""Links: what a joiner shows for one, what it makes of him, and that it does so once."""

from dataclasses import replace

import pytest

from e2echat.client.events import MessageState, NewStranger, Paired
from e2echat.client.pairing.links import LIFE, MOST, invitation_id
from e2echat.crypto.pairing import invitation_proof
from e2echat.errors import KeyChangedError
from e2echat.wire.invitation import Invitation
from tests.helpers.pairing import told_of_a_change
from tests.world import Person, World


def make(person: Person) -> Invitation:
    link, _ = person.step(person.engine.invitations.make)
    return Invitation.parse(link.link())


def join(person: Person, link: Invitation) -> None:
    bundle = person.look_up(link.name)
    person.step(lambda: person.engine.pairings.join_by_link(link, bundle))
    person.world.settle()


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person]:
    alice, bob = world.join("alice", "bob")
    return alice, bob


def test_the_joiner_has_verified_and_the_inviter_has_not(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    link = make(alice)
    join(bob, link)
    ours, theirs = bob.contact("alice"), alice.contact("bob")
    assert (ours.standing, ours.verified_by, ours.verified_at is None) == ("contact", "link", False)
    assert (theirs.standing, theirs.verified_by, theirs.verified_at) == ("contact", "link", None)
    assert bob.events.count(Paired("alice", "link", verified=True)) == 1
    assert (
        alice.events.count(Paired("bob", "link", verified=False, invitation=invitation_id(link.secret))) == 1
    )
    assert not any(isinstance(event, NewStranger) for event in alice.events)
    assert not ours.knock
    message = bob.send("alice", "thanks")
    world.settle()
    assert bob.state(message) is MessageState.DELIVERED
    answer = alice.send("bob", "welcome")
    world.settle()
    assert alice.state(answer) is MessageState.DELIVERED


def test_the_inviter_may_be_away(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    link = make(alice)
    alice.go_offline()
    join(bob, link)
    world.pass_time(60, 5)
    alice.go_online()
    world.settle()
    assert alice.contact("bob").verified_by == "link"


def test_it_is_good_for_one(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    (carol,) = world.join("carol")
    link = make(alice)
    join(bob, link)
    join(carol, link)
    assert alice.contact("carol").standing == "stranger"
    assert alice.contact("carol").verified_by is None
    assert carol.contact("alice").verified_by == "link"  # that much is so


@pytest.mark.parametrize(("milliseconds", "standing"), [(LIFE - 2000, "contact"), (LIFE, "stranger")])
def test_it_ends(world: World, people: tuple[Person, Person], milliseconds: int, standing: str) -> None:
    alice, bob = people
    link = make(alice)
    world.now += milliseconds
    join(bob, link)
    assert alice.contact("bob").standing == standing


def test_it_ends_also_where_nobody_has_swept_it_up(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    link = make(alice)
    world.now += LIFE
    alice.engine.housekeeping._daily = world.now + 3_600_000
    join(bob, link)
    assert alice.records.invitations.count() == 1
    assert alice.contact("bob").standing == "stranger"


def test_a_device_that_is_not_accepted_joins_nothing(world: World) -> None:
    """Not even with a proof that would be right for the one that is."""
    alice, bob = world.introduce()
    link = make(alice)
    own = bob.own.device
    proof = invitation_proof(link.secret, own.identity, own.device, alice.own.identity)
    again = world.reinstall(bob)
    again.send("alice", "a new telephone")
    again.step(lambda: again.engine.outbox.add_joined(again.contact("alice"), proof))
    world.settle()
    assert alice.contact("bob").key_changed
    assert alice.records.invitations.count() == 1


def test_another_secret_is_worth_nothing(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    link = make(alice)
    join(bob, replace(link, secret=bytes(16)))
    assert alice.contact("bob").standing == "stranger"
    assert alice.records.invitations.count() == 1
    world.settle()


def test_a_proof_overheard_from_another_is_worth_nothing(
    world: World, people: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told a proof, which its owner alone can be told, cannot use it as his own."""
    alice, bob = people
    (carol,) = world.join("carol")
    link = make(alice)
    proofs: list[bytes] = []
    real = bob.engine.outbox.add_joined
    monkeypatch.setattr(
        type(bob.engine.outbox), "add_joined", lambda _self, _row, proof: proofs.append(proof)
    )
    join(bob, link)
    monkeypatch.undo()
    carol.send("alice", "hello")
    world.settle()
    carol.step(lambda: carol.engine.outbox.add_joined(carol.contact("alice"), proofs[0]))
    world.settle()
    assert alice.contact("carol").standing == "stranger"
    bob.step(lambda: real(bob.contact("alice"), proofs[0]))
    world.settle()
    assert alice.contact("bob").verified_by == "link"


def test_a_relay_that_names_another_key_is_found_out(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    link = make(alice)
    world.usurp(alice)
    with pytest.raises(KeyChangedError):
        join(bob, link)
    assert not bob.knows("alice")


@pytest.mark.parametrize("verified", [False, True])
def test_a_link_takes_nobodys_place(world: World, *, verified: bool) -> None:
    """Relay and link agree, and yet it is another key than the one that the name is known with."""
    alice, bob = world.introduce()
    if verified:
        alice.verify("bob", bob)
    before = alice.contact("bob")
    link = make(world.usurp(bob))
    with pytest.raises(KeyChangedError, match="than the bob whom you know"):
        join(alice, link)
    assert alice.contact("bob") == before


@pytest.mark.parametrize("verified", [False, True])
def test_a_link_does_not_take_a_change_that_waits_for_a_person(world: World, *, verified: bool) -> None:
    """Relay and link agree here, too; whoever sent the link may be whom the relay lied for."""
    alice, again = told_of_a_change(world, verified=verified)
    before = alice.contact("bob")
    with pytest.raises(KeyChangedError, match="whether that is bob, only you can tell"):
        join(alice, make(again))
    assert alice.contact("bob") == before


def test_who_merely_claims_a_name_gives_way_to_who_made_the_link(world: World) -> None:
    alice, bob, mallory = world.join("alice", "bob", "mallory")
    mallory.pose_as("bob")
    mallory.send("alice", "I am bob")
    world.settle()
    join(alice, make(bob))
    contact = alice.contact("bob")
    assert (contact.identity, contact.verified_by, contact.verified) == (bob.own.identity.raw, "link", True)
    assert alice.heard("bob") == []


def test_a_proof_stays_right_when_it_is_sealed_anew(world: World, people: tuple[Person, Person]) -> None:
    """The first session is lost to the inviter, who then hears it in another."""
    alice, bob = people
    link = make(alice)
    # The one that the relay gives out next.
    alice.records.prekeys.delete("WHERE id = (SELECT min(id) FROM prekeys WHERE kind = 2)")
    join(bob, link)
    assert not alice.knows("bob")
    world.pass_time(2 * 3600, 300)
    assert alice.contact("bob").verified_by == "link"


def test_who_was_verified_stays_so(world: World) -> None:
    alice, bob = world.introduce()
    alice.verify("bob", bob)
    link = make(alice)
    join(bob, link)
    assert alice.contact("bob").verified_by == "number"
    assert alice.contact("bob").verified_at is not None
    assert (
        alice.events.count(Paired("bob", "link", verified=True, invitation=invitation_id(link.secret))) == 1
    )


def test_a_link_says_of_nobody_that_he_is_verified_whose_name_no_relay_has_confirmed(
    world: World, people: tuple[Person, Person]
) -> None:
    alice, bob = people
    link = make(alice)
    join(bob, link)
    world.settle()
    row = alice.contact("bob")
    alice.step(
        lambda: alice.engine.peers.save(replace(row, verified_at=1, verified_by="code", vouched=False))
    )
    again = make(alice)
    alice.events.clear()
    proof = invitation_proof(again.secret, bob.own.identity, bob.own.device.device, alice.own.identity)
    alice.step(lambda: alice.engine.invitations.redeem(alice.contact("bob"), proof))
    (told,) = [event for event in alice.events if isinstance(event, Paired)]
    assert not told.verified


def test_few_are_good_at_a_time_and_the_oldest_goes(world: World, people: tuple[Person, Person]) -> None:
    alice, bob = people
    oldest = make(alice)
    for _ in range(MOST):
        world.now += 1
        make(alice)
    assert alice.records.invitations.count() == MOST
    join(bob, oldest)
    assert alice.contact("bob").standing == "stranger"
    world.now += LIFE
    alice.crash()
    alice.step(alice.engine.tick)
    assert alice.records.invitations.count() == 0
