"""What docs/spec/ says, computed a second time: nothing of e2echat is imported here or in the other generators."""

import hashlib
import hmac
from typing import TypeAlias

import nacl.bindings
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

PRIME = 2**255 - 19
NOT_CANONICAL = (PRIME + 9).to_bytes(32, "little")
"""The base point, u = 9, in another encoding."""
HIGH_BIT = (9 | 1 << 255).to_bytes(32, "little")
"""The same again."""
SMALL_ORDER = bytes(32)

Cbor: TypeAlias = "int | bytes | str | bool | list[Cbor] | dict[str, Cbor] | None"


def fixed(what: str, size: int = 32) -> bytes:
    """The secret or random value that the vectors use for ``what``; up to 64 bytes."""
    return hashlib.sha512(f"e2echat vectors: {what}".encode()).digest()[:size]


def lp(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def pack(label: str, *fields: bytes) -> bytes:
    return lp(f"e2echat/1/{label}".encode(), *fields)


def H(label: str, *fields: bytes) -> bytes:  # noqa: N802 - the specification's letter
    return hashlib.blake2b(pack(label, *fields), digest_size=32).digest()


def K(key: bytes, label: str, *fields: bytes, n: int = 32) -> bytes:  # noqa: N802 - the specification's letter
    return hashlib.blake2b(pack(label, *fields), key=key, digest_size=n).digest()


def hkdf(ikm: bytes, label: str, *fields: bytes, length: int, salt: bytes = b"") -> bytes:
    key = hmac.digest(salt or bytes(64), ikm, "sha512")
    out = block = b""
    while len(out) < length:
        counter = bytes([len(out) // 64 + 1])
        block = hmac.digest(key, block + pack(label, *fields) + counter, "sha512")
        out += block
    return out[:length]


def x25519(secret: bytes, public: bytes) -> bytes:
    shared: bytes = nacl.bindings.crypto_scalarmult(secret, public)
    return shared


def x25519_public(secret: bytes) -> bytes:
    public: bytes = nacl.bindings.crypto_scalarmult_base(secret)
    return public


def careless(sent: bytes, theirs: bytes) -> bytes:
    """What X would give the owner of ``theirs`` if he did not refuse ``sent``, one of the keys above."""
    return bytes(32) if sent == SMALL_ORDER else theirs


def box(key: bytes, message: bytes, nonce: bytes) -> bytes:
    sealed: bytes = nacl.bindings.crypto_secretbox(message, nonce, key)
    return nonce + sealed


def ed25519_public(seed: bytes) -> bytes:
    public: bytes = nacl.bindings.crypto_sign_seed_keypair(seed)[0]
    return public


def sign(seed: bytes, message: bytes) -> bytes:
    """The message, then its signature: what a record is."""
    signed: bytes = nacl.bindings.crypto_sign(message, nacl.bindings.crypto_sign_seed_keypair(seed)[1])
    return message + signed[:64]


def record(seed: bytes, label: str, *fields: bytes) -> bytes:
    return sign(seed, pack(label, *fields))


def kem_public(seed: bytes) -> bytes:
    return MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def kem_decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
    return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)


def padme(size: int) -> int:
    e = size.bit_length() - 1
    last = e - (e.bit_length() if e else 0)
    mask = (1 << max(last, 0)) - 1
    return (size + mask) & ~mask


def pad(data: bytes, size: int) -> bytes:
    return data + b"\x80" + bytes(size - len(data) - 1)


def envelope_size(around: int, plaintext: int, floor: int) -> int:
    size = around + plaintext + 1
    return floor if size <= floor else padme(size)


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    size = next(size for size in (1, 2, 4, 8) if argument < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + argument.to_bytes(size)


def cbor(value: Cbor) -> bytes:
    """RFC 8949, section 4.2.1, of the types that conventions.md allows."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(cbor, value))
    items = sorted((cbor(key), cbor(item)) for key, item in value.items())
    return _head(5, len(value)) + b"".join(key + item for key, item in items)


def frame(tag: int, body: bytes = b"") -> bytes:
    return (4 + len(body)).to_bytes(4) + tag.to_bytes(4) + body
