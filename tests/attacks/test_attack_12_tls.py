"""Wrong pin, TLS 1.2, resumption: refused."""

import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.relay_records import HelloRecord
from e2echat.errors import WrongRelayError
from e2echat.relay.server import Relay

if TYPE_CHECKING:
    from types import ModuleType


def test_another_pin_does_not_match(start_relay: Callable[..., Relay], relay_sockets: "ModuleType") -> None:
    with relay_sockets.SocketClient(start_relay(), relay_sockets.client_context()) as client:
        with pytest.raises(WrongRelayError):
            HelloRecord.parse(client.hello.raw, bytes(32), client.certificate_hash)
        with pytest.raises(WrongRelayError):
            HelloRecord.parse(client.hello.raw, client.hello.relay_key, bytes(32))


def test_tls_1_2_is_refused(start_relay: Callable[..., Relay], relay_sockets: "ModuleType") -> None:
    context = relay_sockets.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        relay_sockets.SocketClient(start_relay(), context)


def test_there_is_nothing_to_resume_with(
    start_relay: Callable[..., Relay], relay_sockets: "ModuleType"
) -> None:
    relay, context = start_relay(), relay_sockets.client_context()
    with relay_sockets.SocketClient(relay, context) as client:
        client.say(b"\0\0\0\4\0\0\0\4")
        client.frame()
        assert not client.socket.session.has_ticket
        with relay_sockets.SocketClient(relay, context) as other:
            assert not other.socket.session_reused
            assert other.hello.nonce != client.hello.nonce


def test_a_client_that_speaks_no_tls_gets_no_frame(start_relay: Callable[..., Relay]) -> None:
    address = start_relay().address
    received = b""
    with socket.create_connection((address.host, address.port), timeout=20) as client:
        client.sendall(b"\0\0\0\4\0\0\0\4")
        while data := client.recv(65536):
            received += data
    # At most a TLS alert.
    assert received[:1] in (b"", b"\x15")
