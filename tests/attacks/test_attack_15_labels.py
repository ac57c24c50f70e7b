"""Any signed blob parsed as another kind: impossible by label."""

from collections.abc import Callable
from itertools import permutations

import pytest

from e2echat.crypto.keys import DEVICE_ID, SUITE, Device, Identity, SigningKey
from e2echat.crypto.prekeys import LIFETIME, Prekey, PrekeyKind
from e2echat.crypto.primitives import kem_public, x25519_public
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord, HelloRecord, LeaveRecord
from e2echat.errors import CryptoError, MalformedError, WrongRelayError
from e2echat.wire.records import u16, u32, u64

EPOCH = 1_700_000_000
REFUSALS = (MalformedError, CryptoError, WrongRelayError)
KINDS = ("id", "device", "prekey", "hello", "claim", "auth", "leave")
PAIRS = list(permutations(KINDS, 2))


class Records:
    """One key signs every kind, so that nothing but the label tells them apart."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.identity = Identity.create(key, "alice")
        self.device = Device.create(key, self.identity, EPOCH, x25519_public(bytes(31) + b"\1"))
        self.hello = HelloRecord.create(key, bytes(32), bytes(32), 1)
        kind, prekey_id, dh = bytes([PrekeyKind.SIGNED]), u32(1), self.device.key
        start, end = u64(EPOCH), u64(EPOCH + LIFETIME)
        self.fields: dict[str, tuple[bytes, ...]] = {
            "id": (u16(SUITE), b"alice", key.public, bytes(32)),
            "device": (self.identity.hash, u32(DEVICE_ID), u64(EPOCH), dh),
            "prekey": (
                *(kind, u16(SUITE), self.device.hash, prekey_id, u64(EPOCH), start, end, dh),
                kem_public(bytes(64)),
            ),
            "hello": (key.public, bytes(32), bytes(32), u16(1)),
            "claim": (key.public, b"alice", u32(DEVICE_ID), u64(EPOCH), key.public),
            "auth": (key.public, self.hello.hash, bytes(32), b"alice", u32(DEVICE_ID)),
            "leave": (key.public, self.hello.hash, bytes(32), b"alice", u32(DEVICE_ID)),
        }
        self.parse: dict[str, Callable[[bytes], object]] = {
            "id": Identity.parse,
            "device": lambda raw: Device.parse(raw, self.identity),
            "prekey": lambda raw: Prekey.parse(raw, self.identity, self.device, PrekeyKind.SIGNED),
            "hello": lambda raw: HelloRecord.parse(raw, key.public, bytes(32)),
            "claim": lambda raw: ClaimRecord.parse(raw, self.identity, key.public),
            "auth": lambda raw: AuthRecord.parse(raw).verify(key.public, self.hello),
            "leave": lambda raw: LeaveRecord.parse(raw).verify(key.public, self.hello),
        }

    def blob(self, kind: str, label: str | None = None) -> bytes:
        return self.key.sign_record(label or kind, *self.fields[kind])


@pytest.fixture(scope="module")
def records(account: SigningKey) -> Records:
    return Records(account)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_what_it_is(records: Records, kind: str) -> None:
    records.parse[kind](records.blob(kind))


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_none_is_another(records: Records, kind: str, other: str) -> None:
    with pytest.raises(REFUSALS):
        records.parse[other](records.blob(kind))


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_right_fields_under_a_wrong_label_are_refused(records: Records, kind: str, other: str) -> None:
    with pytest.raises(REFUSALS):
        records.parse[kind](records.blob(kind, other))
