"""A real relay on loopback, and clients with real sockets. Every wait ends by itself after ``PATIENCE``."""

import hashlib
import socket
import ssl
from types import TracebackType
from typing import Protocol, Self, TypeVar

from e2echat.crypto.relay_records import NO_CERTIFICATE, HelloRecord
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.address import RelayAddress
from e2echat.wire.schema import Message

PATIENCE = 20.0
Answer = TypeVar("Answer", bound=Message)


def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Addressed(Protocol):
    """A relay, wherever it runs."""

    @property
    def address(self) -> RelayAddress:
        """Where it is, and its key."""


class SocketClient:
    """A connection that has read the relay's hello."""

    def __init__(self, relay: Addressed, context: ssl.SSLContext | None = None) -> None:
        address = relay.address
        plain = socket.create_connection((address.host, address.port), timeout=PATIENCE)
        self.certificate_hash = NO_CERTIFICATE
        self.socket: socket.socket = plain
        if context:
            try:
                tls = context.wrap_socket(plain)
            except OSError:
                plain.close()
                raise
            self.certificate_hash = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").digest()
            self.socket = tls
        self._decoder = frames.FrameDecoder()
        self._frames: list[tuple[int, bytes]] = []
        try:
            raw = self.message(messages.Hello).record
        except (EOFError, OSError):
            self.socket.close()
            raise
        self.hello = HelloRecord.parse(raw, address.key, self.certificate_hash)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def frame(self) -> tuple[int, bytes]:
        """The next frame.

        Raises:
            EOFError: the relay has closed.
        """
        while not self._frames:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    def message(self, kind: type[Answer]) -> Answer:
        tag, body = self.frame()
        assert tag == frames.Tag.CONTROL
        message = messages.decode(body)
        assert isinstance(message, kind), message
        return message

    def ask(self, request: Message, kind: type[Answer]) -> Answer:
        self.say(messages.encode(request))
        return self.message(kind)

    def envelope(self) -> bytes:
        tag, body = self.frame()
        assert tag >= frames.FIRST_CHANNEL
        return frames.parse_envelope(body)[1]

    def is_closed(self) -> bool:
        """Whether the relay closes, whatever else it still says."""
        try:
            while True:
                self.frame()
        except (EOFError, ConnectionError, ssl.SSLEOFError):
            return True
