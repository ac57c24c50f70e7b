"""One TCP connection to a relay, or to a proxy before it; non-blocking, and without a thread of its own."""

import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from e2echat.client.channels import Channel, PlainChannel
from e2echat.errors import RelayUnreachableError

Where: TypeAlias = tuple[int, Any]
"""A family and a socket address of it, numeric."""
_RECEIVE = 256 * 1024
_WHY = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "no_way",
    errno.EHOSTUNREACH: "no_way",
    errno.ENETDOWN: "no_way",
    errno.ETIMEDOUT: "silent",
}


class Connection:
    """A socket and its channel. Every method may raise ``RelayUnreachableError``: the connection is then lost."""

    def __init__(self, where: Where) -> None:
        """Begin to connect."""
        self.where = where
        self._channel: Channel = PlainChannel()
        self._source: str | None = None
        self._unsent = bytearray()
        self._ending = False
        self.heard = False
        """Whether the peer has sent anything."""
        self.early = b""
        """What it sent together with the end of its TLS handshake."""
        family, address = where
        with _network_errors():
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setblocking(False)
            try:
                self.socket.connect(address)
            except BlockingIOError:
                pass
            except OSError:
                self.socket.close()
                raise

    def connected(self) -> None:
        """The socket became writable for the first time: see whether it is connected; if not, close it."""
        with _network_errors():
            failure = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not failure and self.socket.getsockname() == self.socket.getpeername():
                # The system gave us the port of a relay on this machine that is down: we would talk to ourselves.
                failure = errno.ECONNREFUSED
            if failure:
                self.socket.close()
                raise OSError(failure, os.strerror(failure))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._source = source_towards(self.where)

    def begin(self, channel: Channel) -> None:
        """It is connected: from now on bytes pass through ``channel``."""
        self._channel = channel
        self.flush()

    @property
    def moved(self) -> bool:
        """Whether the system would connect from another address of ours by now: nothing comes back to the old one."""
        return source_towards(self.where) not in (self._source, None)

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
        return is_loopback(self.where[1][0])

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


def resolve(host: str, port: int) -> list[Where]:
    """Where a host is, by IPv6 and IPv4. Blocks as long as the system's resolver does.

    Raises:
        RelayUnreachableError: nowhere.
    """
    with _network_errors():
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def numeric(address: str, port: int) -> Where:
    """Where a numeric address is; nobody is asked."""
    if ipaddress.ip_address(address).version == 4:
        return socket.AF_INET, (address, port)
    return socket.AF_INET6, (address, port, 0, 0)


def source_towards(where: Where) -> str | None:
    """The address of ours from which the system would send there now; None without a way. Sends nothing."""
    family, address = where
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect(address)
            return str(asking.getsockname()[0])
    except OSError:
        return None


def is_loopback(address: str) -> bool:
    """Whether a numeric address is this machine's own."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


@contextmanager
def _network_errors() -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise RelayUnreachableError(f"TLS 1.3 with the relay failed: {error.reason}", "not_tls") from error
    except OSError as error:
        why = "unknown_host" if isinstance(error, socket.gaierror) else _WHY.get(error.errno or 0, "")
        raise RelayUnreachableError(f"the relay cannot be reached: {error.strerror}", why) from error
    except UnicodeError as error:
        raise RelayUnreachableError("the relay's host is no name that could exist", "unknown_host") from error
