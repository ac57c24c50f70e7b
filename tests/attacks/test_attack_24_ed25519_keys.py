"""Small-order Ed25519 key: aborted."""

import pytest

from e2echat.crypto.keys import SUITE, Identity
from e2echat.crypto.primitives import ed25519_verify
from e2echat.errors import CryptoError
from e2echat.wire.records import pack, u16

PRIME = 2**255 - 19
# y of the points of order 1, 2, 4 and 8, RFC 8032 encoding; the sign of x is the high bit.
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303021466
SMALL_ORDER = [1, PRIME - 1, 0, _ORDER_8, PRIME - _ORDER_8]
ENCODINGS = [y + sign for y in [*SMALL_ORDER, PRIME, PRIME + 1] for sign in (0, 2**255)]


def _key(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.mark.parametrize("number", ENCODINGS)
def test_no_signature_verifies_under_a_key_of_small_order(number: int) -> None:
    # With A of small order, R = A or the neutral point and s = 0 satisfy the plain equation for many messages.
    for commitment in [_key(1), *(_key(other) for other in ENCODINGS)]:
        for message in (bytes([i]) for i in range(8)):
            with pytest.raises(CryptoError):
                ed25519_verify(_key(number), message, commitment + bytes(32))


def test_the_vectors_would_pass_a_verifier_without_the_check() -> None:
    """OpenSSL, which takes such keys, accepts the neutral point's signature: the attack is real."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - only here

    Ed25519PublicKey.from_public_bytes(_key(1)).verify(_key(1) + bytes(32), b"any message")


def test_an_identity_under_such_a_key_is_refused() -> None:
    signed = pack("id", u16(SUITE), b"alice", _key(1), bytes(32))
    with pytest.raises(CryptoError):
        Identity.parse(signed + _key(1) + bytes(32))
