import hashlib
import hmac
from collections.abc import Callable

import nacl.bindings
import nacl.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.crypto import primitives
from e2echat.crypto.primitives import (
    BOX_OVERHEAD,
    KEM_CIPHERTEXT_SIZE,
    KEM_KEY_SIZE,
    H,
    K,
    SystemRandomness,
    X,
    argon2id,
    box,
    hkdf,
    kem_decapsulate,
    kem_public,
    open_box,
    require_canonical,
    require_kem_key,
)
from e2echat.errors import CryptoError

KEY = bytes(range(32))
PARTS = st.lists(st.binary(max_size=8), max_size=4)


def _flipped(data: bytes) -> list[bytes]:
    return [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(len(data))]


def test_h_is_blake2b_over_prefixed_lengths() -> None:
    text = bytes.fromhex("00000010") + b"e2echat/1/labels" + bytes.fromhex("00000001 61 00000000")
    assert H("labels", b"a", b"") == hashlib.blake2b(text, digest_size=32).digest()


def test_k_is_keyed_blake2b_over_the_same() -> None:
    text = bytes.fromhex("0000000f") + b"e2echat/1/chain"
    assert K(KEY, "chain", n=64) == hashlib.blake2b(text, key=KEY, digest_size=64).digest()
    assert len(K(KEY, "chain")) == 32


@given(PARTS, PARTS)
def test_fields_cannot_be_shifted_into_one_another(one: list[bytes], other: list[bytes]) -> None:
    same = one == other
    assert (H("x", *one) == H("x", *other)) == same
    assert (K(KEY, "x", *one) == K(KEY, "x", *other)) == same
    assert (hkdf(KEY, "x", *one, length=32) == hkdf(KEY, "x", *other, length=32)) == same


def test_a_label_separates() -> None:
    functions: list[Callable[[str], bytes]] = [
        H,
        lambda label: K(KEY, label),
        lambda label: hkdf(KEY, label, length=32),
    ]
    for function in functions:
        assert function("a") != function("b")


def test_hkdf_is_rfc_5869_with_sha_512() -> None:
    info = bytes.fromhex("0000000e") + b"e2echat/1/root" + bytes.fromhex("00000002") + b"th"
    for salt in (b"", b"salt"):
        extracted = hmac.digest(salt or bytes(64), b"secret", "sha512")
        first = hmac.digest(extracted, info + b"\1", "sha512")
        second = hmac.digest(extracted, first + info + b"\2", "sha512")
        assert hkdf(b"secret", "root", b"th", length=96, salt=salt) == (first + second)[:96]


def test_x_is_rfc_7748() -> None:
    # Section 6.1.
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert primitives.x25519_public(bob).hex() == bob_public
    assert X(bob, bytes.fromhex(alice_public)).hex() == shared


def test_a_box_opens_only_whole_and_with_its_key() -> None:
    sealed = box(KEY, b"text", SystemRandomness())
    assert len(sealed) == BOX_OVERHEAD + 4
    assert open_box(KEY, sealed) == b"text"
    bad = [*_flipped(sealed), *(sealed[:end] for end in range(len(sealed))), sealed + b"\0"]
    for each in bad:
        with pytest.raises(CryptoError):
            open_box(KEY, each)
    for key in (bytes(32), KEY[:-1], KEY + b"\0", b""):
        with pytest.raises(CryptoError):
            open_box(key, sealed)


def test_two_boxes_of_one_text_differ() -> None:
    randomness = SystemRandomness()
    assert box(KEY, b"text", randomness) != box(KEY, b"text", randomness)


def test_kem() -> None:
    seed = bytes(range(64))
    public = kem_public(seed)
    assert len(public) == KEM_KEY_SIZE
    secret, ciphertext = SystemRandomness().encapsulate(public)
    assert (len(secret), len(ciphertext)) == (32, KEM_CIPHERTEXT_SIZE)
    assert kem_decapsulate(seed, ciphertext) == secret


