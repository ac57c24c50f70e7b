"""From a relay's address to an established connection: every way there is, a proxy's alone where one is set.

Addresses of both families are tried as RFC 8305 ("Happy Eyeballs") says: alternately, each a quarter of a second after
the one before, and the first that connects is taken.
"""

import secrets
import socket
from collections import deque
from collections.abc import Callable
from itertools import chain, zip_longest

from e2echat.client.channels import Channel, PlainChannel, PlainRelayError, TlsChannel
from e2echat.client.connection import Connection, Where, numeric, resolve, source_towards
from e2echat.client.socks import Proxy, SocksChannel
from e2echat.client.waiting import READ, WRITE, Pace, Wait
from e2echat.errors import MalformedError, RelayUnreachableError
from e2echat.wire.address import RelayAddress

MAX_ADDRESSES = 8
_ANYWHERE: Where = (socket.AF_INET, ("192.0.2.1", 9))
"""An address that nobody has (RFC 5737): the system knows whether there would be a way to it."""


class Dialer:
    """For one relay, by one thread. ``wait`` may raise what ends an attempt."""

    def __init__(
        self,
        relay: RelayAddress,
        proxy: Proxy | None,
        *,
        pace: Pace,
        wait: Wait,
        clock: Callable[[], float],
    ) -> None:
        self._relay = relay
        self._proxy = proxy
        self._pace = pace
        self._wait = wait
        self._clock = clock
        self._plain = False
        """The relay was found to speak without TLS."""
        self._good: Where | None = None
        """What worked the last time goes first."""
        self._bad: set[Where] = set()
        """What connected and came to nothing goes last."""
        self._towards = _ANYWHERE if proxy is None else numeric(proxy.addresses[0], proxy.port)

    def dial(self) -> Connection:
        """Connect.

        Raises:
            RelayUnreachableError: there is no way, or none that works.
            MalformedError: what answers is no relay that we may talk to.
        """
        return self._dial(self._addresses())

    def ended(self, connection: Connection) -> None:
        """A connection that ``dial`` made is over."""
        # A relay that says nothing may have been started anew, with TLS.
        self._plain &= connection.heard

    def source(self) -> str | None:
        """From which address of ours we would dial now; None without a network. Asks nobody but the system."""
        return source_towards(self._towards)

    def _dial(self, addresses: list[Where]) -> Connection:
        connection = self._race(addresses)
        try:
            self._establish(connection)
        except PlainRelayError as error:
            connection.close()
            # What a relay on this machine sends cannot be read on the way; its hello says so, too, with
            # zeros for the certificate's hash. Nowhere else is that believed.
            if self._proxy is not None or not connection.is_loopback:
                raise MalformedError(
                    "the relay speaks without TLS, which only one on this machine may, without a proxy"
                ) from error
            self._plain = True
            return self._dial([connection.where])
        except BaseException as error:
            connection.close()
            if isinstance(error, RelayUnreachableError):
                self._good = None
                self._bad.add(connection.where)
            raise
        self._good = connection.where
        self._bad.clear()
        return connection

    def _addresses(self) -> list[Where]:
        if self._proxy is not None:
            return [numeric(address, self._proxy.port) for address in self._proxy.addresses]
        return self._ordered(resolve(self._relay.host, self._relay.port))[:MAX_ADDRESSES]

    def _ordered(self, found: list[Where]) -> list[Where]:
        """The families alternately, in the system's order otherwise; what is known of them before that."""
        first = [where for where in found if where[0] == found[0][0]]
        others = [where for where in found if where[0] != found[0][0]]
        mixed = [where for where in chain(*zip_longest(first, others)) if where is not None]
        return sorted(mixed, key=lambda where: (where in self._bad, where != self._good))

    def _race(self, addresses: list[Where]) -> Connection:
        running: dict[socket.socket, Connection] = {}
        try:
            return self._first(deque(addresses), running)
        except RelayUnreachableError as error:
            if self._proxy is not None:
                raise RelayUnreachableError(f"the proxy {self._proxy} cannot be reached", "proxy") from error
            raise
        finally:
            for connection in running.values():
                connection.close()

    def _first(self, addresses: deque[Where], running: dict[socket.socket, Connection]) -> Connection:
        """The first connection that stands; those that are still being made stay in ``running``."""
        failure = RelayUnreachableError("the relay's host has no address")
        next_at = self._clock()
        deadline = next_at + self._pace.connect
        while addresses or running:
            now = self._clock()
            if now >= deadline:
                raise RelayUnreachableError("the relay does not answer", "silent")
            try:
                if addresses and (now >= next_at or not running):
                    next_at = now + self._pace.stagger
                    self._towards = addresses.popleft()
                    begun = Connection(self._towards)
                    running[begun.socket] = begun
                until = min(deadline, next_at) if addresses else deadline
                for ready in self._wait(dict.fromkeys(running, WRITE), until):
                    connection = running.pop(ready)
                    connection.connected()
                    self._towards = connection.where
                    return connection
            except RelayUnreachableError as error:
                failure, next_at = error, now
        raise failure

    def _establish(self, connection: Connection) -> None:
        connection.begin(self._channel())
        deadline = self._clock() + (self._pace.connect if self._proxy is None else self._pace.tunnel)
        while not connection.established:
            interest = READ | (WRITE if connection.wants_write else 0)
            if self._wait({connection.socket: interest}, deadline):
                connection.early += connection.receive()
            elif self._clock() >= deadline:
                raise RelayUnreachableError("the relay does not answer", "silent")

    def _channel(self) -> Channel:
        inside = PlainChannel if self._plain else TlsChannel
        if self._proxy is None:
            return inside()
        # Another one for each connection: by that Tor takes another way for each.
        login = secrets.token_hex(16).encode(), secrets.token_hex(16).encode()
        return SocksChannel(self._relay.host, self._relay.port, login, inside)
