"""A link under test, what it tells its listener, and the socket that stands for its relay. Its fixtures are for a conftest."""

import datetime as dt
import hashlib
import queue
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2echat.client.channels import PlainChannel
from e2echat.client.link import Link
from e2echat.client.waiting import Pace
from e2echat.errors import E2EChatError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag, frame

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


class EagerChannel(PlainChannel):
    """Stands for TLS whose last handshake bytes bring the first of the relay's along."""

    def __init__(self) -> None:
        super().__init__()
        self.established = False

    def receive(self, raw: bytes) -> bytes:
        self.established = True
        return raw


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
