"""A proxy between us and every relay: SOCKS5, RFC 1928 and RFC 1929. No I/O.

The proxy looks the relay's host up; we never do. What we log in with is random: a proxy that checks it is none for us.
"""

import ipaddress
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Self

from e2echat.client.channels import Channel
from e2echat.crypto.relay_records import NO_CERTIFICATE
from e2echat.errors import InvalidProxyError, RelayUnreachableError

_PROXY = re.compile(r"socks5h://(\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):([0-9]{1,5})")
DIRECT = "none"
"""What one says instead of a proxy's address for having none."""
_VERSION, _LOGIN_VERSION = 5, 1
_NO_LOGIN, _LOGIN = 0, 2
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES = {
    1: "it failed",
    2: "its rules forbid it",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
    6: "it took too long",
    7: "it does not connect",
    8: "it does not know such addresses",
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy listens. ``host`` is a numeric address or ``localhost``: it must not have to be looked up."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``socks5h://HOST:PORT``.

        Raises:
            InvalidProxyError: it is none.
        """
        match = _PROXY.fullmatch(text.strip())
        if not match:
            raise InvalidProxyError(str(InvalidProxyError.__doc__))
        host, port = match.group(1).strip("[]"), int(match.group(2))
        try:
            if host != "localhost":
                ipaddress.ip_address(host)
        except ValueError as error:
            raise InvalidProxyError(str(InvalidProxyError.__doc__)) from error
        if not 0 < port < 1 << 16:
            raise InvalidProxyError(str(InvalidProxyError.__doc__))
        return cls(host, port)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The numeric addresses to try."""
        return ("127.0.0.1", "::1") if self.host == "localhost" else (self.host,)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"socks5h://{host}:{self.port}"


def chosen_proxy(text: str | None) -> Proxy | None:
    """What a person chose: a proxy, or ``none``, or said nothing about.

    Raises:
        InvalidProxyError: it is neither.
    """
    return None if text is None or text.strip() == DIRECT else Proxy.parse(text)


class SocksChannel:
    """A ``Channel`` that asks a proxy for a connection to ``host``; once it stands, it is what ``inside`` makes.

    ``login``: user name and password, 1 to 255 bytes each, for a proxy that takes them.

    Raises from ``receive``:
        RelayUnreachableError: the proxy refuses, or is none.
    """

    def __init__(
        self, host: str, port: int, login: tuple[bytes, bytes], inside: Callable[[], Channel]
    ) -> None:
        self._make_inside = inside
        self._inside: Channel | None = None
        self._received, self._outgoing = bytearray(), bytearray()
        self._talk = self._conversation(host, port, login)
        self._needed = next(self._talk)

    @property
    def established(self) -> bool:
        """See ``Channel``."""
        return self._inside is not None and self._inside.established

    @property
    def certificate_hash(self) -> bytes:
        """See ``Channel``."""
        return NO_CERTIFICATE if self._inside is None else self._inside.certificate_hash

    def receive(self, raw: bytes) -> bytes:
        """See ``Channel``."""
        if self._inside is not None:
            return self._inside.receive(raw)
        self._received += raw
        while len(self._received) >= self._needed:
            answer = bytes(self._received[: self._needed])
            del self._received[: self._needed]
            try:
                self._needed = self._talk.send(answer)
            except StopIteration:
                self._inside = self._make_inside()
                return self._inside.receive(bytes(self._received)) if self._received else b""
        return b""

    def send(self, data: bytes) -> None:
        """See ``Channel``."""
        if self._inside is not None:
            self._inside.send(data)

    def end(self) -> None:
        """See ``Channel``."""
        if self._inside is not None:
            self._inside.end()

    def outgoing(self) -> bytes:
        """See ``Channel``."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data + (b"" if self._inside is None else self._inside.outgoing())

    def _conversation(self, host: str, port: int, login: tuple[bytes, bytes]) -> Generator[int, bytes, None]:
        """Each step says what to send, and yields how many bytes it needs in answer."""
        self._outgoing += bytes([_VERSION, 2, _NO_LOGIN, _LOGIN])
        version, method = yield 2
        if version != _VERSION:
            raise RelayUnreachableError("what answers as the proxy does not speak SOCKS5")
        if method not in (_NO_LOGIN, _LOGIN):
            raise RelayUnreachableError("the proxy wants a way to log in that we do not have")
        if method == _LOGIN:
            self._outgoing += bytes([_LOGIN_VERSION]) + b"".join(map(_text, login))
            _, refused = yield 2
            if refused:
                raise RelayUnreachableError(
                    "the proxy wants a user name and a password, which we do not have"
                )
        self._outgoing += bytes([_VERSION, _CONNECT, 0, *_destination(host)]) + port.to_bytes(2)
        version, reply = yield 2
        if version != _VERSION:
            raise RelayUnreachableError("what answers as the proxy does not speak SOCKS5")
        if reply:
            why = _REPLIES.get(reply, f"it says {reply}")
            raise RelayUnreachableError(f"the proxy does not reach the relay: {why}")
        # The address from which the proxy went on; nothing of it matters but where it ends.
        _, kind = yield 2
        match kind:
            case 1:  # IPv4
                size = 4
            case 4:  # IPv6
                size = 16
            case 3:  # a name
                (size,) = yield 1
            case _:
                raise RelayUnreachableError("what answers as the proxy does not speak SOCKS5")
        yield size + 2


def _destination(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([_NAME]) + _text(host.encode())
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value