def test_an_altered_kem_ciphertext_gives_another_secret_and_no_sign_of_it() -> None:
    seed = bytes(range(64))
    secret, ciphertext = SystemRandomness().encapsulate(kem_public(seed))
    for altered in (bytes(KEM_CIPHERTEXT_SIZE), *_flipped(ciphertext)[::97]):
        assert kem_decapsulate(seed, altered) not in (secret, bytes(32))


@pytest.mark.parametrize("size", [0, KEM_CIPHERTEXT_SIZE - 1, KEM_CIPHERTEXT_SIZE + 1])
def test_a_kem_ciphertext_has_one_length(size: int) -> None:
    with pytest.raises(CryptoError):
        kem_decapsulate(bytes(64), bytes(size))


def test_a_kem_key_is_of_its_length_and_below_the_modulus() -> None:
    public = kem_public(bytes(64))
    unreduced = (3329).to_bytes(2, "little") + public[
        2:
    ]  # FIPS 203, section 7.2: the first coefficient is q itself
    require_kem_key(public)
    for bad in (b"", public[:-1], public + b"\0", b"\xff" * KEM_KEY_SIZE, unreduced):
        with pytest.raises(CryptoError):
            SystemRandomness().encapsulate(bad)
        with pytest.raises(CryptoError):
            require_kem_key(bad)


def test_signatures() -> None:
    seed = bytes.fromhex(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    )  # RFC 8032, test 1
    public = primitives.ed25519_public(seed)
    assert public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = primitives.ed25519_sign(seed, b"")
    assert signature.hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    primitives.ed25519_verify(public, b"", signature)


def test_a_signature_is_of_one_key_over_one_message() -> None:
    public, signature = primitives.ed25519_public(KEY), primitives.ed25519_sign(KEY, b"message")
    primitives.ed25519_verify(public, b"message", signature)
    for key, message, signed in [
        (primitives.ed25519_public(bytes(32)), b"message", signature),
        (public, b"messagf", signature),
        (public, b"", signature),
        *((public, b"message", bad) for bad in _flipped(signature)),
        *((bad, b"message", signature) for bad in _flipped(public)),
    ]:
        with pytest.raises(CryptoError):
            primitives.ed25519_verify(key, message, signed)


def test_the_border_between_signature_and_message_is_fixed() -> None:
    public, signature = primitives.ed25519_public(KEY), primitives.ed25519_sign(KEY, b"message")
    for key, message, signed in [
        (public, b"essage", signature + b"m"),
        (public, signature[-1:] + b"message", signature[:-1]),
        (public + b"\0", b"message", signature),
        (public[:-1], b"message", signature),
    ]:
        with pytest.raises(CryptoError):
            primitives.ed25519_verify(key, message, signed)


def test_a_signature_has_one_form() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    public, signature = primitives.ed25519_public(KEY), primitives.ed25519_sign(KEY, b"message")
    scalar = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(CryptoError):
        primitives.ed25519_verify(public, b"message", signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [0, 1, 9, 2**255 - 20])
def test_canonical_keys_pass(key: int) -> None:
    require_canonical(key.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [2**255 - 19, 2**255 - 18, 2**255 - 1, 2**255, 2**255 + 9, 2**256 - 1])
def test_other_encodings_of_a_key_are_refused(key: int) -> None:
    with pytest.raises(CryptoError):
        require_canonical(key.to_bytes(32, "little"))
    with pytest.raises(CryptoError):
        X(KEY, key.to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_has_thirty_two_bytes(size: int) -> None:
    with pytest.raises(CryptoError):
        require_canonical(b"\1" * size)
    with pytest.raises(CryptoError):
        X(KEY, b"\1" * size)


def test_a_machine_without_the_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise nacl.exceptions.RuntimeError

    monkeypatch.setattr(nacl.bindings, "crypto_pwhash_alg", no_memory)
    with pytest.raises(MemoryError):
        argon2id(b"pass", bytes(16), 1, 1 << 30)


def test_system_randomness() -> None:
    randomness = SystemRandomness()
    assert len(randomness.octets(24)) == 24
    assert randomness.octets(32) != randomness.octets(32)
