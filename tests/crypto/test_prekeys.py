from dataclasses import replace
from typing import Any

import pytest

from e2echat.crypto.keys import SUITE, Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.prekeys import CLOCK_SKEW, LIFETIME, Prekey, PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import SystemRandomness, kem_public
from e2echat.errors import CryptoError, HandshakeError, MalformedError, OutOfTimeError
from e2echat.wire.records import u16, u32, u64

NOW = 1_750_000_000
SIGNED, ONE_TIME = PrekeyKind.SIGNED, PrekeyKind.ONE_TIME


@pytest.fixture(scope="module")
def signed(
    account: SigningKey, identity: Identity, device: Device, randomness: SystemRandomness
) -> PrekeySecret:
    return PrekeySecret.generate(account, identity, device, SIGNED, 7, NOW, randomness)


@pytest.fixture(scope="module")
def one_time(
    account: SigningKey, identity: Identity, device: Device, randomness: SystemRandomness
) -> PrekeySecret:
    return PrekeySecret.generate(account, identity, device, ONE_TIME, 8, NOW, randomness)


def _record(account: SigningKey, device: Device, prekey: Prekey, **changes: bytes) -> bytes:
    """``prekey``'s record, some of its fields exchanged, signed again."""
    fields = {
        "kind": bytes([prekey.kind]),
        "suite": u16(SUITE),
        "device_hash": device.hash,
        "prekey_id": u32(prekey.prekey_id),
        "epoch": u64(prekey.epoch),
        "not_before": u64(prekey.not_before),
        "not_after": u64(prekey.not_after),
        "dh": prekey.dh,
        "kem": prekey.kem,
    }
    return account.sign_record("prekey", *(fields | changes).values())


def test_generated(signed: PrekeySecret, account: SigningKey, identity: Identity, device: Device) -> None:
    prekey = signed.prekey
    assert prekey.raw == _record(account, device, prekey)
    assert Prekey.parse(prekey.raw, identity, device, SIGNED) == prekey
    assert (prekey.prekey_id, prekey.epoch) == (7, device.epoch)
    assert (prekey.not_before, prekey.not_after) == (NOW, NOW + LIFETIME)
    assert (prekey.dh, prekey.kem) == (signed.dh.public, kem_public(signed.kem_seed))
    assert len(prekey.raw) == 1399


def test_a_prekey_in_which_any_byte_differs_is_refused(
    signed: PrekeySecret, identity: Identity, device: Device
) -> None:
    raw = signed.prekey.raw
    for i in range(len(raw)):
        with pytest.raises((MalformedError, CryptoError)):
            Prekey.parse(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :], identity, device, SIGNED)


