"""A relay whose surroundings misbehave: clocks, descriptors, readers that do not read, storms, a disk to be shared."""

import errno
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.relay import opening, operating
from e2echat.relay.database import Database
from e2echat.relay.datadir import DataDirectory
from e2echat.relay.limits import Limits
from e2echat.relay.mailboxes import sqlite
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.opening import Opened, open_board
from e2echat.relay.peer import Peer
from e2echat.relay.reactor import Reactor
from e2echat.relay.segments import Directory, SegmentRow, Stretch, place_of
from e2echat.relay.server import Relay
from e2echat.relay.tokens import DAY, Registration
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_sockets import SocketClient
    from tests.helpers.relay_world import Account, World

Start = Callable[..., Relay]
WALL = time.time


def claim(relay: Relay, account: "Account", sockets: "ModuleType") -> None:
    with sockets.SocketClient(relay) as client:
        client.ask(account.claim(), messages.Done)


def leave_mail(
    relay: Relay, account: "Account", texts: list[bytes], sockets: "ModuleType", world: "ModuleType"
) -> None:
    with sockets.SocketClient(relay) as sender:
        mailbox = sender.ask(messages.Fetch(1, account.name, False), messages.Bundle).mailbox
        channel = sender.ask(messages.Open(2, mailbox, account.capability, False), messages.Opened).channel
        settled = 0
        for text in texts:
            sender.say(world.submissions(channel, [text]))
        while settled < len(texts):
            tag, body = sender.frame()
            assert tag == frames.Tag.ACCEPTED
            settled = frames.parse_channel_count(body)[1]


