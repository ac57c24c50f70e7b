"""What a relay says of itself: metrics, health, log."""

import logging
import re
import socket
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import StorageError
from e2echat.relay import asking, metrics
from e2echat.relay.counters import Counters
from e2echat.relay.database import Database
from e2echat.relay.limits import Limits
from e2echat.relay.listening import listen
from e2echat.relay.logs import OneLine, log_to_stderr, stop_logging
from e2echat.relay.metrics import MetricsServer
from e2echat.relay.server import Relay
from e2echat.wire import relay_messages as messages

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import World

Start = Callable[..., Relay]
LOCAL = ("127.0.0.1", 0)
LINE = re.compile(r'e2echat_relay_[a-z_]+(\{[a-z]+="[a-zA-Z0-9_.+]+"\})? \d+(\.\d+)?(e-\d+)?')


def request(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(data)
        answer = b""
        try:
            while more := client.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def get(port: int, path: str) -> tuple[int, str]:
    head, _, body = request(port, f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode()).partition(
        b"\r\n\r\n"
    )
    return int(head.split()[1]), body.decode()


def values(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("# TYPE ")]
    assert all(LINE.fullmatch(line) for line in lines), lines
    return {name.removeprefix("e2echat_relay_"): float(value) for name, value in map(str.split, lines)}


def test_a_relay_counts_what_passes(
    start_relay: Start, relay_world: "ModuleType", relay_sockets: "ModuleType"
) -> None:
    relay = start_relay(tls=False, metrics=LOCAL)
    bob = relay_world.Account("bobby", relay.address.key)
    with relay_sockets.SocketClient(relay) as owner, relay_sockets.SocketClient(relay) as sender:
        owner.ask(bob.claim(), messages.Done)
        mailbox = sender.ask(messages.Fetch(1, "bobby", False), messages.Bundle).mailbox
        channel = sender.ask(messages.Open(2, mailbox, bob.capability, False), messages.Opened).channel
        sender.ask(messages.Fetch(3, "nobody", False), messages.Refused)
        sender.say(relay_world.submissions(channel, [b"1", b"2", b"3"]))
        sender.frame()
        status, text = get(relay.metrics_port, "/metrics?x=1")
        found = values(text)
        assert status == 200
        assert "bobby" not in text
        assert found["connections"] == 2
        assert (found["accounts"], found["accounts_connected"]) == (1, 0)
        assert (
            found["envelopes_in_total"] == found["envelopes_stored_total"] == found["waiting_envelopes"] == 3
        )
        assert found["envelopes_out_total"] == found["unsent_bytes"] == found["unwritten_bytes"] == 0
        assert found['refusals_total{kind="no_such_name"}'] == 1
        assert found["received_bytes_total"] > found["waiting_bytes"] > 0
        assert found["sent_bytes_total"] > 0
        assert found["commit_seconds_count"] == found['commit_seconds_bucket{le="+Inf"}'] > 0
        owner.ask(bob.authenticate(owner.hello), messages.Welcome)
        assert [owner.envelope() for _ in range(3)] == [b"1", b"2", b"3"]
        found = values(get(relay.metrics_port, "/metrics")[1])
        assert (found["envelopes_out_total"], found["accounts_connected"]) == (3, 1)


def test_refused_connections_and_failed_commits_are_counted(
    start_relay: Start, relay_sockets: "ModuleType", monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = start_relay(tls=False, metrics=LOCAL, limits=Limits(connections=1))
    with relay_sockets.SocketClient(relay):
        with pytest.raises((EOFError, ConnectionError)):
            relay_sockets.SocketClient(relay)
        found = values(get(relay.metrics_port, "/metrics")[1])
    assert (found["connections_refused_total"], found["connections_total"]) == (1, 1)


def test_refused_submissions_are_counted(
    make_world: "Callable[..., World]", relay_world: "ModuleType"
) -> None:
    world = make_world(Limits(mailbox_envelopes=1))
    bob = world.account("bob")
    sender = world.connect()
    sender.say(relay_world.submissions(sender.open(bob), [b"1", b"2", b"3"]))
    assert world.board.counters.refusals == {"mailbox_full": 2}


def test_health_is_that_of_the_disk(start_relay: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = start_relay(metrics=LOCAL)
    assert get(relay.metrics_port, "/healthz") == (200, "ok\n")
    commit = Database.commit

    def full(database: Database) -> None:
        database.rollback()
        raise StorageError("the disk is full")

    monkeypatch.setattr(Database, "commit", full)
    status, text = get(relay.metrics_port, "/healthz")
    assert (status, "disk" in text) == (503, True)
    assert values(get(relay.metrics_port, "/metrics")[1])["failed_commits_total"] == 1
    monkeypatch.setattr(Database, "commit", commit)
    assert get(relay.metrics_port, "/healthz")[0] == 200


def test_a_relay_that_does_not_answer_is_not_healthy(
    start_relay: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = start_relay(metrics=LOCAL)
    monkeypatch.setattr(asking, "PATIENCE", 0.01)
    monkeypatch.setattr("e2echat.relay.admin.Admin.save_clock", lambda *_: None)
    monkeypatch.setattr("e2echat.relay.reactor.Reactor.post", lambda *_: None)
    assert get(relay.metrics_port, "/healthz")[0] == 503
    assert get(relay.metrics_port, "/metrics")[0] == 503


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"POST /metrics HTTP/1.0\r\n\r\n", b"405"),
        (b"GET / HTTP/1.0\r\n\r\n", b"404"),
        (b"GET /\xff\xfe HTTP/1.0\r\n\r\n", b"404"),
        (b"\r\n\r\n", b"405"),
        (b"x" * 20_000 + b"\r\n\r\n", None),
    ],
    ids=range(6),
)
def test_requests_of_all_kinds(start_relay: Start, data: bytes, status: bytes | None) -> None:
    relay = start_relay(metrics=LOCAL)
    answer = request(relay.metrics_port, data)
    assert answer.split()[1:2] == ([status] if status else [])
    assert get(relay.metrics_port, "/metrics")[0] == 200


def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_PATIENCE", 0.01)
    listener = listen(*LOCAL)
    port = listener.getsockname()[1]
    server = MetricsServer(listener, {"/": lambda: (True, "here")})
    server.start()
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as silent:
            assert silent.recv(1) == b""
    finally:
        server.stop()


def test_commit_times_fall_into_buckets() -> None:
    counters = Counters()
    for seconds in (0.0005, 0.001, 0.3, 100.0):
        counters.committed(seconds, failed=False)
    found = values(counters.exposition({}))
    buckets = [value for name, value in found.items() if name.startswith("commit_seconds_bucket")]
    assert (buckets[0], buckets[-2], buckets[-1], found["commit_seconds_count"]) == (2, 3, 4, 4)
    assert buckets == sorted(buckets)


# --- the log --------------------------------------------------------------------------------------------------------


def test_a_log_line_is_one_line() -> None:
    record = logging.makeLogRecord(
        {"levelname": "WARNING", "msg": "two\nlines", "created": 0.0, "fields": {"n": 1, "text": "a\nb"}}
    )
    assert (
        OneLine().format(record)
        == 'ts=1970-01-01T00:00:00Z level=warning event="two\\nlines" n=1 text="a\\nb"'
    )


@pytest.mark.parametrize(("level", "lines"), [("info", 1), ("warning", 0)])
def test_a_stop_is_reported(
    start_relay: Start, capsys: pytest.CaptureFixture[str], level: str, lines: int
) -> None:
    handler = log_to_stderr(level)
    try:
        start_relay().stop()
    finally:
        stop_logging(handler)
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if 'event="drained"' in line]) == lines


def test_the_log_names_nobody(
    start_relay: Start,
    relay_world: "ModuleType",
    relay_sockets: "ModuleType",
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = log_to_stderr("debug")
    try:
        relay = start_relay(tls=False)
        bob = relay_world.Account("bobby", relay.address.key)
        with relay_sockets.SocketClient(relay) as owner:
            owner.ask(bob.claim(), messages.Done)
            mailbox = owner.ask(bob.authenticate(owner.hello), messages.Welcome).mailbox
            owner.say(b"\xff" * 8)
            assert owner.is_closed()
        relay.stop()
    finally:
        stop_logging(handler)
    said = capsys.readouterr().err
    for secret in ("bobby", "127.0.0.1", mailbox.hex(), bob.identity.key.hex(), relay.address.pin):
        assert secret not in said
