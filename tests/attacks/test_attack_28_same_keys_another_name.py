"""Same keys under another name: fails, and the safety number differs."""

import pytest

from e2echat.crypto.keys import Device, Identity, SigningKey, safety_number
from e2echat.crypto.prekeys import PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import CryptoError, HandshakeError

NOW = 1_750_000_000


@pytest.fixture
def renamed(account: SigningKey) -> Identity:
    return Identity.create(account, "mallory")


def test_every_number_that_people_compare_differs(
    identity: Identity, renamed: Identity, other_identity: Identity
) -> None:
    assert identity.key == renamed.key
    assert identity.fingerprint != renamed.fingerprint
    assert safety_number(identity, other_identity) != safety_number(renamed, other_identity)


def test_the_device_does_not_go_with_the_other_name(renamed: Identity, device: Device) -> None:
    with pytest.raises(CryptoError):
        Device.parse(device.raw, renamed)


def test_nor_do_the_prekeys(
    account: SigningKey, identity: Identity, device: Device, renamed: Identity, randomness: SystemRandomness
) -> None:
    prekey = PrekeySecret.generate(account, identity, device, PrekeyKind.SIGNED, 1, NOW, randomness).prekey
    PrekeyBundle.parse(identity.raw, device.raw, prekey.raw, None, NOW)
    renamed_device = Device.create(account, renamed, device.epoch, device.key)
    for certificate in (device, renamed_device):
        with pytest.raises(HandshakeError):
            PrekeyBundle.parse(renamed.raw, certificate.raw, prekey.raw, None, NOW)


def test_another_key_cannot_take_over_the_record(other_account: SigningKey, identity: Identity) -> None:
    stolen = identity.raw.replace(identity.key, other_account.public)
    with pytest.raises(CryptoError):
        Identity.parse(stolen)
