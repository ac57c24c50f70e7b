"""The operator's commands, on a relay that runs and on the directory of one that does not."""

import json
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import (
    InvalidNameError,
    LocalError,
    MalformedError,
    NoSuchPeerError,
    RelayDataError,
    StorageError,
)
from e2echat.relay import asking, operating
from e2echat.relay.local import SOCKET_FILE, OperatorSocket, read_until
from e2echat.relay.server import Relay
from e2echat.relay.tokens import Registration
from e2echat.unix_sockets import reachable
from e2echat.wire import relay_messages as messages
from e2echat.wire.address import JoinAddress

if TYPE_CHECKING:
    from types import ModuleType

Start = Callable[..., Relay]


@pytest.fixture(params=["running", "stopped"])
def data(
    request: pytest.FixtureRequest,
    start_relay: Start,
    relay_world: "ModuleType",
    relay_sockets: "ModuleType",
    tmp_path: Path,
) -> Path:
    """The directory of a relay at which bob and carol have names."""
    relay = start_relay(tls=False)
    for name in ("bob", "carol"):
        with relay_sockets.SocketClient(relay) as client:
            client.ask(relay_world.Account(name, relay.address.key).claim(), messages.Done)
    if request.param == "stopped":
        relay.stop()
    return tmp_path / "relay"


def test_users_are_listed(data: Path) -> None:
    assert [user["name"] for user in operating.users(data)] == ["bob", "carol"]


def test_somebody_is_removed(data: Path) -> None:
    assert operating.remove(data, "BOB") == "bob"
    assert [user["name"] for user in operating.users(data)] == ["carol"]
    with pytest.raises(NoSuchPeerError):
        operating.remove(data, "bob")


def test_what_is_no_name_is_not_removed(data: Path) -> None:
    with pytest.raises(InvalidNameError):
        operating.remove(data, "b b")


def test_a_token_lets_somebody_in(
    start_relay: Start, relay_world: "ModuleType", relay_sockets: "ModuleType", tmp_path: Path
) -> None:
    start_relay(tls=False).stop()
    made = [JoinAddress.parse(operating.make_token(tmp_path / "relay", 1, 1))]
    relay = start_relay(tls=False, registration=Registration.TOKEN)
    made.append(JoinAddress.parse(operating.make_token(tmp_path / "relay", 1, 1)))
    assert made[1].relay == relay.address
    for name, join in zip(("bob", "carol"), made, strict=True):
        with relay_sockets.SocketClient(relay) as client:
            client.ask(relay_world.Account(name, relay.address.key).claim(join.token), messages.Done)


def test_where_no_relay_has_run_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(RelayDataError):
        operating.users(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_directory_without_an_address_is_refused(start_relay: Start, tmp_path: Path) -> None:
    start_relay().stop()
    (tmp_path / "relay" / "address").unlink()
    with pytest.raises(RelayDataError):
        operating.users(tmp_path / "relay")


def test_the_directory_is_free_again(start_relay: Start, tmp_path: Path) -> None:
    start_relay().stop()
    operating.users(tmp_path / "relay")
    start_relay()


@pytest.mark.parametrize(
    "request_line",
    [
        b"nonsense",
        b"[" * 4000,
        b"1",
        b"{}",
        b'{"do": "nothing"}',
        b'{"do": "remove"}',
        b'{"do": "remove", "name": 1}',
        b'{"do": "token", "uses": 0, "days": 1}',
        b'{"do": "token", "uses": 1, "days": 0}',
        b'{"do": "token", "uses": 1000000000000000000000, "days": 1}',
        b'{"do": "token", "uses": 1, "days": 1000000000000000000000}',
        b"\xff" * 5000,
        b"",
    ],
    ids=range(13),
)
def test_nonsense_harms_nobody(start_relay: Start, tmp_path: Path, request_line: bytes) -> None:
    start_relay()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect(str(tmp_path / "relay" / SOCKET_FILE))
        client.sendall(request_line + b"\n" if request_line else b"")
        client.shutdown(socket.SHUT_WR)
        try:
            answer = client.recv(65536)
        except ConnectionResetError:
            answer = b""
    assert not answer or json.loads(answer) == {"refused": "MALFORMED"}
    assert operating.users(tmp_path / "relay") == []


def test_the_socket_is_for_its_owner_and_goes_with_the_relay(start_relay: Start, tmp_path: Path) -> None:
    path = tmp_path / "relay" / SOCKET_FILE
    relay = start_relay()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    relay.stop()
    assert not path.exists()


def test_a_socket_that_a_crash_left_is_no_obstacle(start_relay: Start, tmp_path: Path) -> None:
    start_relay().stop()
    path = tmp_path / "relay" / SOCKET_FILE
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    assert operating.users(tmp_path / "relay") == []
    start_relay()
    assert operating.users(tmp_path / "relay") == []


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 20) / ("long" * 20) / "relay"
    relay = Relay(data)
    relay.start()
    try:
        assert operating.users(data) == []
    finally:
        relay.stop()


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        ("LIMIT", LocalError),
        ("STORAGE", StorageError),
        ("STOPPING", RelayDataError),
        ("SOMETHING", RelayDataError),
    ],
)
def test_a_refusal_is_said(tmp_path: Path, refused: str, error: type[Exception]) -> None:
    listener = OperatorSocket(tmp_path / SOCKET_FILE, lambda _: {"refused": refused})
    listener.start()
    try:
        with pytest.raises(error):
            operating.users(tmp_path)
    finally:
        listener.stop()


def test_a_relay_that_hangs_up_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_FILE
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, reachable(path) as name:
        listener.bind(name)
        listener.listen()

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(RelayDataError):
            operating.users(tmp_path)
        thread.join()


def test_a_socket_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RelayDataError):
        OperatorSocket(tmp_path / "nowhere" / SOCKET_FILE, lambda _: {})


@pytest.mark.parametrize("said", [b"x" * 100, b"cut", b""])
def test_reading_is_bounded(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(said)
        if len(said) < 100:
            theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(MalformedError):
            read_until(ours, b"\n", 50, 20.0)


def test_reading_takes_no_longer_than_it_may() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(b"x")
        with pytest.raises(MalformedError):
            read_until(ours, b"\n", 50, 0.01)


def test_a_question_that_nobody_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.01)

    def question(answer: Callable[[int], None]) -> None:
        answer(1)

    assert asking.ask(lambda _: None, question) is None
    assert asking.ask(lambda action: action(), question) == 1
