"""Prekey records and bundles. docs/spec/prekeys.md; PQXDH, sections 3.1 and 4.3."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

from e2echat.crypto.keys import SUITE, Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.primitives import (
    KEM_KEY_SIZE,
    KEM_SEED_SIZE,
    KEY_SIZE,
    Randomness,
    ed25519_verify,
    kem_public,
    require_canonical,
)
from e2echat.errors import CryptoError, HandshakeError, MalformedError, OutOfTimeError
from e2echat.wire import records
from e2echat.wire.records import u16, u32, u64

LIFETIME = 60 * 86_400
"""Seconds from ``not_before`` to ``not_after``."""
RENEWAL = 7 * 86_400
"""Seconds after which a new signed prekey replaces the last."""
CLOCK_SKEW = 86_400
"""Seconds that two clocks may differ before a record counts as not yet valid."""


class PrekeyKind(IntEnum):
    """What a prekey may be used for."""

    SIGNED = 1
    """Many times, and as the last resort where no one-time prekey is left."""
    ONE_TIME = 2


@dataclass(frozen=True, slots=True)
class Prekey:
    """A prekey record, verified: one X25519 and one ML-KEM-768 key under one signature."""

    raw: bytes
    kind: PrekeyKind
    prekey_id: int
    epoch: int
    not_before: int
    not_after: int
    dh: bytes
    kem: bytes

    @classmethod
    def parse(cls, raw: bytes, identity: Identity, device: Device, kind: PrekeyKind) -> Self:
        """Read and verify against whose it must be and what kind it must be.

        Raises:
            MalformedError: the layout, kind, suite or validity is not valid.
            CryptoError: another identity's or device's, a bad signature, or a key that is not canonical.
        """
        sizes = (1, 2, 32, 4, 8, 8, 8, KEY_SIZE, KEM_KEY_SIZE)
        fields, signed, signature = records.unpack("prekey", raw, sizes)
        found, suite, device_hash, prekey_id, epoch, not_before, not_after, dh, kem = fields
        ed25519_verify(identity.key, signed, signature)
        if device_hash != device.hash or int.from_bytes(epoch) != device.epoch:
            raise CryptoError("a prekey of another device")
        start, end = int.from_bytes(not_before), int.from_bytes(not_after)
        if found != bytes([kind]) or suite != u16(SUITE) or end != start + LIFETIME:
            raise MalformedError("a prekey of another kind")
        require_canonical(dh)
        return cls(raw, kind, int.from_bytes(prekey_id), device.epoch, start, end, dh, kem)

    def require_valid(self, now: int) -> None:
        """Check the record's validity at ``now``, unix seconds.

        Raises:
            OutOfTimeError: it has expired or is not valid yet.
        """
        if not self.not_before - CLOCK_SKEW <= now <= self.not_after:
            raise OutOfTimeError("the other side's keys are not of this time: one of the two clocks is wrong")


@dataclass(frozen=True, slots=True)
class PrekeySecret:
    """The secrets of a prekey of our own and its record."""

    prekey: Prekey
    dh: ExchangeKey
    kem_seed: bytes = field(repr=False)

    @classmethod
    def generate(
        cls,
        account: SigningKey,
        identity: Identity,
        device: Device,
        kind: PrekeyKind,
        prekey_id: int,
        now: int,
        randomness: Randomness,
    ) -> Self:
        """A fresh prekey, valid from ``now``."""
        dh, seed = ExchangeKey.generate(randomness), randomness.octets(KEM_SEED_SIZE)
        raw = account.sign_record(
            "prekey",
            bytes([kind]),
            u16(SUITE),
            device.hash,
            u32(prekey_id),
            u64(device.epoch),
            u64(now),
            u64(now + LIFETIME),
            dh.public,
            kem_public(seed),
        )
        return cls(Prekey.parse(raw, identity, device, kind), dh, seed)


@dataclass(frozen=True, slots=True)
class PrekeyBundle:
    """Somebody's identity, device and prekeys, all verified against one another."""

    identity: Identity
    device: Device
    signed: Prekey
    one_time: Prekey | None

    @classmethod
    def parse(cls, identity: bytes, device: bytes, signed: bytes, one_time: bytes | None, now: int) -> Self:
        """Read and verify what a relay gave out.

        Raises:
            HandshakeError: any part is not what it must be; nothing of it may be used.
        """
        try:
            who = Identity.parse(identity)
            certificate = Device.parse(device, who)
            bundle = cls(
                who,
                certificate,
                Prekey.parse(signed, who, certificate, PrekeyKind.SIGNED),
                None if one_time is None else Prekey.parse(one_time, who, certificate, PrekeyKind.ONE_TIME),
            )
        except (MalformedError, CryptoError) as error:
            raise HandshakeError(f"the prekeys from the relay are not usable: {error}") from error
        bundle.signed.require_valid(now)
        if bundle.one_time is not None:
            if now > bundle.one_time.not_after:
                # Nobody came for it in time: as good as none, and not a reason to go without.
                return replace(bundle, one_time=None)
            bundle.one_time.require_valid(now)
        return bundle

    @property
    def kem_prekey(self) -> Prekey:
        """The prekey whose ML-KEM key is used: the one-time one, else the last resort."""
        return self.one_time or self.signed
