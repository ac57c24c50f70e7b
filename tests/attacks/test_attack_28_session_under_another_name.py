"""The same keys under another name: a session made with one name does not open under the other."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import OwnDevice
from e2echat.errors import HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person

EPOCH = 1_700_000_000


def test_bob_as_robert(alice: "Person", bob: "Person") -> None:
    identity = Identity.create(bob.account, "robert")
    device = Device.create(bob.account, identity, EPOCH, bob.own.key.public)
    robert = replace(bob, own=OwnDevice(identity, device, bob.own.key))
    _, envelope = alice.initiate(bob).encrypt(b"for bob", EPOCH, SystemRandomness())
    with pytest.raises(HandshakeError):
        robert.accept(envelope)
    assert bob.accept(envelope).opened.plaintext == b"for bob"
