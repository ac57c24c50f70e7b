import contextlib
import datetime as dt
import hashlib
import inspect
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2echat.client import channels, connection, dialing, link, waiting
from e2echat.client.connection import is_loopback
from e2echat.client.link import Link
from e2echat.client.socks import Proxy
from e2echat.client.waiting import Pace, Ready
from e2echat.errors import E2EChatError, MalformedError, RelayUnreachableError, StorageError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag, frame
from tests.helpers.socks_server import SocksServer

PATIENCE = 30
"""Seconds until a test is given up; nothing waits for them when all is well."""
EAGER = Pace(retry_first=0.001, retry_most=0.002)
HELLO = frame(Tag.CONTROL, b"hello")


class Recorder:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.on_up: Callable[[Link], None] = lambda _: None
        self.on_frames: Callable[[Link], None] = lambda _: None

    def link_up(self, link: Link, certificate_hash: bytes) -> None:
        self.heard.put(("up", certificate_hash))
        self.on_up(link)

    def link_frames(self, link: Link, frames: list[tuple[int, bytes]]) -> None:
        self.heard.put(("frames", frames))
        self.on_frames(link)

    def link_down(self, link: Link, error: E2EChatError) -> None:
        self.heard.put(("down", error))

    def next(self, kind: str) -> Any:
        found, value = self.heard.get(timeout=PATIENCE)
        assert found == kind, (found, value)
        return value


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Peer:
    """A listening socket; the test itself is the relay behind it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(PATIENCE)
        self.opened: list[socket.socket] = []

    @property
    def address(self) -> RelayAddress:
        return RelayAddress(bytes(32), "127.0.0.1", self.listening.getsockname()[1])

    def accept(self) -> socket.socket:
        accepted, _ = self.listening.accept()
        accepted.settimeout(PATIENCE)
        self.opened.append(accepted)
        return accepted

    def accept_tls(self) -> ssl.SSLSocket:
        accepted = self.context.wrap_socket(self.accept(), server_side=True)
        self.opened.append(accepted)
        return accepted

    def accept_plain(self) -> socket.socket:
        """What a relay without TLS does to a link that does not know yet: the second connection is the one."""
        first = self.accept()
        first.sendall(HELLO)
        first.close()
        second = self.accept()
        second.sendall(HELLO)
        return second

    def close(self) -> None:
        for opened in (*self.opened, self.listening):
            opened.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A PEM file with key and certificate, and the certificate's hash."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "relay.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path, hashlib.sha256(made.public_bytes(Encoding.DER)).digest()


@pytest.fixture
def peer(certificate: tuple[Path, bytes]) -> Iterator[Peer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])
    made = Peer(context)
    yield made
    made.close()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def connect(peer: Peer, recorder: Recorder) -> Iterator[Callable[..., Link]]:
    links: list[Link] = []

    def start(**settings: Any) -> Link:
        made = Link(settings.pop("address", peer.address), recorder, **{"pace": EAGER} | settings)
        links.append(made)
        made.start()
        return made

    yield start
    for made in links:
        made.close()
        made._thread.join(PATIENCE)


def read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += sock.recv(count - len(data)) or pytest.fail("closed too early")
    return data


def settle(sock: socket.socket) -> None:
    """Return once the link is waiting for more."""
    sock.sendall(frame(Tag.PING))
    assert read_exactly(sock, 8) == frame(Tag.PONG)


def read_to_end(sock: socket.socket) -> bytes:
    parts = []
    while part := sock.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def test_up_brings_the_hash_of_the_certificate(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], certificate: tuple[Path, bytes]
) -> None:
    connect()
    assert peer.accept_tls().version() == "TLSv1.3"
    assert recorder.next("up") == certificate[1]


def test_frames_go_both_ways_however_they_are_cut(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(HELLO + frame(300, b"first") + frame(300, b"second")[:5])
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello"), (300, b"first")]
    accepted.sendall(frame(300, b"second")[5:])
    assert recorder.next("frames") == [(300, b"second")]
    made.send(frame(301, b"back"))
    assert read_exactly(accepted, len(frame(301, b"back"))) == frame(301, b"back")


def test_ping_is_answered_and_neither_reaches_the_listener(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(frame(Tag.PONG) + frame(Tag.PING) + HELLO)
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello")]
    assert read_exactly(accepted, 8) == frame(Tag.PONG)


def test_what_is_sent_while_down_is_dropped(peer: Peer, recorder: Recorder) -> None:
    made = Link(peer.address, recorder, pace=EAGER)
    made.send(frame(300, b"too early"))
    made.start()
    accepted = peer.accept_tls()
    recorder.next("up")
    made.send(HELLO)
    assert read_exactly(accepted, len(HELLO)) == HELLO
    made.close()


def test_silence_is_asked_about_and_then_ends_the_connection(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    clock = Clock()
    made = connect(clock=clock, pace=Pace())
    accepted = peer.accept_tls()
    recorder.next("up")
    for _ in range(2):  # an answer starts it all over
        settle(accepted)
        clock.now += 20
        made.send(b"")
        assert read_exactly(accepted, 8) == frame(Tag.PING)
        accepted.sendall(frame(Tag.PONG))
    settle(accepted)
    clock.now += 20
    made.send(b"")
    assert read_exactly(accepted, 8) == frame(Tag.PING)
    clock.now += 10
    made.send(b"")
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_a_machine_that_slept_connects_anew_at_once(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    clock = Clock()
    made = connect(clock=clock, pace=Pace(retry_first=0))
    accepted = peer.accept_tls()
    recorder.next("up")
    wait = made._waiter.wait

    def sleep(interests: Any, deadline: float) -> Ready:
        made._waiter.wait = wait  # type: ignore[method-assign]
        clock.now = deadline + Pace().slept
        return {}

    made._waiter.wait = sleep  # type: ignore[method-assign]
    made.send(b"")
    assert isinstance(recorder.next("down"), RelayUnreachableError)
    assert read_to_end(accepted) == b""  # no ping was waited for
    peer.accept_tls()
    recorder.next("up")


def test_what_came_while_the_machine_slept_is_proof_of_life(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    clock = Clock()
    connect(clock=clock, pace=Pace())
    accepted = peer.accept_tls()
    recorder.next("up")
    settle(accepted)
    clock.now += 10_000
    settle(accepted)
    assert recorder.heard.empty()


def test_a_lost_connection_is_made_anew(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    connect()
    for _ in range(3):
        accepted = peer.accept_tls()
        recorder.next("up")
        accepted.close()
        assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_nothing_is_resumed(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    connect()
    for _ in range(2):
        accepted = peer.accept_tls()  # this server does offer tickets
        recorder.next("up")
        assert not accepted.session_reused
        accepted.close()
        recorder.next("down")


def test_a_refused_connection_is_reported_and_tried_again(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = RelayAddress(bytes(32), "127.0.0.1", closed.getsockname()[1])
    connect(address=address)
    for _ in range(2):
        assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_waits_double_up_to_a_limit_and_a_good_connection_starts_them_over(
    peer: Peer, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = [0, 0, 0, 0, 0, 0, 0, 0, 9.9, 10, 0]
    waits: list[float] = []
    made = Link(peer.address, recorder)

    def attempt() -> float:
        made._closed = len(lives) == 1
        return lives.pop(0)

    monkeypatch.setattr(made, "_attempt", attempt)
    monkeypatch.setattr(made, "_pause", waits.append)
    monkeypatch.setattr(made._random, "uniform", lambda least, most: (least, most) == (0.5, 1))
    made._run()
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 0.25, 0.5]


def test_every_address_of_the_host_is_tried(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()
    found = [(socket.AF_INET, dead), (socket.AF_INET, peer.listening.getsockname())]
    monkeypatch.setattr(dialing, "resolve", lambda *_: found)
    connect()
    peer.accept_tls()
    recorder.next("up")


def test_ipv6(
    certificate: tuple[Path, bytes], peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    peer.listening.close()
    peer.listening = listening
    connect(address=RelayAddress(bytes(32), "::1", listening.getsockname()[1]))
    peer.accept_tls()
    assert recorder.next("up") == certificate[1]


def test_a_host_that_cannot_exist(recorder: Recorder, connect: Callable[..., Link]) -> None:
    connect(address=RelayAddress(bytes(32), "a..b", 1))
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_a_relay_that_never_answers_tls_is_given_up(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect(pace=Pace(connect=0.01, retry_first=0.001))
    peer.accept()
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_tls_1_2_is_refused(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    peer.context.maximum_version = ssl.TLSVersion.TLSv1_2
    connect()
    with contextlib.suppress(OSError):
        peer.accept_tls()
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_a_broken_frame_ends_the_connection(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(b"\xff\xff\xff\xff")
    assert isinstance(recorder.next("down"), MalformedError)
    peer.accept_tls()
    recorder.next("up")


def test_what_a_listener_raises_ends_the_connection_and_comes_back(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    error = StorageError("the disk is full")

    def refuse(_: Link) -> None:
        raise error

    recorder.on_frames = refuse
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(HELLO)
    recorder.next("frames")
    assert recorder.next("down") is error
    assert read_to_end(accepted) == b""


class EagerChannel(channels.PlainChannel):
    """Stands for TLS whose last handshake bytes bring the first of the relay's along."""

    def __init__(self) -> None:
        super().__init__()
        self.established = False

    def receive(self, raw: bytes) -> bytes:
        self.established = True
        return raw


