"""Both sides' session state leaks: a round trip heals it, and a KEM step heals it against a quantum computer."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.ratchet import IDLE_SECONDS
from e2echat.errors import DecryptionError

if TYPE_CHECKING:
    from e2echat.crypto.session import Session
    from tests.conftest import Talk


def _settle(talk: "Talk") -> None:
    """Past the first KEM step, Bob having spoken last."""
    for turn in range(4):
        talk.pass_on("alice" if turn % 2 else "bob")
    talk.pass_on("bob")


def _opens(session: "Session", envelope: bytes, now: int) -> bool:
    try:
        session.decrypt(envelope, now)
    except DecryptionError:
        return False
    return True


@pytest.mark.parametrize("first", ["alice", "bob"])
def test_a_round_trip_heals(talk: "Talk", first: str) -> None:
    _settle(talk)
    if first == "bob":
        talk.pass_on("alice")
    leaked = dict(talk.sides)
    other = {"alice": "bob", "bob": "alice"}
    readable = []
    for who in (first, other[first], first, other[first]):
        envelope = talk.send(who)
        reader = other[who]
        readable.append(_opens(leaked[reader], envelope, talk.now))
        if readable[-1]:
            leaked[reader], _ = leaked[reader].decrypt(envelope, talk.now)
        talk.receive(reader, envelope)
    assert readable == [True, False, False, False]


@dataclass
class Stolen(SystemRandomness):
    """Fresh randomness, except that ratchet keys come out as the victim's."""

    secret: bytes = field(default=b"", repr=False)

    def octets(self, count: int) -> bytes:
        return self.secret if count == len(self.secret) else super().octets(count)


@dataclass
class QuantumThief:
    """Alice's state at the time of the leak, kept up by whoever computes every later DH secret of hers."""

    session: "Session"
    randomness: Stolen = field(default_factory=Stolen)

    def reads(self, envelope: bytes, now: int) -> bool:
        """Bob's ``envelope``."""
        if not _opens(self.session, envelope, now):
            return False
        self.session, _ = self.session.decrypt(envelope, now)
        return True

    def follow(self, alice: "Session", now: int) -> None:
        """Begin the chain that Alice has begun, with her ratchet key."""
        secret = alice.ratchet.root.secret
        assert secret is not None
        self.randomness.secret = secret.secret
        self.session, _ = self.session.encrypt(b"", now, self.randomness)


def _turn(talk: "Talk", thief: QuantumThief) -> bool:
    """Alice speaks, Bob answers: whether the thief reads the answer."""
    talk.pass_on("alice")
    thief.follow(talk.sides["alice"], talk.now)
    answer = talk.send("bob")
    talk.receive("alice", answer)
    return thief.reads(answer, talk.now)


def test_a_kem_step_heals_where_dh_is_broken(talk: "Talk") -> None:
    _settle(talk)
    thief = QuantumThief(talk.sides["alice"])
    epoch = talk.sides["alice"].kem_epoch
    assert [_turn(talk, thief) for _ in range(3)] == [True] * 3
    talk.now += IDLE_SECONDS  # a step is due: Alice offers, Bob answers
    assert not _turn(talk, thief)
    assert talk.sides["alice"].kem_epoch == epoch + 1
    talk.pass_on("alice")
    answer = talk.send("bob")
    assert not thief.reads(answer, talk.now)


def test_a_kem_step_that_bob_offers_heals_too(talk: "Talk") -> None:
    _settle(talk)
    talk.pass_on("alice")
    thief = QuantumThief(talk.sides["alice"])
    talk.now += IDLE_SECONDS
    offer = talk.send("bob")
    assert thief.reads(offer, talk.now)
    talk.receive("alice", offer)
    assert not _turn(talk, thief)


def test_the_thief_is_as_strong_as_he_should_be(talk: "Talk") -> None:
    """Given Alice's KEM secret as well, he reads on: the tests above fail him for nothing else."""
    _settle(talk)
    thief = QuantumThief(talk.sides["alice"])
    talk.now += IDLE_SECONDS
    talk.pass_on("alice")
    thief.follow(talk.sides["alice"], talk.now)
    ratchet = thief.session.ratchet
    thief.session = replace(
        thief.session, ratchet=replace(ratchet, sending=talk.sides["alice"].ratchet.sending)
    )
    assert thief.reads(talk.send("bob"), talk.now)
