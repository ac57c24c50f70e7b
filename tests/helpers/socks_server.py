"""A SOCKS5 proxy on loopback that connects where a test says, and remembers what it was asked."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 60


def exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


@dataclass(frozen=True)
class Asked:
    """One request: what it logged in with, and where it wanted to go."""

    login: tuple[bytes, bytes] | None
    host: str
    port: int


@dataclass
class SocksServer:
    """``names`` stands for the resolver behind the proxy; ``method`` is the login that it chooses."""

    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    method: int = 2
    reply: int = 0
    asked: list[Asked] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def __str__(self) -> str:
        return f"socks5h://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End every connection."""
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join(PATIENCE)
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE)
        for one in self._sockets:
            one.close()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._sockets.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError):
            target = self._negotiate(client)
            if target is None:
                client.shutdown(socket.SHUT_RDWR)
                return
            relay = socket.create_connection(target, PATIENCE)
            relay.settimeout(None)
            self._sockets.append(relay)
            client.sendall(bytes([5, 0, 0, 1, 127, 0, 0, 1]) + self.port.to_bytes(2))
            self._start(self._pump, client, relay)
            self._pump(relay, client)

    def _negotiate(self, client: socket.socket) -> tuple[str, int] | None:
        """The client's half of RFC 1928, read strictly; None after a refusal."""
        version, count = exactly(client, 2)
        assert version == 5
        offered = exactly(client, count)
        client.sendall(bytes([5, self.method if self.method in offered else 0xFF]))
        login = None
        if self.method == 2:
            assert exactly(client, 1) == b"\x01"
            name = exactly(client, exactly(client, 1)[0])
            login = (name, exactly(client, exactly(client, 1)[0]))
            client.sendall(b"\x01\x00")
        assert exactly(client, 3) == b"\x05\x01\x00"
        kind = exactly(client, 1)[0]
        if kind == 3:
            host = exactly(client, exactly(client, 1)[0]).decode()
        else:
            family, size = {1: (socket.AF_INET, 4), 4: (socket.AF_INET6, 16)}[kind]
            host = socket.inet_ntop(family, exactly(client, size))
        port = int.from_bytes(exactly(client, 2))
        self.asked.append(Asked(login, host, port))
        if self.reply:
            client.sendall(bytes([5, self.reply, 0, 1, 0, 0, 0, 0, 0, 0]))
            return None
        return self.names.get(host, (host, port))

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
