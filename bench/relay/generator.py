"""The load generator's conductor: what happens once on a connection is said here, what happens a million times there."""

import json
import queue
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from bench.relay.build import built
from bench.relay.results import Run

T = TypeVar("T")
Script = Generator[bytes, bytes, T]
"""The set-up of one connection: yields what is to be sent, is given what came, returns what it found out."""

_HEAD = struct.Struct("<IB")
_PATIENCE = 120.0
"""Seconds; a run ends by itself long before."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message ready to be sent; ``counter_size`` bytes from ``counter_at`` on are a count."""

    data: bytes
    counter_at: int = 0
    counter_size: int = 0
    tag: int = 0
    """The channel, where counts of what is settled come back by channel."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run, measured for ``window`` seconds after ``warm_up`` seconds."""

    in_flight: int
    until_settled: bool = False
    """A message is in flight until the server has it; else until it has arrived."""
    settles: bool = False
    """Senders are told of each message that it is settled."""
    acknowledge_after: float = 0.0
    warm_up: float = 0.25
    window: float = 1.0

    def packed(self) -> bytes:
        return struct.pack(
            "<6I",
            self.in_flight,
            self.until_settled,
            self.settles,
            round(self.acknowledge_after * 1e6),
            round(self.warm_up * 1e3),
            round(self.window * 1e3),
        )


class LoadGenerator:
    """One process with its connections, all to one server on loopback."""

    def __init__(self, protocol: str, port: int, *, tls: bool = False) -> None:
        command = [str(built("generator")), protocol, str(port), *(["tls"] if tls else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._said: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._early: deque[bytes] = deque()
        """What came on connections before their set-up."""
        self.connections = 0
        self.certificate_hash = bytes(32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, by its pid."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def connect(self, count: int) -> range:
        """Make ``count`` more connections; gives their numbers."""
        self._command("C", struct.pack("<I", count))
        self.certificate_hash = self._await("c")
        new = range(self.connections, self.connections + count)
        self.connections = new.stop
        return new

    def tell(self, number: int, data: bytes) -> None:
        """Send something on a connection; an answer is left alone."""
        self._command("S", struct.pack("<I", number) + data)

    def play(self, scripts: Mapping[int, Script[T]]) -> dict[int, T]:
        """Run the set-up scripts of connections, all at once; gives what each returned."""
        found: dict[int, T] = {}
        waiting = dict(scripts)

        def step(number: int, data: bytes | None) -> None:
            script = waiting[number]
            try:
                out = next(script) if data is None else script.send(data)
            except StopIteration as done:
                found[number] = done.value
                del waiting[number]
                return
            if out:
                self.tell(number, out)

        for number in list(waiting):
            step(number, None)
        came, self._early = self._early, deque()
        while waiting:
            body = came.popleft() if came else self._await("D")
            (number,) = struct.unpack_from("<I", body)
            if number in waiting:
                step(number, body[4:])
            else:
                self._early.append(body)
        self._early += came
        return found

    def receives(self, number: int, source: int) -> None:
        """Say whose messages arrive at a connection; -1: the first byte of each tells, from ``A`` on."""
        self._command("P", struct.pack("<Ii", number, source))

    def sends(self, number: int, templates: list[Template]) -> None:
        """Say what a connection sends in turn. Templates that it had are replaced, one by one."""
        for index, each in enumerate(templates):
            head = struct.pack("<5I", number, index, each.counter_at, each.counter_size, each.tag)
            self._command("T", head + each.data)

    def run(self, order: Order, pids: list[int]) -> Run:
        """Put the connections under load. ``pids`` are the server's processes."""
        self._command("R", order.packed() + struct.pack(f"<{len(pids)}I", *pids))
        fields: dict[str, Any] = json.loads(self._await("r"))
        return Run(**fields)

    def _command(self, kind: str, body: bytes) -> None:
        assert self._process.stdin
        data = memoryview(_HEAD.pack(len(body), ord(kind)) + body)
        while data:
            data = data[self._process.stdin.write(data) :]

    def _await(self, kind: str) -> bytes:
        while (said := self._said.get(timeout=_PATIENCE)) is not None:
            if said[0] == kind:
                return said[1]
            if said[0] == "D":
                self._early.append(said[1])
        raise RuntimeError(f"the load generator has ended with {self._process.wait()}")

    def _read(self) -> None:
        assert self._process.stdout
        with open(self._process.stdout.fileno(), "rb", closefd=False) as output:
            while len(head := output.read(_HEAD.size)) == _HEAD.size:
                size, kind = _HEAD.unpack(head)
                self._said.put((chr(kind), output.read(size)))
        self._said.put(None)
