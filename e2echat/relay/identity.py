"""Who a relay is: the Ed25519 key that its address names, and a self-made TLS certificate.

Clients know the certificate by the hash in the signed hello, never by its issuer or dates, so its content
says nothing and it needs no renewal.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.errors import RelayDataError
from e2echat.relay.datadir import DataDirectory

KEY_FILE = "relay.key"
CERTIFICATE_FILE = "tls.pem"
_NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
_NOT_AFTER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280, section 4.1.2.5: no well-defined end."""


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """What a relay proves itself with. ``certificate`` is the path of a PEM file with key and certificate."""

    key: SigningKey = field(repr=False)
    certificate: Path
    certificate_hash: bytes
    """SHA-256 of the certificate in DER."""

    @classmethod
    def load_or_create(cls, directory: DataDirectory, randomness: Randomness) -> Self:
        """The identity in ``directory``, made there at the first start.

        Raises:
            RelayDataError: what is there is damaged or cannot be used.
        """
        seed = directory.read(KEY_FILE)
        if seed is None:
            seed = randomness.octets(KEY_SIZE)
            directory.write(KEY_FILE, seed)
        if len(seed) != KEY_SIZE:
            raise RelayDataError(f"{directory.path / KEY_FILE} is damaged: restore it from a backup")
        pem = directory.read(CERTIFICATE_FILE)
        if pem is None:
            pem = _make_certificate()
            directory.write(CERTIFICATE_FILE, pem)
        try:
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            raise RelayDataError(
                f"{directory.path / CERTIFICATE_FILE} is damaged: remove it, and a new one is made"
            ) from error
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        return cls(SigningKey(seed), directory.path / CERTIFICATE_FILE, digest)


def _make_certificate() -> bytes:
    """A P-256 key and its self-signed certificate, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e2echat relay")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + certificate.public_bytes(Encoding.PEM)
