"""The whole relay over real sockets on loopback, plain and under TLS."""

import base64
import json
import select
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import InvalidAddressError, ListenError, RelayDataError, StorageError
from e2echat.relay.limits import Limits
from e2echat.relay.server import Relay
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_sockets import SocketClient
    from tests.helpers.relay_world import Account

Start = Callable[..., Relay]
Connect = Callable[[Relay], "SocketClient"]


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def connect(relay_sockets: "ModuleType", *, tls: bool) -> Iterator[Connect]:
    clients: list[SocketClient] = []

    def connect(relay: Relay) -> "SocketClient":
        context = relay_sockets.client_context() if tls else None
        clients.append(relay_sockets.SocketClient(relay, context))
        return clients[-1]

    yield connect
    for client in clients:
        client.socket.close()


def claim(client: "SocketClient", account: "Account") -> None:
    client.ask(account.claim(), messages.Done)


def sign_in(client: "SocketClient", account: "Account") -> messages.Welcome:
    return client.ask(account.authenticate(client.hello), messages.Welcome)


def open_channel(client: "SocketClient", account: "Account") -> int:
    bundle = client.ask(messages.Fetch(1, account.name, False), messages.Bundle)
    request = messages.Open(2, bundle.mailbox, account.capability, False)
    return client.ask(request, messages.Opened).channel


def test_two_clients_through_a_relay(
    start_relay: Start, connect: Connect, relay_world: "ModuleType", *, tls: bool
) -> None:
    relay = start_relay(tls=tls)
    bob = relay_world.Account("bob", relay.address.key)
    owner, sender = connect(relay), connect(relay)
    claim(owner, bob)
    sign_in(owner, bob)
    channel = open_channel(sender, bob)
    texts = [b"%d" % number * 1000 for number in range(200)]
    sender.say(relay_world.submissions(channel, texts))
    assert [owner.envelope() for _ in texts] == texts
    owner.say(frames.acknowledge(len(texts)))
    settled = 0
    while settled < len(texts):
        tag, body = sender.frame()
        assert tag == frames.Tag.ACCEPTED
        settled = frames.parse_channel_count(body)[1]


def test_a_stop_keeps_and_accepts_what_is_under_way(
    start_relay: Start, connect: Connect, relay_world: "ModuleType", *, tls: bool
) -> None:
    relay = start_relay(tls=tls)
    bob = relay_world.Account("bob", relay.address.key)
    owner, sender = connect(relay), connect(relay)
    claim(owner, bob)
    sign_in(owner, bob)
    channel = open_channel(sender, bob)
    sender.say(relay_world.submissions(channel, [b"1", b"2", b"3"]))
    assert [owner.envelope() for _ in range(3)] == [b"1", b"2", b"3"]
    relay.stop()
    assert sender.frame() == (frames.Tag.ACCEPTED, frames.accepted(channel, 3)[8:])
    assert owner.is_closed()
    relay = start_relay(tls=tls)
    owner = connect(relay)
    assert sign_in(owner, bob).waiting == 3
    assert [owner.envelope() for _ in range(3)] == [b"1", b"2", b"3"]


def test_the_address_stays_over_a_restart(start_relay: Start) -> None:
    relay = start_relay()
    key = relay.address.key
    relay.stop()
    assert start_relay().address.key == key


def test_junk_closes_and_the_answer_still_arrives(start_relay: Start, connect: Connect, *, tls: bool) -> None:
    client = connect(start_relay(tls=tls))
    client.say(frames.frame(frames.Tag.PING) + b"\xff" * 8)
    assert client.frame() == (frames.Tag.PONG, b"")
    assert client.is_closed()


def test_a_plain_relay_says_hello_to_a_client_that_starts_tls(start_relay: Start) -> None:
    address = start_relay(tls=False).address
    with socket.create_connection((address.host, address.port), timeout=20) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01" + bytes(511))
        received = b""
        while data := client.recv(65536):
            received += data
    assert received[0] == 0
    assert [tag for tag, _ in frames.FrameDecoder().feed(received)] == [frames.Tag.CONTROL]


def test_files_are_for_their_owner_only(start_relay: Start, tmp_path: Path) -> None:
    start_relay()
    directory = tmp_path / "relay"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_two_relays_do_not_share_a_directory(start_relay: Start) -> None:
    start_relay()
    with pytest.raises(RelayDataError):
        start_relay()


def test_a_port_in_use_is_an_error(start_relay: Start, tmp_path: Path) -> None:
    port = start_relay().address.port
    with pytest.raises(ListenError):
        Relay(tmp_path / "other", port=port).start()
    # Nothing is left behind: the directory is free again.
    other = Relay(tmp_path / "other")
    other.start()
    other.stop()


def test_without_tls_only_on_loopback(tmp_path: Path) -> None:
    with pytest.raises(InvalidAddressError):
        Relay(tmp_path / "relay", "0.0.0.0", tls=False).start()


