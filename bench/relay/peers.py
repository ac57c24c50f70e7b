"""Servers from Debian that one would otherwise put there, each with the settings under which it is fast and still itself."""

import os
import re
import shutil
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, ClassVar

from bench.relay.generator import LoadGenerator, Script, Template
from bench.relay.systems import System

_START = 10.0
"""Seconds that a server may take until it listens."""


class Peer(System, ABC):
    """A server with a program of its own that takes its port from us."""

    program: ClassVar[str]
    package: ClassVar[str]

    @classmethod
    def installed(cls) -> bool:
        return shutil.which(cls.program) is not None

    def command(self) -> list[str]:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port = unused.getsockname()[1]
        return [self.program, *self.arguments()]

    @abstractmethod
    def arguments(self) -> list[str]:
        """What to start it with; ``port`` is chosen."""

    def configuration(self, name: str, text: str) -> str:
        """The path of a file with this content, in the server's own directory."""
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def started(self, output: IO[str]) -> None:
        del output
        ends = time.monotonic() + _START
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.02)
            else:
                return

    def provide(self, mailboxes: int) -> None:
        """Topics come about by being used."""

    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        del generator
        yield from ()
        return targets


def _until(whole: Callable[[bytes], bool], out: bytes) -> Script[bytes]:
    """Send ``out`` and gather what comes until it is whole."""
    heard = b""
    while not whole(heard):
        heard += yield out
        out = b""
    return heard


