"""Pairing under attack: guesses, swapped and repeated messages, a relay in the middle, and what the relay may learn."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2echat.client.events import Paired, PairingFailed
from e2echat.client.pairing import codes as pairings
from e2echat.client.pairing import run as words
from e2echat.crypto.codes import Code
from e2echat.crypto.pairing import Card, Inviter, Joiner
from e2echat.crypto.session import ReplyRoute
from e2echat.errors import PairingError, RemoteError
from e2echat.relay.rendezvous import Rendezvous
from e2echat.wire.relay_messages import Meet
from tests.e2e.processes import RelayProcess, Someone
from tests.helpers.pairing import invite, join, wrong
from tests.world import Person, World, Worlds

Bend = Callable[[Meet, list[bytes]], list[bytes]]


@pytest.fixture(name="world")
def _world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


@pytest.fixture(name="people")
def _people(world: World) -> tuple[Person, Person, Person]:
    alice, bob, mallory = world.join("alice", "bob", "mallory")
    return alice, bob, mallory


@pytest.fixture(name="bend")
def _bend(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[Bend], None]:
    """Make the relay a hostile one: what a side is told goes through a function of the test's."""
    meet = Rendezvous.meet

    def install(hostile: Bend) -> None:
        def bent(self: Rendezvous, message: Meet, now: float) -> list[bytes]:
            return hostile(message, meet(self, message, now))

        monkeypatch.setattr(Rendezvous, "meet", bent)

    return install


def _card(person: Person) -> Card:
    route = person.own.route(person.records)
    assert isinstance(route, ReplyRoute)
    return Card(person.own.identity, person.own.device.device, route)


def test_a_relay_that_guesses_gets_one_guess(
    world: World, people: tuple[Person, Person, Person], bend: Callable[[Bend], None]
) -> None:
    """It joins itself with wrong words, and then again with the right ones: too late."""
    alice, _, mallory = people
    run = alice.step(alice.engine.pairings.invite)
    tries = [wrong(run.code), run.code, run.code]

    def guess(message: Meet, heard: list[bytes]) -> list[bytes]:
        if message.inviter and not message.leave and tries:
            joiner = Joiner.begin(
                world.address.key, tries.pop(0), message.said[0], _card(mallory), world.randomness
            )
            return [joiner.join]
        return heard

    bend(guess)
    world.pass_time(20)
    assert isinstance(run.error, PairingError)
    assert PairingFailed(str(run.code), words.WRONG, expired=False) in alice.events
    assert not alice.knows("mallory")
    assert run.said == [run.offer]
    assert len(tries) == 2


def test_a_relay_in_the_middle_pairs_nobody_with_itself(
    world: World, people: tuple[Person, Person, Person], bend: Callable[[Bend], None]
) -> None:
    """It runs the protocol with both sides, without the words."""
    alice, bob, mallory = people
    inviting = invite(alice)
    middle = Inviter.begin(world.address.key, wrong(inviting.code), world.randomness)
    answered: list[bytes] = []

    def between(message: Meet, heard: list[bytes]) -> list[bytes]:
        if message.inviter:
            mine = Joiner.begin(
                world.address.key, wrong(inviting.code), message.said[0], _card(mallory), world.randomness
            )
            return [mine.join]
        if message.said and not answered:
            try:
                answered.append(middle.hear(message.said[0]).answer(_card(mallory), world.randomness))
            except RemoteError:
                answered.append(bytes(872))
        return [middle.offer, *answered]

    bend(between)
    joining = join(bob, inviting.code)
    world.pass_time(20)
    assert isinstance(inviting.error, PairingError)
    assert isinstance(joining.error, PairingError)
    assert not any(person.knows("mallory") for person in (alice, bob))


@pytest.mark.parametrize("whose", ["join", "answer"])
def test_messages_of_one_pairing_are_none_in_another(
    world: World, people: tuple[Person, Person, Person], bend: Callable[[Bend], None], whose: str
) -> None:
    """The relay repeats what it heard when Alice paired with Mallory, under the same code even."""
    alice, bob, mallory = people
    kept: dict[bool, list[bytes]] = {}

    def keep(message: Meet, heard: list[bytes]) -> list[bytes]:
        if len(heard) >= len(kept.get(message.inviter, [])):
            kept[message.inviter] = heard
        return heard

    bend(keep)
    first = invite(alice)
    join(mallory, first.code)
    world.pass_time(5)
    assert first.peer == "mallory"
    (old_join,), (_, old_answer) = kept[True], kept[False]

    def repeat(message: Meet, heard: list[bytes]) -> list[bytes]:
        if whose == "join" and message.inviter:
            return [old_join]
        if whose == "answer" and message.said and not message.inviter:
            return [heard[0], old_answer]
        return heard

    bend(repeat)
    again = alice.step(alice.engine.pairings.invite)
    again.code = first.code
    alice.step(lambda: alice.engine.pairings._offer(again))
    joining = join(bob, first.code)
    world.pass_time(10)
    assert joining.peer is None
    if whose == "join":
        assert again.peer is None
        assert isinstance(again.error, PairingError)
    else:
        assert isinstance(joining.error, PairingError)


