"""The owner's socket against clients of every kind, with an account that does as it is told."""

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2echat.client import agent as agent_module
from e2echat.client import rpc
from e2echat.client.agent import MAX_CALLS, Agent
from e2echat.client.backend import GoneError
from e2echat.client.remote import Remote
from e2echat.errors import KeyChangedError, OwnerSilentError, ProfileBusyError
from e2echat.unix_sockets import reachable

PATIENCE = 30.0
Answer = dict[str, Any]


class Host:
    """An account whose ``accept`` blocks until ``let`` is set, or its client has gone."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.blocked = threading.Semaphore(0)
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.closed = threading.Semaphore(0)
        self.connected: list[bool] = []

    def consumer(self, *, connect: bool) -> "Host":
        self.connected.append(connect)
        return self

    def unlock(self, passphrase: str) -> None:
        self.called.append(("unlock", {"passphrase": passphrase}))

    def bequest(self) -> str:
        return "00" * 64

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        self.called.append((name, arguments))
        if name == "accept":
            self.blocked.release()
            assert self.let.wait(PATIENCE)
        if name == "verify":
            raise KeyChangedError("another number", "11")
        if name == "contacts":
            raise ZeroDivisionError
        if name == "safety":
            raise GoneError
        return "x" * 300_000 if name == "provenance" else []

    def close(self) -> None:
        self.closed.release()


class Bot:
    """A client without our own code in it."""

    def __init__(self, path: Path, *, hello: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        with reachable(path) as name:
            self.socket.connect(name)
        self._lines = self.socket.makefile("rb")
        self._last = 0
        if hello:
            assert self.ask("hello", version=rpc.VERSION)["result"]["process"] == os.getpid()

    def say(self, method: str, **params: Any) -> int:
        self._last += 1
        self.socket.sendall(rpc.request_line(method, params, self._last))
        return self._last

    def hear(self) -> Answer:
        answer: Answer = json.loads(self._lines.readline())
        return answer

    def ask(self, method: str, **params: Any) -> Answer:
        number = self.say(method, **params)
        answer = self.hear()
        assert answer["id"] == number
        return answer

    def raw(self, data: bytes) -> Answer:
        self.socket.sendall(data)
        return self.hear()

    def is_cut(self) -> bool:
        try:
            while self._lines.readline():
                pass
        except ConnectionResetError:
            pass
        return True

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def agent(tmp_path: Path, host: Host) -> Iterator[Agent]:
    running = Agent(tmp_path / "agent.sock", host)
    yield running
    host.let.set()
    running.close()
    running.join()
    assert not (tmp_path / "agent.sock").exists()


@pytest.fixture
def bot(agent: Agent, tmp_path: Path) -> Iterator[Callable[..., Bot]]:
    bots: list[Bot] = []

    def make(**options: Any) -> Bot:
        bots.append(Bot(tmp_path / "agent.sock", **options))
        return bots[-1]

    yield make
    for each in bots:
        each.close()


def test_methods_are_called_with_typed_arguments(bot: Callable[..., Bot], host: Host) -> None:
    one = bot()
    assert one.ask("history", peer="bob", limit=3)["result"] == []
    assert host.called == [("history", {"peer": "bob", "limit": 3})]
    assert host.connected == [True]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("nothing", {}, rpc.METHOD_NOT_FOUND),
        ("__init__", {}, rpc.METHOD_NOT_FOUND),
        ("close", {}, rpc.METHOD_NOT_FOUND),
        ("history", {}, rpc.INVALID_PARAMS),
        ("history", {"peer": 3}, rpc.INVALID_PARAMS),
        ("history", {"peer": "bob", "other": 3}, rpc.INVALID_PARAMS),
        ("hello", {"version": 1}, rpc.INVALID_REQUEST),
        ("hello", {"version": "1"}, rpc.INVALID_PARAMS),
        ("hello", {"version": 99}, rpc.OURS),
        ("verify", {"peer": "bob", "number": "1"}, rpc.OURS),
    ],
)
def test_what_is_refused_says_why(
    bot: Callable[..., Bot], method: str, params: dict[str, Any], code: int
) -> None:
    one = bot()
    error = one.ask(method, **params)["error"]
    assert error["code"] == code
    assert error["message"]
    if method == "verify":
        assert error["data"] == {"name": "KeyChangedError", "message_id": "11"}
    assert one.ask("unshown")["result"] == []


def test_before_hello_there_is_nothing(bot: Callable[..., Bot], host: Host) -> None:
    one = bot(hello=False)
    assert one.ask("unshown")["error"]["code"] == rpc.INVALID_REQUEST
    assert not host.called


def test_a_bug_is_reported_here_and_said_there(
    bot: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda bug: reported.append(bug.exc_type))
    one = bot()
    assert one.ask("contacts")["error"] == {"code": rpc.INTERNAL_ERROR, "message": "internal error"}
    assert reported == [ZeroDivisionError]


def test_garbage_is_answered_and_the_connection_goes_on(bot: Callable[..., Bot]) -> None:
    one = bot()
    for garbage in (b"\n", b"\x00\xff\n", b"[[[[\n", b"{}\n", b"[]\n"):
        assert one.raw(garbage)["error"]["code"] in (rpc.PARSE_ERROR, rpc.INVALID_REQUEST)
    assert one.ask("unshown")["result"] == []


def test_a_line_without_end_ends_the_connection_alone(bot: Callable[..., Bot]) -> None:
    one, other = bot(), bot()
    one.socket.sendall(b"x" * (rpc.MAX_LINE + 1))
    assert one.hear()["error"]["code"] == rpc.INVALID_REQUEST
    assert one.is_cut()
    assert other.ask("unshown")["result"] == []


def test_a_call_that_waits_holds_up_nobody(bot: Callable[..., Bot], host: Host) -> None:
    one, other = bot(), bot()
    waiting = one.say("accept", peer="bob")
    assert host.blocked.acquire(timeout=PATIENCE)
    assert one.ask("unshown")["result"] == []
    assert other.ask("unshown")["result"] == []
    host.let.set()
    assert one.hear() == {"jsonrpc": "2.0", "id": waiting, "result": []}


def test_calls_at_once_are_bounded(bot: Callable[..., Bot], host: Host) -> None:
    one = bot()
    for _ in range(MAX_CALLS):
        one.say("accept", peer="bob")
    for _ in range(MAX_CALLS):
        assert host.blocked.acquire(timeout=PATIENCE)
    assert one.ask("accept", peer="bob")["error"]["code"] == rpc.INVALID_REQUEST
    assert one.ask("ping")["result"] == "pong"


def test_clients_are_bounded(bot: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "MAX_CLIENTS", 2)
    bot()
    bot()
    refused = bot(hello=False)
    assert refused.hear()["error"]["data"]["name"] == "ProfileBusyError"
    assert refused.is_cut()


def test_who_does_not_read_is_cut_and_holds_up_nobody(bot: Callable[..., Bot], host: Host) -> None:
    greedy, other = bot(), bot()
    greedy.socket.settimeout(PATIENCE)

    def take_nothing() -> None:
        while True:
            greedy.say("provenance", message_id="00")
            assert other.ask("ping")["result"] == "pong"

    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        take_nothing()
    assert host.closed.acquire(timeout=PATIENCE)
    assert other.ask("unshown")["result"] == []


def test_no_answer_is_given_to_what_wants_none(bot: Callable[..., Bot], host: Host) -> None:
    one = bot()
    one.socket.sendall(b'{"jsonrpc":"2.0","method":"mark_shown","params":{"number":1}}\n')
    assert one.ask("unshown")["id"] == one._last
    one.close()
    assert host.closed.acquire(timeout=PATIENCE)
    assert ("mark_shown", {"number": 1}) in host.called


def test_a_consumer_ends_with_its_connection(bot: Callable[..., Bot], host: Host) -> None:
    bot().close()
    assert host.closed.acquire(timeout=PATIENCE)


def test_a_stranger_of_the_same_machine_is_refused(
    bot: Callable[..., Bot], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "peer_of", lambda _: (1, os.geteuid() + 1))
    refused = bot(hello=False)
    assert "another user" in refused.hear()["error"]["message"]
    assert refused.is_cut()
    assert not host.connected


def test_only_the_owner_can_reach_it_from_the_first_instant(tmp_path: Path, host: Host) -> None:
    modes: list[int] = []
    bind = socket.socket.bind

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            bind(self, address)
            modes.append(stat.S_IMODE(Path(address).stat().st_mode))

    before = os.umask(0)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "socket", Watched)
            running = Agent(tmp_path / "agent.sock", host)
    finally:
        os.umask(before)
    running.close()
    running.join()
    assert modes == [0o600]


def test_what_a_killed_owner_left_is_replaced_under_a_long_path(tmp_path: Path, host: Host) -> None:
    home = tmp_path / ("x" * 90) / ("y" * 90)
    home.mkdir(parents=True)
    for _ in range(2):
        running = Agent(home / "agent.sock", host)
        remote = Remote(home / "agent.sock")
        assert remote.hello(connect=False, inherit=True) == "00" * 64
        assert running.has_heirs
        assert remote.call("unshown", {}) == []
        remote.close()
        running.close()
        running.join()
        with socket.socket(socket.AF_UNIX) as left, reachable(home / "agent.sock") as name:
            left.bind(name)


# --- our own client -------------------------------------------------------------------------------------------------


def test_errors_are_raised_as_the_owner_raised_them(agent: Agent, tmp_path: Path) -> None:
    remote = Remote(tmp_path / "agent.sock")
    assert remote.hello(connect=True, inherit=False) is None
    with pytest.raises(KeyChangedError) as changed:
        remote.call("verify", {"peer": "bob", "number": "1"})
    assert changed.value.message_id == "11"
    remote.close()


def test_a_call_under_way_ends_with_the_owner(agent: Agent, host: Host, tmp_path: Path) -> None:
    remote, raised = Remote(tmp_path / "agent.sock"), threading.Event()
    remote.hello(connect=True, inherit=False)
    told: list[Remote] = []
    remote.watch(told.append)

    def call() -> None:
        with pytest.raises(GoneError):
            remote.call("accept", {"peer": "bob"})
        raised.set()

    caller = threading.Thread(target=call)
    caller.start()
    assert host.blocked.acquire(timeout=PATIENCE)
    agent.close()
    assert raised.wait(PATIENCE)
    caller.join()
    remote.close()
    assert told == [remote]
    with pytest.raises(GoneError):
        remote.watch(told.append)
    with pytest.raises(GoneError):
        Remote(tmp_path / "agent.sock")


def test_an_owner_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process itself, which listens and never accepts."""
    monkeypatch.setattr("e2echat.client.remote.TICK", 0.01)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "agent.sock"))
        silent.listen()
        monkeypatch.setattr("e2echat.client.remote._is_busy", lambda _: False)
        remote = Remote(tmp_path / "agent.sock")
        with pytest.raises(OwnerSilentError, match=str(os.getpid())):
            remote.hello(connect=True, inherit=False)
        remote.close()


def test_a_refusal_before_hello_is_what_hello_raises(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "MAX_CLIENTS", 0)
    remote = Remote(tmp_path / "agent.sock")
    with pytest.raises(ProfileBusyError):
        remote.hello(connect=True, inherit=False)
    remote.close()
