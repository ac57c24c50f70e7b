"""Our relay, as ``e2echat relay`` starts it: real names, capabilities, acknowledgements, quotas and bounded queues."""

import shutil
import sys
from pathlib import Path
from typing import IO, TypeVar

from bench.relay.generator import LoadGenerator, Script, Template
from bench.relay.systems import System, envelope
from e2echat.crypto.relay_records import HelloRecord
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.address import RelayAddress
from e2echat.wire.schema import Message
from tests.helpers.relay_world import Account

_CLAIMANTS = 32
"""Connections that claim names side by side, so that they share transactions."""
Answer = TypeVar("Answer", bound=Message)


class Messages:
    """The messages that come on one connection, for its set-up script."""

    def __init__(self) -> None:
        self._decoder = frames.FrameDecoder()
        self._frames: list[tuple[int, bytes]] = []

    def next(self, kind: type[Answer], out: bytes = b"") -> Script[Answer]:
        """Send ``out`` and wait for the next message.

        Raises:
            TypeError: it is another one.
        """
        if out and self._frames:
            raise RuntimeError("the relay speaks out of turn")
        while not self._frames:
            self._frames += self._decoder.feed((yield out))
            out = b""
        message = messages.decode(self._frames.pop(0)[1])
        if not isinstance(message, kind):
            raise TypeError(f"the relay says {message}")
        return message


class Relay(System):
    """Without TLS."""

    name = "e2echat"
    protocol = "e2echat"
    settles = True
    limits: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.accounts: list[Account] = []
        self.address = RelayAddress(bytes(32), "127.0.0.1", 0)

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.directory / "relay"

    def command(self) -> list[str]:
        chosen = [word for limit in self.limits for word in ("--limit", limit)]
        plain = [] if self.tls else ["--no-tls"]
        return [
            sys.executable,
            "-m",
            "e2echat",
            "relay",
            "--listen",
            "127.0.0.1:0",
            "--data",
            str(self.data),
            *plain,
            *chosen,
        ]

    def started(self, output: IO[str]) -> None:
        self.address = RelayAddress.parse(output.readline().strip())
        self.port = self.address.port

    def provide(self, mailboxes: int) -> None:
        first = len(self.accounts)
        new = [Account(f"bench-{index}", self.address.key) for index in range(first, mailboxes)]
        if not new:
            return
        with LoadGenerator(self.protocol, self.port, tls=self.tls) as generator:
            claimants = generator.connect(min(_CLAIMANTS, len(new)))
            shares = {number: new[index :: len(claimants)] for index, number in enumerate(claimants)}
            generator.play({number: self._claim(generator, share) for number, share in shares.items()})
        self.accounts += new

    def _greeted(self, generator: LoadGenerator, heard: Messages) -> Script[HelloRecord]:
        hello = yield from heard.next(messages.Hello)
        return HelloRecord.parse(hello.record, self.address.key, generator.certificate_hash)

    def _claim(self, generator: LoadGenerator, accounts: list[Account]) -> Script[None]:
        heard = Messages()
        yield from self._greeted(generator, heard)
        for account in accounts:
            yield from heard.next(messages.Done, messages.encode(account.claim()))

    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        heard = Messages()
        hello = yield from self._greeted(generator, heard)
        authenticate = self.accounts[index].authenticate(hello)
        yield from heard.next(messages.Welcome, messages.encode(authenticate))

    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        heard = Messages()
        yield from self._greeted(generator, heard)
        channels = []
        for target in targets:
            account = self.accounts[target]
            fetch = messages.Fetch(1, account.name, prekeys=False)
            bundle = yield from heard.next(messages.Bundle, messages.encode(fetch))
            open_it = messages.Open(2, bundle.mailbox, account.capability, repeat=False)
            opened = yield from heard.next(messages.Opened, messages.encode(open_it))
            channels.append(opened.channel)
        return channels

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del target
        return envelope(handle, payload)


class Resumed(Relay):
    """A relay that begins with a copy of another's data directory, and knows its accounts."""

    def __init__(self, data: Path, accounts: list[Account]) -> None:
        super().__init__()
        self._data = data
        self.accounts = list(accounts)

    def command(self) -> list[str]:
        shutil.copytree(self._data, self.data)
        return super().command()


class TlsRelay(Relay):
    """With its own TLS 1.3."""

    name = "e2echat, TLS"
    tls = True


ROOMY = ("mailbox_envelopes=1000000", f"mailbox_bytes={64 << 30}")
"""Room for as many envelopes a mailbox as a run leaves there; nothing else is changed."""


class RoomyRelay(Relay):
    """The relay with that room."""

    limits = ROOMY


class RoomyTlsRelay(TlsRelay):
    """The same under TLS."""

    limits = ROOMY
