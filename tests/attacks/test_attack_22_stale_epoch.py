"""Prekeys of an installation that has been replaced: aborted."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.keys import Device
from e2echat.crypto.prekeys import PrekeyBundle
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import OwnDevice
from e2echat.errors import HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person

EPOCH = 1_700_000_000


def _reinstalled(person: "Person") -> OwnDevice:
    """The same account and even the same device key, a day later."""
    device = Device.create(person.account, person.own.identity, EPOCH + 86_400, person.own.key.public)
    return replace(person.own, device=device)


def test_old_prekeys_do_not_go_with_a_new_device(bob: "Person") -> None:
    new, old = _reinstalled(bob), bob.bundle()
    with pytest.raises(HandshakeError):
        PrekeyBundle.parse(new.identity.raw, new.device.raw, old.signed.raw, None, EPOCH)


def test_a_first_message_to_an_old_device_does_not_open_on_the_new(alice: "Person", bob: "Person") -> None:
    _, envelope = alice.initiate(bob).encrypt(b"text", EPOCH, SystemRandomness())
    assert bob.accept(envelope)
    with pytest.raises(HandshakeError):
        replace(bob, own=_reinstalled(bob)).accept(envelope)
