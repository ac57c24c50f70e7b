"""What every measured server has in common, and the C forwarder, which is the least of them."""

import re
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import IO, ClassVar, Self

from bench.relay.build import built
from bench.relay.generator import LoadGenerator, Order, Script, Template
from bench.relay.loads import Load
from bench.relay.results import Run
from e2echat.wire import frames

_COUNTER = 8
"""Bytes of an envelope id that change from one to the next."""


class System(ABC):
    """A server that runs, from ``with`` on, in a process of its own on loopback."""

    name: ClassVar[str]
    protocol: ClassVar[str]
    tls: ClassVar[bool] = False
    settles: ClassVar[bool] = False
    """Senders are told what became of each message."""
    chats_only: ClassVar[bool] = False
    """A variant that is of interest where people chat, and nowhere else."""

    def __init__(self) -> None:
        self.port = 0
        self.directory = Path()
        self.start_seconds = 0.0
        """From its process's start until it listens."""
        self._process: subprocess.Popen[str] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What to run."""

    @abstractmethod
    def started(self, output: IO[str]) -> None:
        """Wait until it listens. ``output`` is its standard output."""

    @abstractmethod
    def provide(self, mailboxes: int) -> None:
        """Make sure that there are as many recipients."""

    @abstractmethod
    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        """The set-up of recipient ``index``'s connection."""

    @abstractmethod
    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        """The set-up of a connection that sends to ``targets``; gives a handle for each."""

    @abstractmethod
    def template(self, target: int, handle: int, payload: bytes) -> Template:
        """A message to a recipient."""

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def memory(self) -> int:
        """Bytes of memory that are its own: of no file, and not the kernel's."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (kilobytes,) = re.findall(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kilobytes) * 1024

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="e2echat-bench-"))
        command = self.command()
        begun = time.monotonic()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        try:
            self.started(self._process.stdout)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.start_seconds = time.monotonic() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def end(self) -> None:
        """End the process, by its pid, and leave its directory."""
        assert self._process
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class Forwarder(System):
    """The limit: routing in C, with the relay's frames and acknowledgements and nothing else."""

    name = "C forwarder, same acks"
    protocol = "e2echat"
    settles = True

    def command(self) -> list[str]:
        return [str(built("forwarder"))]

    def started(self, output: IO[str]) -> None:
        self.port = int(output.readline())

    def provide(self, mailboxes: int) -> None:
        """It has no mailboxes, only connections."""

    def receiver(self, generator: LoadGenerator, index: int) -> Script[None]:
        del generator
        yield Struct(">III").pack(8, 0, index)

    def sender(self, generator: LoadGenerator, targets: list[int]) -> Script[list[int]]:
        del generator
        yield from ()
        return [frames.FIRST_CHANNEL + target for target in targets]

    def template(self, target: int, handle: int, payload: bytes) -> Template:
        del target
        return envelope(handle, payload)


def envelope(channel: int, payload: bytes) -> Template:
    """A submission whose id is counted up."""
    data = frames.submission(channel, b"bench..." + bytes(_COUNTER), payload)
    return Template(data, frames.CHANNEL_OVERHEAD - _COUNTER, _COUNTER, channel)


class Loaded:
    """A server with the connections of one load, idle until it is told to run."""

    def __init__(self, system: System, load: Load) -> None:
        self.system = system
        self.load = load
        system.provide(load.mailboxes)
        self.name = system.name
        self.generator = LoadGenerator(system.protocol, system.port, tls=system.tls)
        self._senders = self.generator.connect(load.senders)
        if load.online:
            # Some servers give names only as one signs in, so that senders come second.
            receivers = self.generator.connect(load.mailboxes)
            self.generator.play(
                {number: system.receiver(self.generator, index) for index, number in enumerate(receivers)}
            )
            for index, number in enumerate(receivers):
                self.generator.receives(number, -1 if load.rotating else self._senders[index])
        self._handles = self.generator.play(
            {
                number: system.sender(self.generator, load.targets(index))
                for index, number in enumerate(self._senders)
            }
        )

    def fill(self, size: int) -> None:
        """From now on a message's content has so many bytes."""
        for index, number in enumerate(self._senders):
            payload = (chr(ord("A") + index % 26) * size).encode()
            targets = zip(self.load.targets(index), self._handles[number], strict=True)
            self.generator.sends(number, [self.system.template(*each, payload) for each in targets])

    def run(self, warm_up: float, window: float) -> Run:
        """Put the server under load.

        Raises:
            RuntimeError: messages were refused or got lost, so that the figures mean nothing.
        """
        order = Order(
            in_flight=self.load.in_flight,
            until_settled=not self.load.online,
            settles=self.system.settles,
            acknowledge_after=self.load.acknowledge_after,
            warm_up=warm_up,
            window=window,
        )
        run = self.generator.run(order, [self.system.pid])
        if run.left or run.refused:
            raise RuntimeError(f"{self.system.name}, {self.load.name}: messages got lost: {run}")
        return run

    def close(self) -> None:
        self.generator.close()