def test_a_prekey_cut_short_or_with_more_behind_is_refused(
    signed: PrekeySecret, identity: Identity, device: Device
) -> None:
    raw = signed.prekey.raw
    for bad in [*(raw[:end] for end in range(len(raw))), raw + b"\0"]:
        with pytest.raises((MalformedError, CryptoError)):
            Prekey.parse(bad, identity, device, SIGNED)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": b"\0"}, MalformedError),
        ({"kind": b"\2"}, MalformedError),
        ({"kind": b"\1\1"}, MalformedError),
        ({"suite": u16(0)}, MalformedError),
        ({"suite": u16(SUITE + 1)}, MalformedError),
        ({"device_hash": bytes(32)}, CryptoError),
        ({"epoch": u64(0)}, CryptoError),
        ({"epoch": u64(2**64 - 1)}, CryptoError),
        ({"prekey_id": u16(1)}, MalformedError),
        ({"not_after": u64(NOW + LIFETIME + 1)}, MalformedError),
        ({"not_after": u64(NOW + LIFETIME - 1)}, MalformedError),
        ({"not_after": u64(0)}, MalformedError),
        ({"not_before": u64(2**64 - 1)}, MalformedError),
        ({"dh": bytes(31)}, MalformedError),
        ({"dh": b"\xff" * 32}, CryptoError),
        ({"dh": (2**255 - 19).to_bytes(32, "little")}, CryptoError),
        ({"kem": bytes(1183)}, MalformedError),
        ({"kem": bytes(1185)}, MalformedError),
    ],
)
def test_a_prekey_with_a_wrong_field_is_refused_though_its_signature_is_good(
    signed: PrekeySecret,
    account: SigningKey,
    identity: Identity,
    device: Device,
    changes: dict[str, bytes],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        Prekey.parse(_record(account, device, signed.prekey, **changes), identity, device, SIGNED)


def test_a_prekey_is_of_the_kind_that_was_asked_for(
    signed: PrekeySecret, one_time: PrekeySecret, identity: Identity, device: Device
) -> None:
    for secret, other in ((signed, ONE_TIME), (one_time, SIGNED)):
        with pytest.raises(MalformedError):
            Prekey.parse(secret.prekey.raw, identity, device, other)


def test_a_prekey_signed_by_another_key_is_refused(
    signed: PrekeySecret, other_account: SigningKey, identity: Identity, device: Device
) -> None:
    with pytest.raises(CryptoError):
        Prekey.parse(_record(other_account, device, signed.prekey), identity, device, SIGNED)


def test_a_prekey_of_an_earlier_installation_is_refused(
    signed: PrekeySecret, account: SigningKey, identity: Identity, device_key: ExchangeKey
) -> None:
    newer = Device.create(account, identity, signed.prekey.epoch + 1, device_key.public)
    with pytest.raises(CryptoError):
        Prekey.parse(signed.prekey.raw, identity, newer, SIGNED)


def test_validity(signed: PrekeySecret) -> None:
    for good in (NOW - CLOCK_SKEW, NOW, NOW + LIFETIME):
        signed.prekey.require_valid(good)
    for bad in (0, NOW - CLOCK_SKEW - 1, NOW + LIFETIME + 1, 2**63):
        with pytest.raises(OutOfTimeError):
            signed.prekey.require_valid(bad)


def _bundle(
    identity: Identity, device: Device, signed: PrekeySecret, one_time: PrekeySecret | None
) -> dict[str, Any]:
    return {
        "identity": identity.raw,
        "device": device.raw,
        "signed": signed.prekey.raw,
        "one_time": one_time and one_time.prekey.raw,
        "now": NOW,
    }


def test_bundle(identity: Identity, device: Device, signed: PrekeySecret, one_time: PrekeySecret) -> None:
    bundle = PrekeyBundle.parse(**_bundle(identity, device, signed, one_time))
    assert bundle == PrekeyBundle(identity, device, signed.prekey, one_time.prekey)
    assert bundle.kem_prekey == one_time.prekey
    without = PrekeyBundle.parse(**_bundle(identity, device, signed, None))
    assert without == replace(bundle, one_time=None)
    assert without.kem_prekey == signed.prekey


def test_a_bundle_with_any_part_exchanged_is_refused_as_a_whole(
    identity: Identity,
    device: Device,
    signed: PrekeySecret,
    one_time: PrekeySecret,
    other_account: SigningKey,
    other_identity: Identity,
    other_device: Device,
    randomness: SystemRandomness,
) -> None:
    foreign = [
        PrekeySecret.generate(
            other_account, other_identity, other_device, kind, 7, NOW, randomness
        ).prekey.raw
        for kind in (SIGNED, ONE_TIME)
    ]
    good = _bundle(identity, device, signed, one_time)
    bad: list[dict[str, object]] = [
        {"identity": other_identity.raw},
        {"identity": device.raw},
        {"device": other_device.raw},
        {"device": identity.raw},
        {"signed": foreign[0]},
        {"one_time": foreign[1]},
        {"signed": one_time.prekey.raw},
        {"one_time": signed.prekey.raw},
        {"identity": other_identity.raw, "device": other_device.raw},
        {"identity": b""},
        {"one_time": b""},
    ]
    for change in bad:
        with pytest.raises(HandshakeError):
            PrekeyBundle.parse(**good | change)


def test_a_bundle_with_a_prekey_out_of_its_time_is_refused(
    account: SigningKey,
    identity: Identity,
    device: Device,
    signed: PrekeySecret,
    one_time: PrekeySecret,
    randomness: SystemRandomness,
) -> None:
    def at(kind: PrekeyKind, since: int) -> PrekeySecret:
        return PrekeySecret.generate(account, identity, device, kind, 7, since, randomness)

    for bundle in (
        _bundle(identity, device, at(SIGNED, NOW - LIFETIME - 1), one_time),
        _bundle(identity, device, at(SIGNED, NOW + 2 * CLOCK_SKEW), one_time),
        _bundle(identity, device, signed, at(ONE_TIME, NOW + 2 * CLOCK_SKEW)),
    ):
        with pytest.raises(HandshakeError):
            PrekeyBundle.parse(**bundle)
    expired = _bundle(identity, device, signed, at(ONE_TIME, NOW - LIFETIME - 1))
    assert PrekeyBundle.parse(**expired).one_time is None