def test_a_database_of_another_relay_is_refused(
    start_relay: Start, connect: Connect, relay_world: "ModuleType", tmp_path: Path, *, tls: bool
) -> None:
    relay = start_relay(tls=tls)
    claim(connect(relay), relay_world.Account("bob", relay.address.key))
    relay.stop()
    (tmp_path / "relay" / "relay.key").unlink()
    with pytest.raises(StorageError):
        start_relay()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 1000])
def test_a_damaged_database_is_an_error(start_relay: Start, tmp_path: Path, content: bytes) -> None:
    directory = tmp_path / "relay"
    directory.mkdir()
    (directory / "relay.db").write_bytes(content)
    if content:
        with pytest.raises(StorageError):
            start_relay()
    else:
        start_relay()


@pytest.mark.parametrize("name", ["relay.key", "tls.pem"])
def test_a_damaged_identity_is_an_error(start_relay: Start, tmp_path: Path, name: str) -> None:
    start_relay().stop()
    (tmp_path / "relay" / name).write_bytes(b"damaged")
    with pytest.raises(RelayDataError):
        start_relay()


def test_more_connections_than_allowed_are_closed(start_relay: Start, relay_sockets: "ModuleType") -> None:
    relay = start_relay(tls=False, limits=Limits(connections=2))
    with relay_sockets.SocketClient(relay), relay_sockets.SocketClient(relay) as second:
        with pytest.raises((EOFError, ConnectionError)):
            relay_sockets.SocketClient(relay)
        second.say(frames.frame(frames.Tag.PING))
        assert second.frame() == (frames.Tag.PONG, b"")


def test_more_connections_from_one_address_than_allowed_are_closed(
    start_relay: Start, relay_sockets: "ModuleType", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.relay.listening.counted", lambda host: host)
    relay = start_relay(tls=False, limits=Limits(connections_per_address=1))
    with relay_sockets.SocketClient(relay) as first:
        with pytest.raises((EOFError, ConnectionError)):
            relay_sockets.SocketClient(relay)
        first.say(b"\xff" * 8)
        assert first.is_closed()


def test_the_requests_of_one_address_are_counted_together(
    start_relay: Start, relay_sockets: "ModuleType", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.relay.reactor.counted", lambda host: host)
    relay = start_relay(tls=False, limits=Limits(address_fetch_burst=1, address_fetch_rate=0.001))
    answers = []
    for _ in range(2):
        with relay_sockets.SocketClient(relay) as client:
            answers.append(client.ask(messages.Fetch(1, "bob", False), messages.Refused).reason)
    assert answers == [Refusal.NO_SUCH_NAME, Refusal.LIMIT]


def test_a_client_that_does_not_leave_is_left(start_relay: Start, relay_sockets: "ModuleType") -> None:
    relay = start_relay(tls=False, limits=Limits(linger=0.1))
    with relay_sockets.SocketClient(relay) as client:
        client.say(b"\xff" * 8)
        assert client.is_closed()
        # It keeps its side open all the same: what it still says is met with a reset once the relay has gone.
        reset = select.poll()
        reset.register(client.socket, 0)
        while not reset.poll(20):
            client.say(b"x")


def test_a_record_has_every_byte_that_crossed(
    start_relay: Start, relay_sockets: "ModuleType", tmp_path: Path
) -> None:
    record = tmp_path / "record.jsonl"
    record.touch(0o644)
    relay = start_relay(record=record)
    with relay_sockets.SocketClient(relay, relay_sockets.client_context()) as client:
        client.say(frames.frame(frames.Tag.PING))
        client.frame()
        client.say(b"\xff" * 8)
        assert client.is_closed()
    relay.stop()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["opened", "frame", "frame", "frame", "junk", "closed"]
    seen = [(line["direction"], line["size"], line["tag"]) for line in lines[2:4]]
    assert seen == [("in", 4, frames.Tag.PING), ("out", 4, frames.Tag.PONG)]
    assert base64.b64decode(lines[2]["bytes"]) == frames.frame(frames.Tag.PING)
    assert base64.b64decode(lines[4]["bytes"]) == b"\xff" * 8
    assert lines[0]["address"] == "127.0.0.1"


def test_its_threads_end_with_it(start_relay: Start) -> None:
    before = set(threading.enumerate())
    start_relay().stop()
    assert set(threading.enumerate()) <= before


def test_the_certificate_names_nobody(
    start_relay: Start, relay_sockets: "ModuleType", monkeypatch: pytest.MonkeyPatch
) -> None:
    # A short one may stand in random bytes.
    monkeypatch.setattr(socket, "gethostname", lambda: "a-machine-with-a-long-name")
    relay = start_relay()
    context: ssl.SSLContext = relay_sockets.client_context()
    with relay_sockets.SocketClient(relay, context) as client:
        der = client.socket.getpeercert(binary_form=True)
    for word in (relay.address.key, relay.address.pin.encode(), socket.gethostname().encode()):
        assert word not in der
