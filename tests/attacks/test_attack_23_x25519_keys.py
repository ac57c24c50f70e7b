"""Small-order points, zero shared secret, non-canonical keys: aborted."""

import pytest

from e2echat.crypto.keys import DEVICE_ID, SUITE, Device, Identity, SigningKey
from e2echat.crypto.prekeys import LIFETIME, Prekey, PrekeyKind
from e2echat.crypto.primitives import X, kem_public, require_canonical, x25519_public
from e2echat.errors import CryptoError
from e2echat.wire.records import u16, u32, u64

PRIME = 2**255 - 19
# The points whose order divides eight, on the curve and its twist; https://cr.yp.to/ecdh.html#validate
SMALL_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
]
NOT_CANONICAL = [PRIME + 9, PRIME + 18, 2**255 - 1, 2**255 + 9, 2**256 - 1]
ALIASES = [PRIME, PRIME + 1, *(point + 2**255 for point in SMALL_ORDER)]
"""Other encodings of points of small order."""
SECRETS = [bytes(32), b"\xff" * 32, bytes(range(32))]


def _key(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.mark.parametrize("point", SMALL_ORDER)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_point_of_small_order_gives_no_secret(point: int, secret: bytes) -> None:
    require_canonical(_key(point))
    with pytest.raises(CryptoError):
        X(secret, _key(point))


@pytest.mark.parametrize("number", NOT_CANONICAL + ALIASES)
def test_a_second_encoding_gives_no_secret(number: int) -> None:
    with pytest.raises(CryptoError):
        X(bytes(range(32)), _key(number))


def test_a_good_key_with_its_high_bit_set_is_another_encoding() -> None:
    public = x25519_public(bytes(range(32)))
    with pytest.raises(CryptoError):
        X(bytes(32), public[:-1] + bytes([public[-1] | 0x80]))


@pytest.mark.parametrize("number", NOT_CANONICAL + ALIASES)
def test_a_record_that_carries_a_second_encoding_is_refused(
    account: SigningKey, identity: Identity, device: Device, number: int
) -> None:
    raw = account.sign_record("device", identity.hash, u32(DEVICE_ID), u64(device.epoch), _key(number))
    with pytest.raises(CryptoError):
        Device.parse(raw, identity)
    head = bytes([PrekeyKind.SIGNED]), u16(SUITE), device.hash, u32(1), u64(device.epoch)
    raw = account.sign_record("prekey", *head, u64(0), u64(LIFETIME), _key(number), kem_public(bytes(64)))
    with pytest.raises(CryptoError):
        Prekey.parse(raw, identity, device, PrekeyKind.SIGNED)
