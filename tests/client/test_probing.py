"""Asking a relay how it is: real relays, and what is none."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from e2echat.client.probing import probe
from e2echat.client.runtime import unix_milliseconds
from e2echat.errors import MalformedError, RelayUnreachableError, WrongRelayError
from e2echat.wire.address import RelayAddress

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0
HOUR = 3_600_000


def at(address: str, port: int) -> RelayAddress:
    return RelayAddress(RelayAddress.parse(address).key, "127.0.0.1", port)


@pytest.fixture
def stranger() -> Iterator[Callable[[bytes], int]]:
    """The port of something that says a few bytes, and then nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []
    connections: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connections.append(listening.accept()[0])
            except OSError:
                return
            connections[-1].sendall(said[0])

    def say(data: bytes) -> int:
        said.append(data)
        threading.Thread(target=serve, daemon=True).start()
        port: int = listening.getsockname()[1]
        return port

    yield say
    listening.shutdown(socket.SHUT_RDWR)
    for each in (listening, *connections):
        each.close()


def test_a_relay_proves_itself_and_answers(site: "Site") -> None:
    answer = probe(RelayAddress.parse(site.address), None, PATIENCE)
    assert answer.address == site.address
    assert 0 < answer.round_trip < PATIENCE


@pytest.mark.parametrize("wrong_by", [-HOUR, HOUR])
def test_a_clock_that_is_wrong_is_seen_beside_the_relays(site: "Site", wrong_by: int) -> None:
    def wrong() -> int:
        return unix_milliseconds() + wrong_by

    answer = probe(RelayAddress.parse(site.address), None, PATIENCE, wall_clock=wrong)
    assert round(answer.clock_ahead / 60) == -wrong_by // 60_000


def test_another_relay_is_none_of_ours(site: "Site", make_site: "Callable[[str], Site]") -> None:
    other = RelayAddress.parse(make_site("other").address)
    with pytest.raises(WrongRelayError):
        probe(at(site.address, other.port), None, PATIENCE)


def test_nobody_there(site: "Site") -> None:
    site.stop()
    with pytest.raises(RelayUnreachableError) as raised:
        probe(RelayAddress.parse(site.address), None, PATIENCE)
    assert raised.value.why == "refused"


def test_whoever_says_nothing_is_not_waited_for(site: "Site", stranger: Callable[[bytes], int]) -> None:
    with pytest.raises(RelayUnreachableError) as raised:
        probe(at(site.address, stranger(b"")), None, 0.2)
    assert raised.value.why == "silent"


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x05\0\0\0\0\xa0"])
def test_what_is_no_relay(site: "Site", stranger: Callable[[bytes], int], said: bytes) -> None:
    with pytest.raises((RelayUnreachableError, MalformedError)):
        probe(at(site.address, stranger(said)), None, PATIENCE)
