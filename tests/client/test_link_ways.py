"""The ways to a relay: plain on this machine, over networks that change, through a proxy."""

import inspect
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2echat.client import connection, dialing, waiting
from e2echat.client.connection import is_loopback
from e2echat.client.link import Link
from e2echat.client.socks import Proxy
from e2echat.client.waiting import Pace
from e2echat.errors import MalformedError, RelayUnreachableError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag, frame
from tests.helpers.link_peer import HELLO, PATIENCE, Peer, Recorder, read_exactly, read_to_end, settle
from tests.helpers.socks_server import SocksServer


def test_a_plain_relay_on_this_machine_is_found_out_and_remembered(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    made = connect()
    accepted = peer.accept_plain()
    assert recorder.next("up") == bytes(32)
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello")]
    made.send(HELLO)
    assert read_exactly(accepted, len(HELLO)) == HELLO
    accepted.close()
    recorder.next("down")
    again = peer.accept()
    assert recorder.next("up") == bytes(32)
    made.send(HELLO)
    assert read_exactly(again, len(HELLO)) == HELLO  # and no TLS before it


def test_a_plain_relay_that_came_back_with_tls_is_found_out_too(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], certificate: tuple[Path, bytes]
) -> None:
    connect()
    accepted = peer.accept_plain()
    recorder.next("up")
    recorder.next("frames")
    accepted.close()
    recorder.next("down")
    peer.accept().close()  # what TLS does with somebody who does not begin
    recorder.next("up")
    recorder.next("down")
    peer.accept_tls()
    assert recorder.next("up") == certificate[1]


def test_a_plain_relay_anywhere_else_is_refused(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "is_loopback", lambda _: False)
    connect()
    for _ in range(2):
        accepted = peer.accept()
        assert read_exactly(accepted, 1) == b"\x16"  # it begins with TLS each time
        accepted.sendall(HELLO)
        assert isinstance(recorder.next("down"), MalformedError)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("192.0.2.1", False),
        ("0.0.0.0", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
    ],
)
def test_what_is_this_machine(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_dead_path_is_noticed_within_thirty_seconds() -> None:
    assert Pace().ping + Pace().answer < 30


def test_a_path_that_swallows_everything_is_left(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    """Nothing is closed and nothing refused: no byte comes through any more."""
    connect(pace=Pace(ping=0.02, answer=0.02, retry_first=0.001))
    for _ in range(2):
        accepted = peer.accept_tls()
        recorder.next("up")
        assert isinstance(recorder.next("down"), RelayUnreachableError)
        heard = read_to_end(accepted)
        assert heard == frame(Tag.PING) * (len(heard) // 8 or 1)


LOOKING = Pace(look=0.001, retry_first=0.001, retry_most=0.001)


class Sources:
    """What the system says it would send from; a test changes it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: str | None) -> None:
        self.now = now
        self.asked = threading.Semaphore(0)
        for module in (connection, dialing):
            monkeypatch.setattr(module, "source_towards", self.towards)

    def towards(self, _: object) -> str | None:
        self.asked.release()
        return self.now

    def become(self, now: str | None) -> None:
        """Change it, and return once it was looked at twice."""
        self.now = now
        while self.asked.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self.asked.acquire(timeout=PATIENCE)


def test_another_network_is_noticed_and_its_loss_waited_out(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = Sources(monkeypatch, "192.0.2.1")
    connect(pace=LOOKING)
    accepted = peer.accept_tls()
    recorder.next("up")
    sources.become(None)
    sources.become("192.0.2.1")
    settle(accepted)
    assert recorder.heard.empty()
    sources.become("198.51.100.1")
    assert isinstance(recorder.next("down"), RelayUnreachableError)
    peer.accept_tls()
    recorder.next("up")


@pytest.mark.parametrize("before", [None, "192.0.2.1"])
def test_a_network_that_comes_ends_the_wait_for_the_next_attempt(
    recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    sources = Sources(monkeypatch, before)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connect(address=RelayAddress(bytes(32), "127.0.0.1", port), pace=Pace(look=0.001, retry_first=1000))
    recorder.next("down")
    sources.become(before)
    assert recorder.heard.empty()
    sources.become("198.51.100.1")
    recorder.next("down")


def test_what_we_send_from_is_asked_of_the_system_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        assert connection.source_towards((socket.AF_INET, address)) == "127.0.0.1"
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert connection.source_towards((socket.AF_INET, ("255.255.255.255", 1))) is None


@pytest.fixture
def socks(peer: Peer) -> Iterator[SocksServer]:
    server = SocksServer({"relay.invalid": ("127.0.0.1", peer.address.port)})
    yield server
    server.close()


@pytest.fixture
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(dialing, "resolve", look_up)


@pytest.mark.usefixtures("no_resolver")
@pytest.mark.parametrize("method", [0, 2])
def test_through_a_proxy_that_looks_the_relay_up(
    peer: Peer,
    recorder: Recorder,
    connect: Callable[..., Link],
    certificate: tuple[Path, bytes],
    socks: SocksServer,
    method: int,
) -> None:
    socks.method = method
    address = RelayAddress(bytes(32), "relay.invalid", 7)
    made = connect(address=address, proxy=Proxy.parse(str(socks)))
    accepted = peer.accept_tls()
    assert recorder.next("up") == certificate[1]
    accepted.sendall(HELLO)
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello")]
    made.send(HELLO)
    assert read_exactly(accepted, len(HELLO)) == HELLO
    socks.cut()
    recorder.next("down")
    peer.accept_tls()
    recorder.next("up")
    first, second = socks.asked
    assert [(asked.host, asked.port) for asked in socks.asked] == [("relay.invalid", 7)] * 2
    assert (first.login != second.login) == (method == 2)


def test_a_proxy_that_refuses_is_asked_again(
    recorder: Recorder, connect: Callable[..., Link], socks: SocksServer
) -> None:
    socks.reply = 5
    connect(address=RelayAddress(bytes(32), "relay.invalid", 7), proxy=Proxy.parse(str(socks)))
    for _ in range(2):
        assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_without_its_proxy_nothing_is_reached(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = Proxy("127.0.0.1", closed.getsockname()[1])
    connect(proxy=proxy)
    for _ in range(2):
        assert isinstance(recorder.next("down"), RelayUnreachableError)
    peer.listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.accept()


def test_a_plain_relay_behind_a_proxy_is_refused_though_the_proxy_is_on_this_machine(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], socks: SocksServer
) -> None:
    connect(proxy=Proxy.parse(str(socks)))
    for _ in range(2):
        peer.accept().sendall(HELLO)
        assert isinstance(recorder.next("down"), MalformedError)


def test_close_while_the_proxy_is_silent(recorder: Recorder, connect: Callable[..., Link]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = connect(proxy=Proxy("127.0.0.1", listening.getsockname()[1]))
        accepted, _ = listening.accept()
        made.close()
        made._thread.join(PATIENCE)
        assert not made._thread.is_alive()
        accepted.close()
    assert recorder.heard.empty()


def test_time_asleep_counts() -> None:
    """Linux's monotonic clock leaves it out, by which a connection would seem young after a night."""
    assert getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC) == waiting._CLOCK
    assert inspect.signature(Link).parameters["clock"].default is waiting.clock