def test_another_offer_in_the_middle_of_a_pairing_ends_it(
    world: World, people: tuple[Person, Person, Person], bend: Callable[[Bend], None]
) -> None:
    alice, bob, _ = people
    inviting = invite(alice)
    other = Inviter.begin(world.address.key, inviting.code, world.randomness)

    def swap(message: Meet, heard: list[bytes]) -> list[bytes]:
        return [other.offer] if message.said and not message.inviter else heard

    bend(swap)
    joining = join(bob, inviting.code)
    world.pass_time(5)
    assert isinstance(joining.error, PairingError)
    assert not bob.knows("alice")


def test_an_inviter_of_another_relay_is_refused(
    world: World, people: tuple[Person, Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code at this relay is for somebody of this relay, though he knew the words."""
    alice, bob, _ = people
    card = _card(alice)
    elsewhere = ReplyRoute(f"relay://{'b' * 51}a@localhost:7443", card.route.mailbox, card.route.capability)
    monkeypatch.setattr(
        alice.engine.pairings.__class__,
        "_card",
        lambda self: (
            Card(card.identity, card.device, elsewhere) if self is alice.engine.pairings else _card(bob)
        ),
    )
    inviting = invite(alice)
    joining = join(bob, inviting.code)
    world.pass_time(5)
    assert isinstance(joining.error, PairingError)
    assert not any(isinstance(event, Paired) for event in bob.events)


def test_a_relay_that_breaks_the_protocol_ends_the_pairing(
    world: World, people: tuple[Person, Person, Person], bend: Callable[[Bend], None]
) -> None:
    alice, bob, _ = people
    bend(lambda _message, _heard: [])
    joining = join(bob, Code("4821", ("otter", "otter")))
    world.pass_time(5)
    assert isinstance(joining.error, PairingError)
    assert pairings.LINK + "1" not in bob.pipes
    assert alice.engine.pairings.next_due() is None


def test_no_connection_of_a_pairing_carries_a_name(tmp_path: Path) -> None:
    """Real processes, and everything that the relay saw: attack 50 for pairing by code.

    The names are longer than what random bytes spell by chance.
    """
    names = ("alexandra-of-the-hill", "bartholomew-of-the-sea")
    relay = RelayProcess(tmp_path / "relay", tls=False)
    relay.start()
    try:
        alice, bob = (Someone(name, tmp_path, relay.address).join() for name in names)
        inviting = alice.terminal("--json", "invite")
        inviting.wait_for("code_ends")
        code = _code(inviting.lines())
        done = bob.run("--json", "add", code)
        assert done.returncode == 0, done.stderr
        inviting.wait_for('"paired"')
        assert inviting.end() == 0
        inviting.close()
        assert [one["verified_by"] for one in (*alice.json("contacts"), *bob.json("contacts"))] == [
            "code"
        ] * 2
    finally:
        relay.stop()
    lines = [json.loads(line) for line in relay.record.read_text().splitlines()]
    seen: dict[Any, bytes] = {}
    for line in lines:
        if "bytes" in line:
            seen[line["connection"]] = seen.get(line["connection"], b"") + base64.b64decode(line["bytes"])
    met = [data for data in seen.values() if b"nameplate" in data]
    assert len(met) == 2
    everything = relay.everything()
    for word in code.split("-")[1:]:
        assert word.encode() not in everything
    found = [{name for name in names if name.encode() in data} for data in seen.values()]
    assert set().union(*found) == set(names)
    assert all(len(each) < 2 for each in found)
    assert not any(name.encode() in data for data in met for name in names)


def _code(lines: list[str]) -> str:
    """The code in what a narrow terminal broke into lines."""
    return str(json.loads("".join(lines).partition("}")[0] + "}")["code"])
