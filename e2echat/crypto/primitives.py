"""Every NaCl, HKDF and ML-KEM call, in one place. docs/spec/conventions.md.

Letters are the specification's: ``H`` hash, ``K`` keyed hash, ``X`` X25519, ``Box`` NaCl secretbox. Labels stand
beside their use, as the argument of these functions; all get the prefix ``e2echat/1/``.
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Protocol, TypeVar

import nacl.bindings
import nacl.exceptions
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from e2echat.errors import CryptoError
from e2echat.wire.records import SIGNATURE_SIZE, pack

KEY_SIZE = 32
KEM_SEED_SIZE = 64
KEM_KEY_SIZE = 1184
KEM_CIPHERTEXT_SIZE = 1088
NONCE_SIZE = 24
BOX_OVERHEAD = NONCE_SIZE + 16
"""Bytes that a box is longer than what is in it: nonce and tag."""
STREAM_HEADER_SIZE = 24
STREAM_OVERHEAD = 17
"""Bytes that a chunk of a sealed stream is longer than what is in it: tag and what kind of chunk it is."""

_FIELD_PRIME = 2**255 - 19


class Randomness(Protocol):
    """Where fresh secrets come from: an argument, so that vectors and models can fix them."""

    def octets(self, count: int) -> bytes:
        """``count`` unpredictable bytes."""

    def encapsulate(self, key: bytes) -> tuple[bytes, bytes]:
        """A fresh shared secret (32 bytes) and the ML-KEM ciphertext (1088) that carries it to ``key``."""


class SystemRandomness:
    """The operating system's generator."""

    def octets(self, count: int) -> bytes:
        """See ``Randomness``."""
        return secrets.token_bytes(count)

    def encapsulate(self, key: bytes) -> tuple[bytes, bytes]:
        """See ``Randomness``; ML-KEM-768, FIPS 203.

        Raises:
            CryptoError: ``key`` is no encapsulation key.
        """
        try:
            return MLKEM768PublicKey.from_public_bytes(key).encapsulate()
        except ValueError as error:
            raise CryptoError("not an ML-KEM-768 key") from error


def H(label: str, *fields: bytes) -> bytes:  # noqa: N802 - the specification's letter
    """BLAKE2b-256 over LP(label) and LP of each field."""
    return hashlib.blake2b(pack(label, *fields), digest_size=32).digest()


def K(key: bytes, label: str, *fields: bytes, n: int = 32) -> bytes:  # noqa: N802 - the specification's letter
    """The same keyed, ``n`` up to 64 bytes: PRF, MAC and symmetric KDF."""
    return keyed(key, pack(label, *fields), n)


def keyed(key: bytes, packed: bytes, n: int = 32) -> bytes:
    """``K`` over a label and fields that are packed already: what is computed for every message."""
    return hashlib.blake2b(packed, key=key, digest_size=n).digest()


def hkdf(ikm: bytes, label: str, *fields: bytes, length: int, salt: bytes = b"") -> bytes:
    """HKDF-SHA512 (RFC 5869) with info = LP(label) and LP of each field: for DH and KEM secrets."""
    return HKDF(SHA512(), length, salt or None, pack(label, *fields)).derive(ikm)


def X(secret: bytes, public: bytes) -> bytes:  # noqa: N802 - the specification's letter
    """The X25519 shared secret (RFC 7748).

    Raises:
        CryptoError: ``public`` is not canonical or gives zero, as small-order points do.
    """
    require_canonical(public)
    try:
        shared: bytes = nacl.bindings.crypto_scalarmult(secret, public)
    except nacl.exceptions.CryptoError as error:
        raise CryptoError("an X25519 key of small order") from error
    return shared


def require_canonical(public: bytes) -> None:
    """Accept one encoding of each X25519 key only: u < p, which includes a clear high bit.

    Raises:
        CryptoError: the key is another encoding.
    """
    if len(public) != KEY_SIZE or int.from_bytes(public, "little") >= _FIELD_PRIME:
        raise CryptoError("an X25519 key that is not canonical")


def x25519_public(secret: bytes) -> bytes:
    """The public key of an X25519 secret."""
    public: bytes = nacl.bindings.crypto_scalarmult_base(secret)
    return public


def box(key: bytes, message: bytes, randomness: Randomness) -> bytes:
    """NaCl secretbox under a random nonce, which comes first."""
    nonce = randomness.octets(NONCE_SIZE)
    sealed: bytes = nacl.bindings.crypto_secretbox(message, nonce, key)
    return nonce + sealed


def open_box(key: bytes, sealed: bytes) -> bytes:
    """What is in a box.

    Raises:
        CryptoError: another key, or altered.
    """
    try:
        message: bytes = nacl.bindings.crypto_secretbox_open(sealed[NONCE_SIZE:], sealed[:NONCE_SIZE], key)
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise CryptoError("a box that does not open") from error
    return message


def group_scalar(octets: bytes) -> bytes:
    """64 bytes as a number modulo the order of Ed25519's prime-order group, little-endian."""
    scalar: bytes = nacl.bindings.crypto_core_ed25519_scalar_reduce(octets)
    return scalar


