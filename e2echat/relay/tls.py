"""TLS without a socket: bytes of the network on one side, bytes of frames on the other.

One read of the socket decrypts all records in it, one write encrypts everything that waits: ``SSLObject`` over
``MemoryBIO`` costs a fifth of ``SSLSocket``, which gives at most one record a call.
"""

import ssl
from pathlib import Path

from e2echat.errors import MalformedError, RelayDataError

_RECORD = 16 * 1024
"""Bytes that one record can hold: one read gives at most one."""
_STEP = 64 * 1024
"""Bytes to encrypt at once: a buffer that has grown never shrinks."""


class TlsWire:
    """The server's side of TLS 1.3."""

    __slots__ = ("_incoming", "_outgoing", "_tls", "ready")

    def __init__(self, context: ssl.SSLContext) -> None:
        self.ready = False
        """Whether frames can be sent and received: the handshake is over."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def receive(self, data: bytes) -> tuple[bytes, bool]:
        """Take in bytes of the network.

        Returns:
            Bytes of frames, and whether the other side has ended the stream.

        Raises:
            MalformedError: the other side does not speak TLS 1.3.
        """
        incoming, read = self._incoming, self._tls.read
        incoming.write(data)
        parts: list[bytes] = []
        try:
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            # To ask for more than there is costs an exception.
            while incoming.pending:
                part = read(_RECORD)
                if not part:
                    return b"".join(parts), True
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            return b"".join(parts), True
        except ssl.SSLError as error:
            raise MalformedError("not TLS 1.3") from error
        return (parts[0] if len(parts) == 1 else b"".join(parts)), False

    def send(self, data: bytes) -> bytes:
        """Bytes for the network, for bytes of frames, behind what TLS has to say itself."""
        if len(data) <= _STEP:
            self._tls.write(data)
            return self._outgoing.read()
        parts = []
        for start in range(0, len(data), _STEP):
            self._tls.write(data[start : start + _STEP])
            parts.append(self._outgoing.read())
        return b"".join(parts)

    def own(self) -> bytes:
        """What TLS has to say itself: handshakes, key updates, alerts."""
        return self._outgoing.read() if self._outgoing.pending else b""


def server_context(certificate: Path) -> ssl.SSLContext:
    """TLS 1.3 only, no tickets: every connection proves itself anew, with the hello that names the certificate.

    Args:
        certificate: a PEM file with key and certificate.

    Raises:
        RelayDataError: it holds none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.options |= ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(certificate)
    except (ssl.SSLError, OSError) as error:
        raise RelayDataError(f"{certificate} is damaged: remove it, and a new one is made") from error
    return context