def sign_in(
    relay: Relay, account: "Account", sockets: "ModuleType"
) -> "tuple[SocketClient, messages.Welcome]":
    client: SocketClient = sockets.SocketClient(relay)
    return client, client.ask(account.authenticate(client.hello), messages.Welcome)


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumped_while_the_relay_was_off_drops_nothing(
    start_relay: Start,
    relay_world: "ModuleType",
    relay_sockets: "ModuleType",
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    relay = start_relay(tls=False)
    bob = relay_world.Account("bob", relay.address.key)
    claim(relay, bob, relay_sockets)
    leave_mail(relay, bob, [b"text"], relay_sockets, relay_world)
    relay.stop()
    monkeypatch.setattr(time, "time", lambda: WALL() + days * DAY)
    relay = start_relay(tls=False)
    # The first look at what has expired is over when a second question is answered.
    operating.users(relay._data)
    assert operating.users(relay._data)[0]["waiting"] == 1
    client, welcome = sign_in(relay, bob, relay_sockets)
    with client:
        assert welcome.waiting == 1


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumps_while_the_relay_runs_drops_nothing(
    start_relay: Start,
    relay_world: "ModuleType",
    relay_sockets: "ModuleType",
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    monkeypatch.setattr("e2echat.relay.reactor._SWEEP", 0.005)
    relay = start_relay(tls=False, limits=Limits(expiry_every=0.0))
    bob = relay_world.Account("bob", relay.address.key)
    claim(relay, bob, relay_sockets)
    leave_mail(relay, bob, [b"text"], relay_sockets, relay_world)
    monkeypatch.setattr(time, "time", lambda: WALL() + days * DAY)
    # Every question is answered by a turn of its own, in which what is due is done.
    for _ in range(50):
        (user,) = operating.users(relay._data)
        assert user["waiting"] == 1


@pytest.fixture
def open_it(tmp_path: Path) -> Iterator[Callable[[], Opened]]:
    key = SigningKey.generate(SystemRandomness())
    with ExitStack() as closing:

        def open_it() -> Opened:
            closing.close()
            directory = DataDirectory.open(tmp_path / "relay")
            closing.callback(directory.close)
            opened = open_board(directory, key, Limits(), SystemRandomness(), Registration.OPEN)
            closing.callback(opened.database.close)
            return opened

        yield open_it


def test_the_clock_begins_with_the_wall_and_goes_on_where_it_was(open_it: Callable[[], Opened]) -> None:
    opened = open_it()
    assert abs(opened.board.today - time.time()) < 60
    opened.board.tick(0.0, 12_345)
    opened.board.sweep(0.0)
    opened.carry_out()
    assert open_it().board.today == 12_345


def test_the_clock_is_kept_at_the_end(open_it: Callable[[], Opened]) -> None:
    opened = open_it()
    opened.board.sweep(0.0)
    opened.board.tick(1.0, 12_345)
    opened.board.drain()
    opened.carry_out()
    assert open_it().board.today == 12_345


def test_health_says_whether_the_clock_was_kept(world: "World") -> None:
    answers: list[bool] = []
    world.storing = False
    for fail in (True, False):
        world.board.admin.save_clock(answers.append)
        world.store_batch(fail=fail)
    assert answers == [False, True]


# --- readers --------------------------------------------------------------------------------------------------------


def test_what_is_unsent_in_all_is_bounded(
    start_relay: Start, relay_world: "ModuleType", relay_sockets: "ModuleType"
) -> None:
    # So long that nobody is cut for being slow alone.
    limits = Limits(unsent=1 << 20, window_bytes=1 << 26, mailbox_bytes=1 << 26, unsettled=10_000, frame=600)
    relay = start_relay(tls=False, limits=limits, metrics=("127.0.0.1", 0))
    names = ("bob", "carol")
    accounts = [relay_world.Account(name, relay.address.key) for name in names]
    texts = [b"%d" % number * 100 for number in range(400)]
    for account in accounts:
        claim(relay, account, relay_sockets)
    # More than the buffers of both ends take.
    leave_mail(relay, accounts[0], [bytes(60_000)] * 400, relay_sockets, relay_world)
    leave_mail(relay, accounts[1], texts, relay_sockets, relay_world)
    deaf, _ = sign_in(relay, accounts[0], relay_sockets)
    with deaf:
        deadline = time.monotonic() + 20
        while operating.users(relay._data)[0]["connected"]:
            assert time.monotonic() < deadline
        reader, welcome = sign_in(relay, accounts[1], relay_sockets)
        with reader:
            assert [reader.envelope() for _ in range(welcome.waiting)] == texts
        assert deaf.is_closed()
    again, welcome = sign_in(relay, accounts[0], relay_sockets)
    with again:
        assert welcome.waiting == 400


# --- descriptors ----------------------------------------------------------------------------------------------------


def test_without_descriptors_those_who_are_there_are_served(tmp_path: Path) -> None:
    arguments = ["relay", "--listen", "127.0.0.1:0", "--no-tls", "--data", str(tmp_path / "relay")]
    command = ["sh", "-c", 'ulimit -n 60; exec "$@"', "sh", sys.executable, "-m", "e2echat", *arguments]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as relay,
        ExitStack() as sockets,
    ):
        try:
            assert relay.stdout
            port = int(relay.stdout.readline().rpartition(":")[2])
            clients = [
                sockets.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                for _ in range(60)
            ]
            served = [client for client in clients[:30] if client.recv(4)]
            assert len(served) == 30
            assert relay.stderr
            # The first line warns of the limit, the second says that it is reached.
            assert "file descriptors" in relay.stderr.readline()
            assert "file descriptors" in relay.stderr.readline()
            assert _pong(served[0])
            for client in served[1:]:
                client.close()
            # Whoever waited gets in.
            assert all(client.recv(4) for client in clients[30:])
            assert _pong(served[0])
            relay.terminate()
            assert relay.wait(20) == 0
        finally:
            relay.kill()


def _pong(client: socket.socket) -> bool:
    client.sendall(frames.frame(frames.Tag.PING))
    # The rest of the hello, whose size was read already, is in front of it.
    data = b""
    while not data.endswith(frames.frame(frames.Tag.PONG)):
        more = client.recv(65536)
        if not more:
            return False
        data += more
    return True


# --- storms ---------------------------------------------------------------------------------------------------------


def test_everybody_comes_back_at_once(
    start_relay: Start, relay_world: "ModuleType", relay_sockets: "ModuleType"
) -> None:
    relay = start_relay()
    accounts = [relay_world.Account(f"user{number}", relay.address.key) for number in range(40)]
    with relay_sockets.SocketClient(relay, relay_sockets.client_context()) as client:
        for account in accounts:
            client.ask(account.claim(), messages.Done)
    port = relay.address.port
    relay.stop()
    relay = start_relay(port=port)
    context = relay_sockets.client_context()
    with ExitStack() as sockets:
        # Nobody waits for anybody: the connections of 400 strangers stand in front of those of 40 users.
        for _ in range(400):
            sockets.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        clients = [sockets.enter_context(relay_sockets.SocketClient(relay, context)) for _ in accounts]
        for client, account in zip(clients, accounts, strict=True):
            client.say(messages.encode(account.authenticate(client.hello)))
        assert all(client.message(messages.Welcome).waiting == 0 for client in clients)
        assert all(user["connected"] for user in operating.users(relay._data))


def row(number: int, size: int) -> SegmentRow:
    """A segment of one envelope."""
    return SegmentRow(number, 1, Directory([(bytes(16), 0, 1)], (size,), bytes(8)))


# --- space ----------------------------------------------------------------------------------------------------------


def test_space_that_nothing_occupies_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_PAGES", 16)
    path = tmp_path / "relay.db"
    path.touch()
    database = Database(path)
    mailboxes = SqliteMailboxes(database)
    for number in range(1, 101):
        mailboxes.append(row(number, 20_000), bytes(20_000))
    mailboxes.commit()
    full = _size(database, path)
    for number in range(1, 100):
        mailboxes.drop(number)
    mailboxes.commit()
    steps = 0
    while mailboxes.give_back():
        mailboxes.commit()
        steps += 1
    assert steps > 5
    assert _size(database, path) < full // 4
    assert mailboxes.read(Stretch(place_of(100, 0), 1)) == bytes(20_000)
    database.close()


def _size(database: Database, path: Path) -> int:
    database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def test_space_that_will_be_filled_again_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_PAGES", 1)
    path = tmp_path / "relay.db"
    path.touch()
    database = Database(path)
    mailboxes = SqliteMailboxes(database)
    for number in range(1, 101):
        mailboxes.append(row(number, 20_000), bytes(20_000))
    for number in range(1, 11):
        mailboxes.drop(number)
    mailboxes.commit()
    assert not mailboxes.give_back()
    database.close()


def test_giving_back_goes_on_between_other_work(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    more = iter([True, True, False])
    monkeypatch.setattr(SqliteMailboxes, "give_back", lambda _: next(more))
    world.batches.clear()
    world.later(0)
    assert [batch.count("GiveBack") for batch in world.batches] == [1, 1, 1]


@pytest.mark.parametrize("size", [0, 100_000])
def test_the_log_has_its_size_from_the_start(tmp_path: Path, size: int) -> None:
    directory = DataDirectory.open(tmp_path / "relay")
    key, randomness = SigningKey.generate(SystemRandomness()), SystemRandomness()
    log = directory.path / "relay.db-wal"
    for content in (b"one", b"two"):
        opened = open_board(directory, key, Limits(log_bytes=size), randomness, Registration.OPEN)
        before = log.stat().st_size
        assert before >= size
        opened.mailboxes.append(row(content[0], 3), content)
        opened.mailboxes.commit()
        assert not size or log.stat().st_size == before
        # A crash: what is in the log is found behind nothing and in front of zeros.
        copy = {
            path: path.read_bytes() for path in directory.path.iterdir() if path.name.startswith("relay.db")
        }
        opened.database.close()
        for path, data in copy.items():
            path.write_bytes(data)
    opened = open_board(directory, key, Limits(log_bytes=size), randomness, Registration.OPEN)
    # Rows of a mailbox that nobody owns go with the first batch, which has not been.
    assert opened.mailboxes.read(Stretch(place_of(b"two"[0], 0), 1)) == b"two"
    opened.database.close()
    directory.close()


def test_a_log_that_does_not_fit_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "relay.db-wal"
    log.write_bytes(b"content")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    opening._grow(log, 100_000)
    assert log.read_bytes() == b"content"
    opening._grow(tmp_path / "nothing", 100_000)
    assert not (tmp_path / "nothing").exists()


def test_who_has_taken_nothing_for_longest_is_cut_first(world: "World") -> None:
    counters = world.board.counters
    with ExitStack() as sockets:
        peers = []
        for blocked_since in (2.0, 1.0, 3.0):
            ours, theirs = socket.socketpair()
            sockets.enter_context(theirs)
            ours.setblocking(False)
            peer = Peer(ours, "127.0.0.1", None, 0.0, counters)
            while not peer.unsent:
                peer.write(bytes(1 << 16), blocked_since)
            peers.append(peer)
        unsent = [len(peer.unsent or b"") for peer in peers]
        assert counters.bytes_unsent == sum(unsent)
        reactor = Reactor(world.board, Limits(unsent=sum(unsent) - 1), None, bytes(32), None)
        reactor._peers.update({peer.descriptor: peer for peer in peers})
        reactor._bound_unsent()
        assert [peer in reactor._peers.values() for peer in peers] == [True, False, True]
        assert (counters.bytes_unsent, counters.cut) == (sum(unsent) - unsent[1], 1)
        reactor._bound_unsent()
        assert len(reactor._peers) == 2
        reactor.close()
        assert counters.bytes_unsent == 0
