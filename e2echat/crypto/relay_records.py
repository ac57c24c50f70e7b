"""What a relay and an account sign to each other: hello, claim, auth, leave. docs/spec/relay.md, "Signing in"."""

from dataclasses import dataclass
from typing import ClassVar, Self

from e2echat.crypto.keys import DEVICE_ID, Identity, SigningKey
from e2echat.crypto.primitives import KEY_SIZE, H, ed25519_verify
from e2echat.errors import CryptoError, MalformedError, WrongRelayError
from e2echat.wire import records
from e2echat.wire.names import MAX_NAME, is_canonical
from e2echat.wire.records import u16, u32, u64

NO_CERTIFICATE = bytes(32)
"""In place of the certificate's hash on a connection without TLS."""


@dataclass(frozen=True, slots=True)
class HelloRecord:
    """What a relay signs first on every connection; the only check of its TLS certificate."""

    raw: bytes
    relay_key: bytes
    nonce: bytes
    certificate_hash: bytes
    version: int

    @classmethod
    def create(cls, relay: SigningKey, nonce: bytes, certificate_hash: bytes, version: int) -> Self:
        """The relay's greeting for one connection."""
        raw = relay.sign_record("hello", relay.public, nonce, certificate_hash, u16(version))
        return cls(raw, relay.public, nonce, certificate_hash, version)

    @classmethod
    def parse(cls, raw: bytes, relay_key: bytes, certificate_hash: bytes) -> Self:
        """Read and verify against the address's PIN and the certificate that TLS showed.

        Raises:
            MalformedError: the layout is not valid.
            WrongRelayError: another relay, or somebody in the middle.
        """
        fields, signed, signature = records.unpack("hello", raw, (KEY_SIZE, 32, 32, 2))
        key, nonce, certificate, version = fields
        if key != relay_key:
            raise WrongRelayError("the relay's key is not the one in the address")
        try:
            ed25519_verify(key, signed, signature)
        except CryptoError as error:
            raise WrongRelayError("the relay did not prove its key") from error
        if certificate != certificate_hash:
            raise WrongRelayError("the TLS certificate is not the relay's: somebody is in the middle")
        return cls(raw, key, nonce, certificate, int.from_bytes(version))

    @property
    def hash(self) -> bytes:
        """H(hello): what a client's answer is bound to."""
        return H("hello-hash", self.raw)


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """An account's claim of its name at one relay, and the key that signs in there."""

    raw: bytes
    relay_key: bytes
    name: str
    epoch: int
    key: bytes

    @classmethod
    def create(cls, account: SigningKey, relay_key: bytes, name: str, epoch: int, key: bytes) -> Self:
        """Signed by the account's IKs, once a relay and installation."""
        raw = account.sign_record("claim", relay_key, name.encode(), u32(DEVICE_ID), u64(epoch), key)
        return cls(raw, relay_key, name, epoch, key)

    @classmethod
    def parse(cls, raw: bytes, identity: Identity, relay_key: bytes) -> Self:
        """Read and verify.

        Raises:
            MalformedError: the layout is not valid.
            CryptoError: another relay, name or device, or a bad signature.
        """
        sizes = (KEY_SIZE, range(1, MAX_NAME + 1), 4, 8, KEY_SIZE)
        fields, signed, signature = records.unpack("claim", raw, sizes)
        relay, name, device_id, epoch, key = fields
        ed25519_verify(identity.key, signed, signature)
        if relay != relay_key or name != identity.name.encode() or device_id != u32(DEVICE_ID):
            raise CryptoError("a claim of something else")
        return cls(raw, relay, identity.name, int.from_bytes(epoch), key)


@dataclass(frozen=True, slots=True)
class AuthRecord:
    """The answer to one hello: proves the claim's key on this connection to this relay."""

    LABEL: ClassVar[str] = "auth"
    raw: bytes
    name: str
    _relay_key: bytes
    _hello_hash: bytes
    _signed: bytes
    _signature: bytes

    @classmethod
    def create(cls, key: SigningKey, hello: HelloRecord, nonce: bytes, name: str) -> Self:
        """Signed by the claim's key; ``nonce`` is 32 bytes of the client's own."""
        fields = (hello.relay_key, hello.hash, nonce, name.encode(), u32(DEVICE_ID))
        return cls.parse(key.sign_record(cls.LABEL, *fields))

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read; nothing is verified until ``verify``, for which the name must be looked up first.

        Raises:
            MalformedError: the layout is not valid.
        """
        sizes = (KEY_SIZE, 32, 32, range(1, MAX_NAME + 1), 4)
        fields, signed, signature = records.unpack(cls.LABEL, raw, sizes)
        relay_key, hello_hash, _, name, device_id = fields
        text = name.decode("ascii", "replace")
        if device_id != u32(DEVICE_ID) or not is_canonical(text):
            raise MalformedError(f"a record of another kind than {cls.LABEL}")
        return cls(raw, text, relay_key, hello_hash, signed, signature)

    def verify(self, key: bytes, hello: HelloRecord) -> None:
        """Check that ``key`` signed this answer to this ``hello``.

        Raises:
            CryptoError: it did not.
        """
        if self._relay_key != hello.relay_key or self._hello_hash != hello.hash:
            raise CryptoError("an answer to another hello")
        ed25519_verify(key, self._signed, self._signature)


class LeaveRecord(AuthRecord):
    """The same under another label, and signed by the account's IKs: the name and all behind it are to go, for good."""

    __slots__ = ()
    LABEL: ClassVar[str] = "leave"
