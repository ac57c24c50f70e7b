"""Alice's own long-term keys are stolen, then somebody poses as Bob to her: fails."""

from typing import TYPE_CHECKING

import pytest

from e2echat.crypto import handshake
from e2echat.crypto.handshake import Preamble
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import OwnDevice, Session
from e2echat.errors import HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()


@pytest.mark.parametrize("key", ["alice", "mallory"])
@pytest.mark.parametrize("one_time", [True, False])
def test_a_session_as_from_bob(
    alice: "Person", bob: "Person", mallory: "Person", key: str, one_time: bool
) -> None:
    """Mallory has Bob's records, which are public, and every long-term secret but his device key."""
    stolen = {"alice": alice, "mallory": mallory}[key].own.key
    posing = OwnDevice(bob.own.identity, bob.own.device, stolen)
    bundle = alice.bundle(one_time=one_time)
    session = Session.initiate(
        posing, bundle, mallory.route, generation=1, authenticators=(), now=EPOCH, randomness=RANDOMNESS
    )
    _, envelope = session.encrypt(b"it is me, bob", EPOCH, RANDOMNESS)
    with pytest.raises(HandshakeError):
        alice.accept(envelope)


def test_the_answer_to_alice(alice: "Person", bob: "Person", mallory: "Person") -> None:
    """Alice writes to Bob. Mallory, who holds her keys and his own, does not get what she and Bob share."""
    _, envelope = alice.initiate(bob).encrypt(b"for bob", EPOCH, RANDOMNESS)
    preamble = Preamble.parse(envelope[2 : 2 + handshake.PREAMBLE_SIZE])
    for key in (alice.own.key, mallory.own.key):
        for prekeys in (alice, mallory):
            posing = OwnDevice(bob.own.identity, bob.own.device, key)
            with pytest.raises(HandshakeError):
                handshake.accept(posing, prekeys, preamble)
