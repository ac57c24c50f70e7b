"""One TCP connection to a relay, TLS 1.3 inside unless plain; non-blocking, and without a thread of its own."""

import hashlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from e2echat.crypto.relay_records import NO_CERTIFICATE
from e2echat.errors import RelayUnreachableError

_RECEIVE = 256 * 1024
_TLS_READ = 64 * 1024
_FIRST_BYTE_OF_A_FRAME = 0
"""The high byte of a size below 64 KiB; a TLS record begins with 20 to 23."""


class PlainRelayError(Exception):
    """The peer began with a frame where a TLS record belongs."""


class Channel(Protocol):
    """What turns our bytes into the socket's and back. No I/O."""

    established: bool
    """Whether bytes of ours may be sent."""
    certificate_hash: bytes
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


class Connection:
    """A socket and its channel. Every method may raise ``RelayUnreachableError``: the connection is then lost."""

    def __init__(self, where: tuple[int, Any], channel: Channel) -> None:
        """Begin to connect to ``where``, a family and address from ``resolve``."""
        family, self._address = where
        self._channel = channel
        self._unsent = bytearray()
        self._ending = False
        self.heard = False
        """Whether the peer has sent anything."""
        self.early = b""
        """What it sent together with the end of its TLS handshake."""
        with _network_errors():
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setblocking(False)
            try:
                self.socket.connect(self._address)
            except BlockingIOError:
                pass
            except OSError:
                self.socket.close()
                raise

    def connected(self) -> None:
        """The socket became writable for the first time: see whether it is connected, and begin TLS."""
        with _network_errors():
            failure = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:
                raise OSError(failure, os.strerror(failure))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.flush()

    @property
    def established(self) -> bool:
        """Whether the channel is ready for bytes of ours."""
        return self._channel.established

    @property
    def certificate_hash(self) -> bytes:
        """See ``Channel``."""
        return self._channel.certificate_hash

    @property
    def wants_write(self) -> bool:
        """Whether bytes wait for the socket to take them."""
        return bool(self._unsent)

    @property
    def is_loopback(self) -> bool:
        """Whether the peer is on this machine."""
        return is_loopback(self._address[0])

    def send(self, data: bytes) -> None:
        """Send as much as the socket takes now; ``flush`` sends the rest."""
        with _network_errors():
            self._channel.send(data)
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes of what is waiting."""
        with _network_errors():
            self._unsent += self._channel.outgoing()
            try:
                while self._unsent:
                    del self._unsent[: self.socket.send(self._unsent)]
            except BlockingIOError:
                return
            if self._ending:
                self.socket.shutdown(socket.SHUT_WR)

    def receive(self) -> bytes:
        """The bytes that arrived, none if nothing is complete yet.

        Raises:
            PlainRelayError: the peer speaks without TLS.
        """
        with _network_errors():
            raw = self._receive_raw()
            data = self._channel.receive(raw) if raw else b""
        self.flush()
        return data

    def discard(self) -> bool:
        """Throw away what arrived; False once the peer has closed."""
        try:
            with _network_errors():
                self._receive_raw()
        except RelayUnreachableError:
            return False
        return True

    def end(self) -> None:
        """Nothing more will be sent: once the rest has left, tell the peer."""
        self._channel.end()
        self._ending = True
        self.flush()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _receive_raw(self) -> bytes:
        try:
            raw = self.socket.recv(_RECEIVE)
        except BlockingIOError:
            return b""
        if not raw:
            raise RelayUnreachableError("the relay closed the connection")
        self.heard = True
        return raw


def resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """The families and socket addresses of a host, IPv6 and IPv4. Blocks as long as the system's resolver does.

    Raises:
        RelayUnreachableError: there are none.
    """
    with _network_errors():
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def is_loopback(address: str) -> bool:
    """Whether a numeric address is this machine's own."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


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


@contextmanager
def _network_errors() -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise RelayUnreachableError(f"TLS 1.3 with the relay failed: {error.reason}") from error
    except OSError as error:
        raise RelayUnreachableError(f"the relay cannot be reached: {error.strerror}") from error
    except UnicodeError as error:
        raise RelayUnreachableError("the relay's host is no name that could exist") from error
