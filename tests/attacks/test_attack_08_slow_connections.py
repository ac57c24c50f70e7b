"""Slow, half-open, never-reading connections, many of them: the others are served as before."""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.relay.limits import Limits
from e2echat.relay.server import Relay
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_sockets import SocketClient

MANY = 500
SHORT = Limits(handshake=0.2, frame=0.2, idle=30.0)


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def connect_raw(relay: Relay) -> socket.socket:
    return socket.create_connection((relay.address.host, relay.address.port), timeout=20)


def wait_for_end(connection: socket.socket) -> None:
    """Returns once the relay has closed; the socket's timeout fails the test."""
    with connection:
        try:
            while connection.recv(65536):
                pass
        except ConnectionError:
            pass


def test_others_are_served_beside_the_slow(
    start_relay: Callable[..., Relay], relay_sockets: "ModuleType", relay_world: "ModuleType", *, tls: bool
) -> None:
    relay = start_relay(tls=tls)
    slow = [connect_raw(relay) for _ in range(MANY)]
    for number, connection in enumerate(slow):
        # Silent, in the middle of a handshake or frame, or talking without listening.
        connection.sendall((b"", b"\x16\x03\x01", b"\0", frames.frame(frames.Tag.PING) * 512)[number % 4])
    context = relay_sockets.client_context() if tls else None
    bob = relay_world.Account("bob", relay.address.key)
    with (
        relay_sockets.SocketClient(relay, context) as owner,
        relay_sockets.SocketClient(relay, context) as sender,
    ):
        owner.ask(bob.claim(), messages.Done)
        mailbox = owner.ask(bob.authenticate(owner.hello), messages.Welcome).mailbox
        opened = sender.ask(messages.Open(1, mailbox, bob.capability, False), messages.Opened)
        sender.say(relay_world.submissions(opened.channel, [b"text"]))
        assert owner.envelope() == b"text"
    for connection in slow:
        connection.close()


def test_who_never_finishes_a_handshake_is_cut(start_relay: Callable[..., Relay]) -> None:
    relay = start_relay(limits=SHORT)
    for connection in [connect_raw(relay) for _ in range(5)]:
        wait_for_end(connection)


def test_who_never_finishes_a_frame_is_cut(start_relay: Callable[..., Relay]) -> None:
    relay = start_relay(tls=False, limits=SHORT)
    connection = connect_raw(relay)
    connection.sendall(b"\0\0")
    wait_for_end(connection)


def test_who_never_reads_is_cut_and_his_messages_stay(
    start_relay: Callable[..., Relay], relay_sockets: "ModuleType", relay_world: "ModuleType"
) -> None:
    relay = start_relay(tls=False, limits=SHORT)
    bob = relay_world.Account("bob", relay.address.key)
    texts = [b"%d" % number * 30_000 for number in range(10)] * 10
    with relay_sockets.SocketClient(relay) as owner, relay_sockets.SocketClient(relay) as sender:
        owner.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        owner.ask(bob.claim(), messages.Done)
        mailbox = owner.ask(bob.authenticate(owner.hello), messages.Welcome).mailbox
        opened = sender.ask(messages.Open(1, mailbox, bob.capability, False), messages.Opened)
        sender.say(relay_world.submissions(opened.channel, texts))
        settled = 0
        while settled < len(texts):
            tag, body = sender.frame()
            assert tag == frames.Tag.ACCEPTED
            settled = frames.parse_channel_count(body)[1]
        with relay_sockets.SocketClient(relay) as again:
            welcome = again.ask(bob.authenticate(again.hello), messages.Welcome)
            assert welcome.waiting == len(texts)
            for number, text in enumerate(texts):
                assert again.envelope() == text
                again.say(frames.acknowledge(number + 1))


def test_a_sender_who_never_reads_his_answers_is_read_no_more_and_cut(
    start_relay: Callable[..., Relay], relay_sockets: "ModuleType"
) -> None:
    relay = start_relay(tls=False, limits=Limits(frame=0.2, backlog=1024))
    pings = frames.frame(frames.Tag.PING) * 8192

    def ping_until_cut(client: "SocketClient") -> None:
        while True:
            client.say(pings)

    with relay_sockets.SocketClient(relay) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            ping_until_cut(client)
