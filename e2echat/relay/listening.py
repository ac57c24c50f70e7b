"""Where a relay listens, what it calls itself, and the thread that accepts connections."""

import errno
import ipaddress
import logging
import queue
import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterator

from e2echat.errors import InvalidAddressError, ListenError
from e2echat.relay.limits import Limits
from e2echat.wire.address import DEFAULT_PORT

_log = logging.getLogger(__name__)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses for documentation (RFC 5737, RFC 3849): outside, and nobody's."""
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY = 0.2
"""Seconds until a connection is accepted again after descriptors ran out."""


def split_host_port(text: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT``; the port may be left out.

    Raises:
        InvalidAddressError: it is neither.
    """
    match = _HOST_PORT.fullmatch(text)
    if not match or int(match.group(2) or 0) > 0xFFFF:
        raise InvalidAddressError(f"{text!r} is not HOST:PORT; an IPv6 address goes in brackets: [::1]:7443")
    return match.group(1).strip("[]"), int(match.group(2) or default_port)


def is_loopback(host: str) -> bool:
    """Whether an IP address, as the system writes it, is of this machine alone."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def is_wildcard(host: str) -> bool:
    """Whether an IP address stands for all of this machine's."""
    return ipaddress.ip_address(host.partition("%")[0]).is_unspecified


def default_route_host() -> str:
    """The address of the interface that leads outside; loopback where none does. Sends nothing."""
    for family, target in _NOWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                host: str = probe.getsockname()[0]
                return host
        except OSError:
            continue
    return "127.0.0.1"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks one.

    Raises:
        ListenError: the address is unknown, in use, or not permitted.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        dual = family == socket.AF_INET6 and is_wildcard(str(address[0])) and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=1024, dualstack_ipv6=dual)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such host"
        raise ListenError(f"cannot listen on {host} port {port}: {reason}") from error


class Accepting:
    """Accepts connections until it is told to stop; without file descriptors they wait outside."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        listener.setblocking(False)
        self._stop_receiver, self._stop_sender = socket.socketpair()
        self._said = False

    def connections(self) -> Iterator[socket.socket]:
        """Every connection, as it comes; ends after ``stop``."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stop_receiver, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while self._stop_receiver not in [key.fileobj for key, _ in selector.select()]:
                try:
                    accepted, _ = self._listener.accept()
                except OSError as error:
                    if error.errno in _OUT_OF_DESCRIPTORS:
                        self._say_once()
                        # The selector that is there is used again: another one would be a descriptor, too.
                        selector.unregister(self._listener)
                        selector.select(_RETRY)
                        selector.register(self._listener, selectors.EVENT_READ)
                    continue
                self._said = False
                yield accepted

    def stop(self) -> None:
        """Let ``connections`` end. Any thread may call this."""
        self._stop_sender.send(b"\0")

    def close(self) -> None:
        """Close the listening socket; ``connections`` must have ended."""
        for each in (self._listener, self._stop_receiver, self._stop_sender):
            each.close()

    def _say_once(self) -> None:
        if not self._said:
            _log.warning("out of file descriptors: new connections wait")
        self._said = True


class Acceptor:
    """Accepts connections on a thread of its own and hands them on, so that a storm of them waits outside."""

    def __init__(self, listener: socket.socket, wake: Callable[[], None]) -> None:
        self._accepting = Accepting(listener)
        self._wake = wake
        self._accepted: queue.Queue[socket.socket] = queue.Queue(maxsize=256)
        self._thread = threading.Thread(target=self._run, name="relay-acceptor")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the listening socket. ``take`` must still be called meanwhile."""
        self._accepting.stop()
        self._thread.join()
        self._accepting.close()

    def take(self) -> list[socket.socket]:
        """The connections that were accepted since this was last asked."""
        taken = []
        while not self._accepted.empty():
            taken.append(self._accepted.get())
        return taken

    def _run(self) -> None:
        for accepted in self._accepting.connections():
            self._accepted.put(accepted)
            self._wake()


class AddressCounts:
    """How many connections each address has. Loopback is not counted: proxies and onion services end there."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.connections_per_address
        self._counts: dict[str, int] = {}

    def add(self, host: str) -> bool:
        """Count one more, unless it is one too many."""
        key = counted(host)
        if key is None:
            return True
        if self._counts.get(key, 0) >= self._most:
            return False
        self._counts[key] = self._counts.get(key, 0) + 1
        return True

    def remove(self, host: str) -> None:
        """Count one less."""
        key = counted(host)
        if key is not None:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]


def counted(host: str) -> str | None:
    """What an address counts as: itself, or its /64, which one household has whole."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
