"""TLS without a socket, and its plain twin: bytes of the network on one side, bytes of frames on the other.

One read of the socket decrypts all records in it, one write encrypts everything that waits: ``SSLObject`` over
``MemoryBIO`` costs a fifth of ``SSLSocket``, which gives at most one record a call.
"""

import ssl
from pathlib import Path
from typing import Protocol

from e2echat.errors import MalformedError, RelayDataError

_READ = 256 * 1024
"""More than one read of the socket can decrypt to."""


class Wire(Protocol):
    """One connection's transport."""

    ready: bool
    """Whether frames can be sent and received: the handshake is over."""

    def receive(self, data: bytes) -> tuple[bytes, bool]:
        """Take in bytes of the network.

        Returns:
            Bytes of frames, and whether the other side has ended the stream.

        Raises:
            MalformedError: the other side does not speak TLS 1.3.
        """

    def send(self, data: bytes) -> bytes:
        """Bytes for the network, for bytes of frames; with none, what the transport has to say itself."""


class PlainWire:
    """No TLS: for loopback addresses."""

    ready = True

    def receive(self, data: bytes) -> tuple[bytes, bool]:
        """See ``Wire``."""
        return data, False

    def send(self, data: bytes) -> bytes:
        """See ``Wire``."""
        return data


class TlsWire:
    """The server's side of TLS 1.3."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.ready = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def receive(self, data: bytes) -> tuple[bytes, bool]:
        """See ``Wire``."""
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            while part := self._tls.read(_READ):
                parts.append(part)
        except ssl.SSLWantReadError:
            return (parts[0] if len(parts) == 1 else b"".join(parts)), False
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as error:
            raise MalformedError("not TLS 1.3") from error
        return b"".join(parts), True

    def send(self, data: bytes) -> bytes:
        """See ``Wire``."""
        if data:
            self._tls.write(data)
        return self._outgoing.read()


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
