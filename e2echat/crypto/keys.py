"""Typed keys, identity record, device certificate, fingerprint, safety number. docs/spec/identity.md."""

from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.primitives import (
    KEY_SIZE,
    H,
    Randomness,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    require_canonical,
    x25519_public,
)
from e2echat.errors import CryptoError, MalformedError
from e2echat.wire import records
from e2echat.wire.names import MAX_NAME, is_canonical
from e2echat.wire.records import u16, u32, u64

SUITE = 1
"""X25519, Ed25519, ML-KEM-768, BLAKE2b, HKDF-SHA512, XSalsa20-Poly1305."""
DEVICE_ID = 1
"""One device an account for now."""
_RESERVED = bytes(32)


def _require_key_size(secret: bytes) -> None:
    """Libsodium reads 32 bytes, whatever it is given."""
    if len(secret) != KEY_SIZE:
        raise ValueError("a secret key has 32 bytes")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 secret: an account's IKs, or the key that signs in at one relay."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _require_key_size(self.seed)

    @classmethod
    def generate(cls, randomness: Randomness) -> Self:
        """A fresh key."""
        return cls(randomness.octets(KEY_SIZE))

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return ed25519_public(self.seed)

    def sign_record(self, label: str, *fields: bytes) -> bytes:
        """The signed record of these fields."""
        signed = records.pack(label, *fields)
        return signed + ed25519_sign(self.seed, signed)


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """An X25519 secret: a device's IKd, a prekey, an ephemeral or a ratchet key."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _require_key_size(self.secret)

    @classmethod
    def generate(cls, randomness: Randomness) -> Self:
        """A fresh key."""
        return cls(randomness.octets(KEY_SIZE))

    @property
    def public(self) -> bytes:
        """The 32-byte public key, canonical."""
        return x25519_public(self.secret)


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity record, verified: who a name is. ``raw`` is what is hashed and kept."""

    raw: bytes
    name: str
    key: bytes

    @classmethod
    def create(cls, account: SigningKey, name: str) -> Self:
        """The record of ``account`` under a canonical name."""
        return cls.parse(account.sign_record("id", u16(SUITE), name.encode(), account.public, _RESERVED))

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read and verify.

        Raises:
            MalformedError: the layout, the suite or the name is not valid.
            CryptoError: the signature is not the key's own.
        """
        sizes = (2, range(1, MAX_NAME + 1), KEY_SIZE, 32)
        (suite, name, key, reserved), signed, signature = records.unpack("id", raw, sizes)
        ed25519_verify(key, signed, signature)
        text = name.decode("ascii", "replace")
        if suite != u16(SUITE) or reserved != _RESERVED or not is_canonical(text):
            raise MalformedError("an identity record of another kind")
        return cls(raw, text, key)

    @property
    def hash(self) -> bytes:
        """H(identity record): what the other records name it by."""
        return H("identity", self.raw)

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that two people can compare."""
        return H("fingerprint", self.raw)


@dataclass(frozen=True, slots=True)
class Device:
    """A device certificate, verified: the X25519 key IKd that speaks for an identity."""

    raw: bytes
    device_id: int
    epoch: int
    key: bytes

    @classmethod
    def create(cls, account: SigningKey, identity: Identity, epoch: int, key: bytes) -> Self:
        """The certificate of ``key``; ``epoch`` is when this installation was made, in unix seconds."""
        raw = account.sign_record("device", identity.hash, u32(DEVICE_ID), u64(epoch), key)
        return cls.parse(raw, identity)

    @classmethod
    def parse(cls, raw: bytes, identity: Identity) -> Self:
        """Read and verify against the identity it must belong to.

        Raises:
            MalformedError: the layout or the device id is not valid.
            CryptoError: another identity's, a bad signature, or a key that is not canonical.
        """
        fields, signed, signature = records.unpack("device", raw, (32, 4, 8, KEY_SIZE))
        identity_hash, device_id, epoch, key = fields
        ed25519_verify(identity.key, signed, signature)
        if identity_hash != identity.hash:
            raise CryptoError("a device certificate of another identity")
        if device_id != u32(DEVICE_ID):
            raise MalformedError("a device id that is not in use")
        require_canonical(key)
        return cls(raw, DEVICE_ID, int.from_bytes(epoch), key)

    @property
    def hash(self) -> bytes:
        """H(device certificate): what prekeys name it by."""
        return H("certificate", self.raw)


def fingerprint_groups(fingerprint: bytes) -> str:
    """A fingerprint as a person reads it: 16 groups of four hexadecimal digits."""
    digits = fingerprint.hex()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def safety_number(one: Identity, other: Identity) -> str:
    """Sixty digits that are equal on both sides; both names and keys are inside. docs/spec/identity.md."""
    first, second = sorted((one.raw, other.raw))
    return f"{int.from_bytes(H('safety', first, second)) % 10**60:060d}"
