"""The tests' own proxy: that it records and cuts what it says it does."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

PATIENCE = 30


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


@pytest.fixture
def pair(
    server: socket.socket, proxy_to: Callable[..., Any]
) -> Iterator[tuple[Any, socket.socket, socket.socket]]:
    """A proxy, and the two ends of a connection through it."""
    proxy = proxy_to(*server.getsockname())
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as client:
        relay, _ = server.accept()
        with relay:
            relay.settimeout(PATIENCE)
            yield proxy, client, relay


def test_what_passes_is_recorded(pair: tuple[Any, socket.socket, socket.socket]) -> None:
    proxy, client, relay = pair
    client.sendall(b"there")
    assert relay.recv(100) == b"there"
    relay.sendall(b"back")
    assert client.recv(100) == b"back"
    client.close()
    assert relay.recv(100) == b""
    relay.close()
    (recording,) = proxy.connections
    proxy.wait_for(lambda: recording.ends == 2)
    assert (bytes(recording.to_relay), bytes(recording.to_client)) == (b"there", b"back")
    assert b"there" in proxy.recorded()


def test_connections_are_cut(pair: tuple[Any, socket.socket, socket.socket]) -> None:
    proxy, client, relay = pair
    proxy.wait_for(lambda: len(proxy.connections) == 1)
    proxy.cut()
    assert client.recv(100) == relay.recv(100) == b""


def test_a_script_changes_withholds_and_cuts(pair: tuple[Any, socket.socket, socket.socket]) -> None:
    proxy, client, relay = pair
    proxy.script = lambda _recording, direction, data: data.upper() if direction == "to_relay" else b""
    client.sendall(b"quiet")
    assert relay.recv(100) == b"QUIET"
    relay.sendall(b"withheld")
    proxy.wait_for(lambda: proxy.connections[0].to_client == b"withheld")
    proxy.script = lambda *_: None
    client.sendall(b"cut")
    assert client.recv(100) == relay.recv(100) == b""


def test_nobody_behind_it(server: socket.socket, proxy_to: Callable[..., Any]) -> None:
    host, port = server.getsockname()
    server.close()
    proxy = proxy_to(host, port)
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as client:
        assert client.recv(100) == b""