def test_bytes_that_come_with_the_end_of_the_handshake_are_not_lost(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "TlsChannel", EagerChannel)
    connect()
    peer.accept().sendall(HELLO)
    recorder.next("up")
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello")]


def test_drop_with_retry_makes_another_connection_and_no_report(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    made.drop(retry=True)
    assert read_to_end(accepted) == b""
    peer.accept_tls()
    recorder.next("up")


@pytest.mark.parametrize("inside", [True, False])
def test_drop_without_retry_stays_down(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], inside: bool
) -> None:
    if inside:
        recorder.on_frames = lambda link: link.drop(retry=False)
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    if inside:
        accepted.sendall(HELLO)
        recorder.next("frames")
    else:
        made.drop(retry=False)
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()
    assert recorder.heard.empty()
    made.send(HELLO)  # no error: it is down


def test_drop_delivers_nothing_more_of_that_connection(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "TlsChannel", EagerChannel)
    recorder.on_up = lambda link: link.drop(retry=False)
    made = connect()
    peer.accept().sendall(HELLO)
    recorder.next("up")
    made._thread.join(PATIENCE)
    assert recorder.heard.empty()


def test_drop_while_waiting_to_retry_stays_down(recorder: Recorder, connect: Callable[..., Link]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made = connect(address=RelayAddress(bytes(32), "127.0.0.1", port), pace=Pace(retry_first=1000))
    recorder.next("down")
    made.drop(retry=False)
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()


def on_waiting(made: Link, then: Callable[[], None]) -> None:
    """Have ``close`` call ``then`` once it has begun and waits for the callback that runs."""
    wait_for = made._quiet.wait_for

    def waiting(predicate: Callable[[], bool]) -> bool:
        then()
        return wait_for(predicate)

    made._quiet.wait_for = waiting  # type: ignore[method-assign,assignment]  # a condition of our own


def test_close_waits_for_the_callback_that_runs_and_none_follows(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_JOIN", 0)
    release, ended = threading.Event(), threading.Event()

    def hold(_: Link) -> None:
        release.wait(PATIENCE)
        ended.set()

    recorder.on_up = hold
    made = connect()
    accepted = peer.accept_tls()
    accepted.sendall(HELLO)
    recorder.next("up")
    on_waiting(made, release.set)
    made.close()
    assert ended.is_set()
    made._thread.join(PATIENCE)
    assert recorder.heard.empty()


def test_close_from_inside_a_callback(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    recorder.on_up = lambda link: link.close()
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    assert read_to_end(accepted) == b""
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()


def test_close_while_connecting(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    made = connect()
    peer.accept()
    made.close()
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()
    assert recorder.heard.empty()


def test_close_before_start_and_again(peer: Peer, recorder: Recorder) -> None:
    made = Link(peer.address, recorder)
    made.close()
    made.close()
    made.send(HELLO)
    made.drop(retry=True)


@pytest.mark.parametrize("plain", [True, False])
def test_close_with_flush_lets_everything_leave_though_the_relay_still_talks(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], plain: bool
) -> None:
    made = connect()
    accepted = peer.accept_plain() if plain else peer.accept_tls()
    recorder.next("up")
    if plain:
        recorder.next("frames")
    release = threading.Event()

    def hold(_: Link) -> None:
        release.wait(PATIENCE)

    recorder.on_frames = hold
    accepted.sendall(HELLO)
    recorder.next("frames")
    accepted.sendall(HELLO * 100)  # unread bytes in a socket that closes would discard what it has sent
    sent = [frame(300, bytes([number]) * 65_532) for number in range(250)]  # more than the kernel holds
    for piece in sent:
        made.send(piece)
    on_waiting(made, release.set)
    closing = threading.Thread(target=made.close, kwargs={"flush": 1000})
    closing.start()
    assert release.wait(PATIENCE)
    received = read_to_end(accepted)
    accepted.close()
    closing.join(PATIENCE)
    assert received == b"".join(sent)
    assert not made._thread.is_alive()


def test_nothing_is_taken_up_while_the_socket_is_full(peer: Peer, recorder: Recorder) -> None:
    made = Link(peer.address, recorder)
    made._unsent = bytearray(HELLO)
    where = (socket.AF_INET, peer.listening.getsockname())
    stuck = connection.Connection(where)
    stuck.begin(channels.PlainChannel())
    stuck._unsent += b"not taken yet"
    assert made._take_unsent(stuck) == b""
    stuck._unsent.clear()
    assert made._take_unsent(stuck) == HELLO
    assert made._take_unsent(stuck) == b""
    stuck.close()
    made.close()


def test_a_relay_that_reads_nothing_cannot_fill_the_memory(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MAX_UNSENT", 1000)
    release = threading.Event()

    def hold(_: Link) -> None:
        release.wait(PATIENCE)

    recorder.on_up = hold
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    for _ in range(100):
        made.send(bytes(900))
    assert len(made._unsent or b"") <= 1900
    release.set()
    assert isinstance(recorder.next("down"), RelayUnreachableError)
    assert read_to_end(accepted) == b""  # nothing with a gap in it has left


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


def test_the_largest_frames_arrive_in_order(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    bodies = [bytes([number]) * 65_532 for number in range(20)]
    accepted.sendall(b"".join(frame(300, body) for body in bodies))
    received: list[bytes] = []
    while len(received) < len(bodies):
        received += [body for _, body in recorder.next("frames")]
    assert received == bodies


# --- ways that change, and a proxy ----------------------------------------------------------------------------------


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