def group_base(scalar: bytes) -> bytes:
    """``scalar`` times the generator."""
    return _group(lambda: nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(scalar))


def group_multiply(scalar: bytes, point: bytes) -> bytes:
    """``scalar`` times ``point``.

    Raises:
        CryptoError: no point of the prime-order group in its one encoding, or the product is neutral.
    """
    return _group(lambda: nacl.bindings.crypto_scalarmult_ed25519_noclamp(scalar, point))


def group_add(one: bytes, other: bytes) -> bytes:
    """The sum of two points.

    Raises:
        CryptoError: one is none.
    """
    return _group(lambda: nacl.bindings.crypto_core_ed25519_add(one, other))


def group_subtract(one: bytes, other: bytes) -> bytes:
    """The difference of two points, of which ``one`` came from outside.

    Raises:
        CryptoError: ``one`` is no point of the prime-order group in its one encoding, or is of small order.
    """
    if not _group(lambda: nacl.bindings.crypto_core_ed25519_is_valid_point(one)):
        raise CryptoError("not a point of the group")
    return _group(lambda: nacl.bindings.crypto_core_ed25519_sub(one, other))


Found = TypeVar("Found")


def _group(operation: Callable[[], Found]) -> Found:
    try:
        return operation()
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise CryptoError("not a point of the group") from error


class SealedStream:
    """libsodium's secretstream (XChaCha20-Poly1305), one way: seals chunks, or opens them, in their order.

    A chunk that is changed, missing, repeated or out of place does not open, and the last one says that it is.
    """

    def __init__(self, key: bytes, header: bytes | None = None) -> None:
        """With ``header`` it opens what began so; without, it seals, and ``header`` is what is to come first."""
        self._state = nacl.bindings.crypto_secretstream_xchacha20poly1305_state()
        if header is None:
            header = nacl.bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        else:
            nacl.bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)
        self.header: bytes = header

    def seal(self, chunk: bytes, *, last: bool, bound_to: bytes = b"") -> bytes:
        """``chunk`` sealed, ``STREAM_OVERHEAD`` bytes longer; ``bound_to`` must be known to whoever opens it."""
        tag = (
            nacl.bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if last
            else nacl.bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
        )
        sealed: bytes = nacl.bindings.crypto_secretstream_xchacha20poly1305_push(
            self._state, chunk, bound_to or None, tag
        )
        return sealed

    def open(self, sealed: bytes, bound_to: bytes = b"") -> tuple[bytes, bool]:
        """The next chunk, and whether it is the last.

        Raises:
            CryptoError: it is not the one that follows.
        """
        try:
            chunk, tag = nacl.bindings.crypto_secretstream_xchacha20poly1305_pull(
                self._state, sealed, bound_to or None
            )
        except (nacl.exceptions.CryptoError, ValueError) as error:
            raise CryptoError("a chunk that does not open") from error
        return chunk, tag == nacl.bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL


def argon2id(passphrase: bytes, salt: bytes, passes: int, memory_kib: int) -> bytes:
    """The 32-byte Argon2id key of a passphrase (RFC 9106, one lane) under a 16-byte salt.

    Raises:
        MemoryError: the machine does not have ``memory_kib``.
    """
    algorithm = nacl.bindings.crypto_pwhash_ALG_ARGON2ID13
    try:
        key: bytes = nacl.bindings.crypto_pwhash_alg(
            KEY_SIZE, passphrase, salt, passes, memory_kib * 1024, algorithm
        )
    except nacl.exceptions.RuntimeError as error:
        raise MemoryError from error
    return key


def kem_public(seed: bytes) -> bytes:
    """The ML-KEM-768 encapsulation key of a 64-byte seed (FIPS 203)."""
    return MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def require_kem_key(key: bytes) -> None:
    """Accept encapsulation keys only: the length and the modulus check of FIPS 203, section 7.2.

    Raises:
        CryptoError: ``key`` is none.
    """
    try:
        MLKEM768PublicKey.from_public_bytes(key)
    except ValueError as error:
        raise CryptoError("not an ML-KEM-768 key") from error


def kem_decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
    """The secret in ``ciphertext``; for a wrong one a random secret, never a sign that it was wrong.

    Raises:
        CryptoError: a wrong length.
    """
    if len(ciphertext) != KEM_CIPHERTEXT_SIZE:
        raise CryptoError("not an ML-KEM-768 ciphertext")
    return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)


def ed25519_public(seed: bytes) -> bytes:
    """The public key of an Ed25519 seed (RFC 8032)."""
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    key: bytes = public
    return key


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte signature of ``message``."""
    _, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    signed: bytes = nacl.bindings.crypto_sign(message, secret)
    return signed[:64]


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature; libsodium refuses small-order keys too.

    Raises:
        CryptoError: it is not this key's over these bytes.
    """
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        raise CryptoError("a key or a signature of a wrong length")
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise CryptoError("a signature that does not verify") from error
