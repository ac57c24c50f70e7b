"""A TCP proxy on loopback that records what passes and does to it what a test asks."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.e2e.processes import RelayProcess, Someone

Direction = Literal["to_relay", "to_client"]
Script = Callable[["Recording", Direction, bytes], bytes | None]
"""What becomes of some bytes of a connection: other bytes, none to withhold them, or None to cut it."""

PATIENCE = 60
"""Seconds until a test is given up."""
MAX_CONNECTIONS = 256
MAX_RECORDED = 64 * 1024 * 1024
"""Bytes a connection and direction; a proxy that is fed more ends the connection."""


@dataclass
class Recording:
    """All bytes of one connection, as they came in, and its two sockets."""

    client: socket.socket
    relay: socket.socket
    to_relay: bytearray = field(default_factory=bytearray)
    to_client: bytearray = field(default_factory=bytearray)
    ends: int = 0
    """Directions that have ended."""

    def cut(self) -> None:
        """End both sides at once."""
        for side in (self.client, self.relay):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


class RecordingProxy:
    """Listens on a loopback port of its own for as long as the test runs.

    ``connections`` grows by a ``Recording`` a connection, in their order; ``script`` may be set at any time.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.connections: list[Recording] = []
        self.script: Script = lambda _recording, _direction, data: data
        self._changed = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def recorded(self) -> bytes:
        """Everything that has passed so far, either way."""
        with self._changed:
            return b"\n".join(bytes(one.to_relay + b"\n" + one.to_client) for one in self.connections)

    def wait_for(self, question: Callable[[], bool]) -> None:
        """Return once ``question`` is true; it is asked whenever something passes, begins or ends."""
        with self._changed:
            assert self._changed.wait_for(question, PATIENCE), "what the proxy waits for did not happen"

    def cut(self) -> None:
        """End every connection; new ones are let through."""
        with self._changed:
            connections = list(self.connections)
        for recording in connections:
            recording.cut()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join(PATIENCE)
        self.cut()
        for thread in self._threads[1:]:
            thread.join(PATIENCE)
        for recording in self.connections:
            recording.client.close()
            recording.relay.close()

    def _accept(self) -> None:
        while len(self.connections) < MAX_CONNECTIONS:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                relay = socket.create_connection(self.target, PATIENCE)
            except OSError:  # no relay there: the client sees what it would see without us
                client.close()
                continue
            relay.settimeout(None)
            recording = Recording(client, relay)
            with self._changed:
                self.connections.append(recording)
                self._changed.notify_all()
            pumps = [
                threading.Thread(target=self._pump, args=(recording, "to_relay", client, relay), daemon=True),
                threading.Thread(
                    target=self._pump, args=(recording, "to_client", relay, client), daemon=True
                ),
            ]
            self._threads += pumps
            for pump in pumps:
                pump.start()

    def _pump(
        self, recording: Recording, direction: Direction, source: socket.socket, sink: socket.socket
    ) -> None:
        record: bytearray = getattr(recording, direction)
        with suppress(OSError):
            while data := source.recv(1 << 16):
                with self._changed:
                    record += data
                    script = self.script
                    self._changed.notify_all()
                passed = script(recording, direction, data)
                if passed is None or len(record) > MAX_RECORDED:
                    recording.cut()
                    break
                sink.sendall(passed)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with self._changed:
            recording.ends += 1
            self._changed.notify_all()


@pytest.fixture
def proxy_to() -> Iterator[Callable[[str, int], RecordingProxy]]:
    """Make proxies to a host and port; all are closed behind the test."""
    made: list[RecordingProxy] = []

    def make(host: str, port: int) -> RecordingProxy:
        made.append(RecordingProxy((host, port)))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path / "relay", tls=False)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Callable[..., Someone]]:
    made: list[Someone] = []

    def make(name: str, address: str) -> Someone:
        made.append(Someone(name, tmp_path, address))
        return made[-1]

    yield make
    for person in made:
        person.end_all()