def _command(*words: bytes) -> bytes:
    """A Redis command."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Redis(Peer):
    """Publish and subscribe; nothing is kept."""

    name = "Redis pub/sub"
    protocol = "redis"
    program = "redis-server"
    package = "redis-server"
    settles = True

    def arguments(self) -> list[str]:
        return [
            *f"--port {self.port} --bind 127.0.0.1 --dir {self.directory}".split(),
            "--save",
            "",
            "--loglevel",
            "warning",
        ]

    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        del generator
        yield from _until(lambda heard: heard.endswith(b":1\r\n"), _command(b"SUBSCRIBE", b"m%d" % index))

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del handle
        return Template(_command(b"PUBLISH", b"m%d" % target, payload))


class RedisStream(Redis):
    """A stream a mailbox, synced before the answer. Its log is not rewritten meanwhile, which would only cost it time."""

    name = "Redis stream, fsync always"

    def arguments(self) -> list[str]:
        kept = "--appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0"
        return [*super().arguments(), *kept.split()]

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del handle
        return Template(_command(b"XADD", b"m%d" % target, b"*", b"d", payload))


class Nats(Peer):
    """Core NATS: nothing is kept, nothing acknowledged."""

    name = "NATS core"
    protocol = "nats"
    program = "nats-server"
    package = "nats-server"

    def arguments(self) -> list[str]:
        return ["--addr", "127.0.0.1", "--port", str(self.port), "--log", str(self.directory / "log")]

    def _connect(self, then: bytes = b"") -> Script[bytes]:
        hello = b'CONNECT {"verbose":false,"pedantic":false}\r\n' + then + b"PING\r\n"
        return _until(lambda heard: heard.endswith(b"PONG\r\n"), hello)

    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        del generator
        yield from self._connect(b"SUB m%d 1\r\n" % index)

    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        del generator
        yield from self._connect()
        return targets

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del handle
        return Template(b"PUB m%d %d\r\n%s\r\n" % (target, len(payload), payload))


class Mosquitto(Peer):
    """MQTT 3.1.1, QoS 0: nothing is acknowledged."""

    name = "Mosquitto QoS 0"
    protocol = "mqtt"
    program = "mosquitto"
    package = "mosquitto"
    qos = 0

    def arguments(self) -> list[str]:
        lines = f"""
            listener {self.port} 127.0.0.1
            allow_anonymous true
            persistence false
            set_tcp_nodelay true
            log_type error
            """
        return ["-c", self.configuration("mosquitto.conf", lines.replace("    ", ""))]

    def _packet(self, kind: int, *parts: bytes) -> bytes:
        body = b"".join(parts)
        size, length = len(body), bytearray()
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        return bytes((kind, *length, size)) + body

    def _connect(self, then: bytes = b"", size: int = 4) -> Script[bytes]:
        """Connect, and send ``then``; ``size`` bytes are all that is answered."""
        hello = self._packet(0x10, _text(b"MQTT"), b"\x04\x02\0\0", _text(b""))
        return _until(lambda heard: len(heard) >= size, hello + then)

    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        del generator
        subscribe = self._packet(0x82, b"\0\1", _text(b"m%d" % index), bytes((self.qos,)))
        yield from self._connect(subscribe, 9)

    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        del generator
        yield from self._connect()
        return targets

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del handle
        identifier = bytes(2 if self.qos else 0)
        data = self._packet(0x30 | self.qos << 1, _text(b"m%d" % target), identifier, payload)
        return Template(data, len(data) - len(payload) - len(identifier), len(identifier))


class MosquittoQos1(Mosquitto):
    """QoS 1: recipients acknowledge each message, and so does the server to the sender, on its own account."""

    name = "Mosquitto QoS 1"
    qos = 1
    settles = True


def _text(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


class Prosody(Peer):
    """XMPP with the modules of Debian's configuration that people who chat are served by."""

    name = "Prosody"
    modules = "saslauth disco roster blocklist bookmarks carbons pep private smacks vcard4 vcard_legacy csi_simple ping"
    protocol = "xmpp"
    program = "prosody"
    package = "prosody"
    _JID = re.compile(rb"<jid>([^<]+)</jid>")

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[int, bytes] = {}

    def arguments(self) -> list[str]:
        modules = "; ".join(f'"{module}"' for module in self.modules.split())
        lines = f"""
            run_as_root = {"true" if os.getuid() == 0 else "false"}
            daemonize = false
            pidfile = "{self.directory}/pid"
            data_path = "{self.directory}"
            interfaces = {{ "127.0.0.1" }}
            c2s_ports = {{ {self.port} }}
            c2s_require_encryption = false
            modules_enabled = {{ {modules} }}
            modules_disabled = {{ "s2s", "tls", "offline" }}
            log = {{ error = "{self.directory}/log" }}
            VirtualHost "bench"
            authentication = "anonymous"
            """
        return ["--config", self.configuration("prosody.cfg.lua", lines), "-F"]

    def _connect(self) -> Script[bytes]:
        """Sign in as anybody; gives the name that one gets."""
        stream = (
            b"<stream:stream to='bench' version='1.0' xmlns='jabber:client' "
            b"xmlns:stream='http://etherx.jabber.org/streams'>"
        )

        def ask(out: bytes, until: bytes) -> Script[bytes]:
            return _until(lambda heard: until in heard, out)

        features = b"</stream:features>"
        yield from ask(stream, features)
        sasl = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
        yield from ask(sasl, b"<success")
        yield from ask(stream, features)
        bind = b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
        found = self._JID.search((yield from ask(bind, b"</iq>")))
        assert found
        return found.group(1)

    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        del generator
        self._names[index] = yield from self._connect()

    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        del generator
        yield from self._connect()
        return targets

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del handle
        body = b"<message type='chat' to='%s'><body>%s</body></message>"
        return Template(body % (self._names[target], payload))


class BareProsody(Prosody):
    """The same with no module but what it takes to sign in."""

    name = "Prosody, no modules"
    chats_only = True
    modules = "saslauth"


PEERS: tuple[type[Peer], ...] = (Redis, Nats, Mosquitto, MosquittoQos1, Prosody, BareProsody)
KEEPERS: tuple[type[Peer], ...] = (RedisStream,)
"""Those that keep what nobody is there for, and answer only then."""
