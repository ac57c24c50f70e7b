"""Which ways to a relay are tried, when, and which is taken: a network of the test's own, whose clock is its own, too."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from e2echat.client import dialing
from e2echat.client.channels import Channel
from e2echat.client.connection import Connection, Where
from e2echat.client.dialing import Dialer
from e2echat.client.socks import Proxy
from e2echat.client.waiting import Pace
from e2echat.errors import RelayUnreachableError
from e2echat.wire.address import RelayAddress

RELAY = RelayAddress(bytes(32), "relay.example", 7443)
NEVER = 1e9


def v6(number: int) -> Where:
    return socket.AF_INET6, (f"2001:db8::{number}", 7443, 0, 0)


def v4(number: int) -> Where:
    return socket.AF_INET, (f"192.0.2.{number}", 7443)


@dataclass
class Host:
    """How an address behaves: seconds until TCP stands, seconds until TLS does; refused, or out of reach at once."""

    connects: float = NEVER
    establishes: float = 0.0
    refused: bool = False
    no_route: bool = False


@dataclass
class Network:
    """A clock, the hosts, and what was tried when."""

    hosts: dict[Where, Host]
    now: float = 0.0
    tried: list[tuple[float, Where]] = field(default_factory=list)
    open: list["FakeConnection"] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def wait(self, interests: Mapping[object, int], deadline: float) -> dict[object, int]:
        """Time goes on until something is ready."""
        connections = [one for one in self.open if one.socket in interests]
        self.now = max(self.now, min([deadline, *(one.ready_at for one in connections)]))
        return {one.socket: interests[one.socket] for one in connections if one.ready_at <= self.now}

    def dialer(
        self, monkeypatch: pytest.MonkeyPatch, found: list[Where], proxy: Proxy | None = None
    ) -> Dialer:
        monkeypatch.setattr(dialing, "resolve", lambda *_: found)
        monkeypatch.setattr(dialing, "Connection", lambda where: FakeConnection(self, where))
        monkeypatch.setattr(dialing, "TlsChannel", lambda: None)
        return Dialer(RELAY, proxy, pace=Pace(), wait=self.wait, clock=self.clock)  # type: ignore[arg-type]


class FakeConnection:
    """A ``Connection`` as far as a dialer looks."""

    is_loopback = False
    wants_write = False
    early = b""
    heard = True

    def __init__(self, network: Network, where: Where) -> None:
        network.tried.append((network.now, where))
        self.network, self.where, self.host = network, where, network.hosts[where]
        if self.host.no_route:
            raise RelayUnreachableError("no route")
        self.socket = object()
        self.ready_at = network.now + self.host.connects
        self.established = False
        network.open.append(self)

    def connected(self) -> None:
        if self.host.refused:
            self.close()
            raise RelayUnreachableError("refused")

    def begin(self, channel: Channel | None) -> None:
        self.ready_at = self.network.now + self.host.establishes

    def receive(self) -> bytes:
        self.established = True
        return b""

    def close(self) -> None:
        self.network.open.remove(self)


def test_the_families_take_turns_a_quarter_of_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [v6(1), v6(2), v6(3), v4(1), v4(2)]
    network = Network({where: Host() for where in found})
    network.hosts[v4(2)] = Host(connects=0.1)
    made = network.dialer(monkeypatch, found).dial()
    assert made.where == v4(2)
    assert network.tried == [(0, v6(1)), (0.25, v4(1)), (0.5, v6(2)), (0.75, v4(2))]
    assert [one.where for one in network.open] == [v4(2)]  # the others were given up


def test_who_connects_first_is_taken_though_tried_first_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({v6(1): Host(connects=0.6), v4(1): Host(connects=0.1)})
    assert network.dialer(monkeypatch, [v6(1), v4(1)]).dial().where == v4(1)
    network = Network({v6(1): Host(connects=0.3), v4(1): Host(connects=0.1)})
    assert network.dialer(monkeypatch, [v6(1), v4(1)]).dial().where == v6(1)


@pytest.mark.parametrize("bad", [Host(connects=0.01, refused=True), Host(no_route=True)])
def test_after_a_failure_the_next_is_tried_at_once(monkeypatch: pytest.MonkeyPatch, bad: Host) -> None:
    network = Network({v6(1): bad, v4(1): Host(connects=0.02)})
    assert network.dialer(monkeypatch, [v6(1), v4(1)]).dial().where == v4(1)
    assert network.tried[1][0] <= 0.01


def test_what_worked_is_tried_first_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({v6(1): Host(), v4(1): Host(connects=0.1)})
    dialer = network.dialer(monkeypatch, [v6(1), v4(1)])
    dialer.dial()
    network.tried.clear()
    assert dialer.dial().where == v4(1)
    assert [where for _, where in network.tried] == [v4(1)]


def test_an_address_that_connects_and_comes_to_nothing_goes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({v6(1): Host(connects=0.1, establishes=NEVER), v4(1): Host(connects=0.1)})
    dialer = network.dialer(monkeypatch, [v6(1), v4(1)])
    with pytest.raises(RelayUnreachableError):
        dialer.dial()
    assert network.now == pytest.approx(0.1 + Pace().connect)
    assert network.open == []
    assert dialer.dial().where == v4(1)


def test_silence_everywhere_ends_after_the_time_for_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [v6(number) for number in range(20)]
    network = Network({where: Host() for where in found})
    with pytest.raises(RelayUnreachableError):
        network.dialer(monkeypatch, found).dial()
    assert network.now == Pace().connect
    assert len(network.tried) == dialing.MAX_ADDRESSES
    assert network.open == []


def test_with_a_proxy_it_alone_is_dialled_and_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy("localhost", 9050)
    four, six = (socket.AF_INET, ("127.0.0.1", 9050)), (socket.AF_INET6, ("::1", 9050, 0, 0))
    network = Network({four: Host(no_route=True), six: Host(connects=0, establishes=Pace().tunnel - 1)})
    dialer = network.dialer(monkeypatch, [v4(1)], proxy)
    assert dialer.dial().where == six
    assert {where for _, where in network.tried} == {four, six}


def test_a_source_that_is_asked_for_before_anything_was_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Where] = []
    monkeypatch.setattr(dialing, "source_towards", asked.append)
    network = Network({v4(1): Host(connects=0)})
    dialer = network.dialer(monkeypatch, [v4(1)])
    dialer.source()
    dialer.dial()
    dialer.source()
    assert asked == [dialing._ANYWHERE, v4(1)]
    proxied = network.dialer(monkeypatch, [v4(1)], Proxy("127.0.0.1", 9050))
    proxied.source()
    assert asked[-1] == (socket.AF_INET, ("127.0.0.1", 9050))


def test_a_connection_to_oneself_is_none() -> None:
    with socket.socket() as ourselves, socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection((socket.AF_INET, server.getsockname()))
        connection.socket.close()
        ourselves.bind(("127.0.0.1", 0))
        ourselves.connect(ourselves.getsockname())
        connection.socket = ourselves
        with pytest.raises(RelayUnreachableError):
            connection.connected()
