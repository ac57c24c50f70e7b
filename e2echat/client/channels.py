"""What turns our bytes into a connection's and back: nothing, or TLS 1.3. No sockets."""

import hashlib
import ssl
from typing import Protocol

from e2echat.crypto.relay_records import NO_CERTIFICATE

_TLS_READ = 64 * 1024
_FIRST_BYTE_OF_A_FRAME = 0
"""The high byte of a size below 64 KiB; a TLS record begins with 20 to 23."""


class PlainRelayError(Exception):
    """The peer began with a frame where a TLS record belongs."""


class Channel(Protocol):
    """What turns our bytes into the socket's and back. No I/O."""

    @property
    def established(self) -> bool:
        """Whether bytes of ours may be sent."""

    @property
    def certificate_hash(self) -> bytes:
        """SHA-256 of the peer's leaf certificate in DER, once established; zeros without TLS."""

    def receive(self, raw: bytes) -> bytes:
        """The bytes that these complete."""

    def send(self, data: bytes) -> None:
        """Take in bytes of ours."""

    def end(self) -> None:
        """No more bytes of ours will come."""

    def outgoing(self) -> bytes:
        """What the socket must send now."""


class PlainChannel:
    """Nothing in between. For relays on this machine only."""

    def __init__(self) -> None:
        self.established = True
        self.certificate_hash = NO_CERTIFICATE
        self._outgoing = bytearray()

    def receive(self, raw: bytes) -> bytes:
        """See ``Channel``."""
        return raw

    def send(self, data: bytes) -> None:
        """See ``Channel``."""
        self._outgoing += data

    def end(self) -> None:
        """See ``Channel``."""

    def outgoing(self) -> bytes:
        """See ``Channel``."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data


class TlsChannel:
    """TLS 1.3 as a client.

    Raises from ``receive``:
        PlainRelayError: the first byte is a frame's, not a TLS record's.
        ssl.SSLError: the peer broke TLS, or has only older versions.
    """

    def __init__(self) -> None:
        self.established = False
        self.certificate_hash = NO_CERTIFICATE
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # No server name: nobody on the way needs to learn it, and no session: nothing is ever resumed.
        self._tls = _context().wrap_bio(self._incoming, self._outgoing)
        self._heard = False
        self._handshake()

    def receive(self, raw: bytes) -> bytes:
        """See ``Channel``."""
        if not self._heard and raw[0] == _FIRST_BYTE_OF_A_FRAME:
            raise PlainRelayError
        self._heard = True
        self._incoming.write(raw)
        if not self.established:
            self._handshake()
        return self._decrypted() if self.established else b""

    def send(self, data: bytes) -> None:
        """See ``Channel``."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]

    def end(self) -> None:
        """See ``Channel``: says so to the peer, whose answer is not waited for."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return

    def outgoing(self) -> bytes:
        """See ``Channel``."""
        return self._outgoing.read()

    def _handshake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        certificate = self._tls.getpeercert(binary_form=True)
        self.certificate_hash = hashlib.sha256(certificate or b"").digest()
        self.established = True

    def _decrypted(self) -> bytes:
        parts = []
        while True:
            try:
                part = self._tls.read(_TLS_READ)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                break
            parts.append(part)
        return b"".join(parts)


def _context() -> ssl.SSLContext:
    # No authority vouches for a relay: its address names its key, and the first thing that it sends is a hello
    # signed with that key over the hash of the very certificate that TLS showed. The engine checks that before
    # anything else is said, so a certificate of somebody in the middle gets no further.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    return context
