from collections.abc import Callable

import pytest

from e2echat.crypto.keys import (
    DEVICE_ID,
    SUITE,
    Device,
    ExchangeKey,
    Identity,
    SigningKey,
    fingerprint_groups,
    safety_number,
)
from e2echat.crypto.primitives import H
from e2echat.errors import CryptoError, MalformedError
from e2echat.wire.records import u16, u32, u64

EPOCH = 1_700_000_000


def _identity(
    account: SigningKey, *, suite: int = SUITE, name: bytes = b"alice", reserved: bytes = bytes(32)
) -> bytes:
    return account.sign_record("id", u16(suite), name, account.public, reserved)


@pytest.mark.parametrize("make", [SigningKey, ExchangeKey])
@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_secret_key_has_one_size(make: Callable[[bytes], object], size: int) -> None:
    with pytest.raises(ValueError, match="32"):
        make(bytes(size))


def test_identity(account: SigningKey, identity: Identity) -> None:
    assert identity.raw == _identity(account)
    assert Identity.parse(identity.raw) == identity
    assert (identity.name, identity.key) == ("alice", account.public)
    assert identity.hash == H("identity", identity.raw)
    assert identity.fingerprint == H("fingerprint", identity.raw)


def test_an_identity_in_which_any_byte_differs_is_refused(identity: Identity) -> None:
    for i in range(len(identity.raw)):
        for bit in (0x01, 0x80):
            altered = identity.raw[:i] + bytes([identity.raw[i] ^ bit]) + identity.raw[i + 1 :]
            with pytest.raises((MalformedError, CryptoError)):
                Identity.parse(altered)


def test_an_identity_cut_short_or_with_more_behind_is_refused(identity: Identity) -> None:
    for bad in [*(identity.raw[:end] for end in range(len(identity.raw))), identity.raw + b"\0"]:
        with pytest.raises((MalformedError, CryptoError)):
            Identity.parse(bad)


@pytest.mark.parametrize("suite", [0, SUITE + 1, 0xFFFF])
def test_an_identity_of_another_suite_is_refused(account: SigningKey, suite: int) -> None:
    with pytest.raises(MalformedError):
        Identity.parse(_identity(account, suite=suite))


@pytest.mark.parametrize(
    "name", [b"Alice", b"alice ", b"a\xc3\xbc", b"\xff", b"", b"a" * 33, b"-a", b"a\x1b[1m"]
)
def test_an_identity_with_a_name_in_another_spelling_is_refused(account: SigningKey, name: bytes) -> None:
    with pytest.raises(MalformedError):
        Identity.parse(_identity(account, name=name))


def test_an_identity_whose_reserved_bytes_are_used_is_refused(account: SigningKey) -> None:
    with pytest.raises(MalformedError):
        Identity.parse(_identity(account, reserved=bytes(31) + b"\1"))


def test_an_identity_signed_by_another_key_is_refused(account: SigningKey, other_account: SigningKey) -> None:
    raw = other_account.sign_record("id", u16(SUITE), b"alice", account.public, bytes(32))
    with pytest.raises(CryptoError):
        Identity.parse(raw)


def test_device(account: SigningKey, identity: Identity, device: Device, device_key: ExchangeKey) -> None:
    assert Device.parse(device.raw, identity) == device
    assert (device.device_id, device.epoch, device.key) == (DEVICE_ID, EPOCH, device_key.public)
    assert device.hash == H("certificate", device.raw)


def test_a_device_in_which_any_byte_differs_is_refused(identity: Identity, device: Device) -> None:
    for i in range(len(device.raw)):
        altered = device.raw[:i] + bytes([device.raw[i] ^ 1]) + device.raw[i + 1 :]
        with pytest.raises((MalformedError, CryptoError)):
            Device.parse(altered, identity)


def test_a_device_cut_short_or_with_more_behind_is_refused(identity: Identity, device: Device) -> None:
    for bad in [*(device.raw[:end] for end in range(len(device.raw))), device.raw + b"\0"]:
        with pytest.raises((MalformedError, CryptoError)):
            Device.parse(bad, identity)


def test_a_device_of_somebody_else_is_refused(identity: Identity, other_device: Device) -> None:
    with pytest.raises(CryptoError):
        Device.parse(other_device.raw, identity)


def test_a_device_that_names_another_identity_is_refused(
    account: SigningKey, identity: Identity, other_identity: Identity, device_key: ExchangeKey
) -> None:
    renamed = Identity.create(account, "alice2")
    for wrong in (other_identity.hash, renamed.hash, bytes(32)):
        raw = account.sign_record("device", wrong, u32(DEVICE_ID), u64(EPOCH), device_key.public)
        with pytest.raises(CryptoError):
            Device.parse(raw, identity)


@pytest.mark.parametrize("device_id", [0, 2, 2**32 - 1])
def test_a_device_id_that_is_not_in_use_is_refused(
    account: SigningKey, identity: Identity, device_key: ExchangeKey, device_id: int
) -> None:
    raw = account.sign_record("device", identity.hash, u32(device_id), u64(EPOCH), device_key.public)
    with pytest.raises(MalformedError):
        Device.parse(raw, identity)


def test_a_device_key_that_is_not_canonical_is_refused(
    account: SigningKey, identity: Identity, device_key: ExchangeKey
) -> None:
    key = device_key.public
    high_bit = key[:-1] + bytes([key[-1] | 0x80])
    for bad in (high_bit, (2**255 - 19).to_bytes(32, "little")):
        raw = account.sign_record("device", identity.hash, u32(DEVICE_ID), u64(EPOCH), bad)
        with pytest.raises(CryptoError):
            Device.parse(raw, identity)


def test_fingerprint_groups() -> None:
    assert fingerprint_groups(bytes(range(32))).split() == [
        bytes([2 * i, 2 * i + 1]).hex() for i in range(16)
    ]


def test_a_safety_number_is_one_number_for_both(identity: Identity, other_identity: Identity) -> None:
    number = safety_number(identity, other_identity)
    assert number == safety_number(other_identity, identity)
    assert len(number) == 60
    assert number.isdecimal()
    first, second = sorted([identity.raw, other_identity.raw])
    assert int(number) == int.from_bytes(H("safety", first, second)) % 10**60


def test_a_safety_number_holds_both_keys_and_both_names(
    account: SigningKey, other_account: SigningKey, identity: Identity, other_identity: Identity
) -> None:
    renamed = Identity.create(account, "alicia")
    rekeyed = Identity.create(other_account, "alice")
    pairs = [
        (identity, other_identity),
        (renamed, other_identity),
        (rekeyed, other_identity),
        (identity, Identity.create(other_account, "bobby")),
        (identity, identity),
    ]
    assert len({safety_number(one, other) for one, other in pairs}) == len(pairs)


def test_a_small_safety_number_keeps_its_zeros(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2echat.crypto.keys.H", lambda *_: (10**60 + 7).to_bytes(32))
    assert safety_number(identity, identity) == "0" * 59 + "7"
