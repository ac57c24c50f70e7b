"""Pairing by short code, as tests do it: two people of one world."""

from e2echat.client.pairing import codes as pairings
from e2echat.client.pairing.run import Run
from e2echat.crypto.codes import Code
from tests.world import Person, World


def invite(person: Person) -> Run:
    run = person.step(person.engine.pairings.invite)
    person.world.run()
    assert run.shown
    return run


def join(person: Person, code: Code) -> Run:
    run = person.step(lambda: person.engine.pairings.join(code, person.world.address))
    person.world.run()
    return run


def wrong(code: Code) -> Code:
    """The same place, other words."""
    first, second = code.words
    return Code(code.nameplate, ("otter" if first != "otter" else "guitar", second))


def pair(world: World, alice: Person, bob: Person) -> tuple[Run, Run]:
    inviting = invite(alice)
    joining = join(bob, inviting.code)
    world.pass_time(5)
    return inviting, joining


def links(person: Person) -> set[str]:
    return {link for link in person.pipes if link.startswith(pairings.LINK)}


def told_of_a_change(world: World, *, verified: bool) -> tuple[Person, Person]:
    """Alice knows Bob, and the relay says that his name has another key now; who has it."""
    alice, bob = world.introduce()
    if verified:
        alice.verify("bob", bob)
    again = world.usurp(bob)
    alice.send("bob", "asks whose key it is")
    again.send("alice", "I lost my keys")
    world.pass_time(30, 2)
    assert alice.contact("bob").changed_identity == again.own.identity.raw
    return alice, again
