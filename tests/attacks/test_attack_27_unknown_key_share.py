"""Unknown key share: somebody registers another's keys as theirs: fails."""

from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.keys import SUITE, Device, ExchangeKey
from e2echat.crypto.prekeys import LIFETIME, Prekey, PrekeyBundle
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import OwnDevice, Session
from e2echat.errors import HandshakeError
from e2echat.wire.records import u16, u32, u64

if TYPE_CHECKING:
    from tests.conftest import Person

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()


def _resigned(thief: "Person", device: Device, prekey: Prekey) -> bytes:
    """``prekey``'s public keys in a record of the thief's own."""
    fields = (device.hash, u32(prekey.prekey_id), u64(device.epoch), u64(EPOCH), u64(EPOCH + LIFETIME))
    return thief.account.sign_record(
        "prekey", bytes([prekey.kind]), u16(SUITE), *fields, prekey.dh, prekey.kem
    )


@pytest.mark.parametrize("one_time", [True, False])
def test_bobs_keys_under_mallorys_name(
    alice: "Person", bob: "Person", mallory: "Person", one_time: bool
) -> None:
    """Alice thinks she writes to Mallory, who passes it on to Bob: he must not take it as meant for him."""
    identity = mallory.own.identity
    device = Device.create(mallory.account, identity, EPOCH, bob.own.device.key)
    last = _resigned(mallory, device, bob.signed_prekey.prekey)
    once = _resigned(mallory, device, bob.one_time_prekey.prekey) if one_time else None
    bundle = PrekeyBundle.parse(identity.raw, device.raw, last, once, EPOCH)
    session = Session.initiate(
        alice.own, bundle, alice.route, generation=1, authenticators=(), now=EPOCH, randomness=RANDOMNESS
    )
    _, envelope = session.encrypt(b"for mallory", EPOCH, RANDOMNESS)
    with pytest.raises(HandshakeError):
        bob.accept(envelope)


def test_alices_device_key_under_mallorys_name(alice: "Person", bob: "Person", mallory: "Person") -> None:
    """Mallory cannot begin a session in which Alice's device key speaks for him."""
    device = Device.create(mallory.account, mallory.own.identity, EPOCH, alice.own.device.key)
    for key in (mallory.own.key, ExchangeKey.generate(RANDOMNESS)):
        session = Session.initiate(
            OwnDevice(mallory.own.identity, device, key),
            bob.bundle(),
            mallory.route,
            generation=1,
            authenticators=(),
            now=EPOCH,
            randomness=RANDOMNESS,
        )
        _, envelope = session.encrypt(b"from alice's key", EPOCH, RANDOMNESS)
        with pytest.raises(HandshakeError):
            bob.accept(envelope)
