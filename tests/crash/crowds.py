"""Many connections to one relay process: idle ones while two people chat, and everybody's at once after a crash."""

import resource
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from tests.crash.relays import RelayProcess, running
from tests.helpers.relay_sockets import SocketClient, client_context
from tests.helpers.relay_world import Account, submissions

FLAGS = ("--registration", "open", "--limit", "connections=20000")
TRIES = 5


@contextmanager
def descriptors() -> Iterator[int]:
    """As many as this process may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        yield before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@dataclass(frozen=True)
class Crowded:
    """Milliseconds from a submission to its acknowledged settlement, and the relay's resident KiB, before and amid a crowd."""

    connections: int
    alone: float
    amid: float
    memory_alone: int
    memory_amid: int

    def __str__(self) -> str:
        each = (self.memory_amid - self.memory_alone) / self.connections
        return (
            f"{self.connections} idle connections: a message takes {self.amid:.2f} ms, alone {self.alone:.2f} ms; "
            f"{each:.1f} KiB a connection"
        )


class Chat:
    """Two connections, one of bob's own and one to him."""

    def __init__(self, relay: RelayProcess, context: ssl.SSLContext | None, closing: ExitStack) -> None:
        bob = Account("bob", relay.address.key)
        self.owner = closing.enter_context(SocketClient(relay, context))
        self.sender = closing.enter_context(SocketClient(relay, context))
        self.owner.ask(bob.claim(), messages.Done)
        mailbox = self.owner.ask(bob.authenticate(self.owner.hello), messages.Welcome).mailbox
        request = messages.Open(1, mailbox, bob.capability, False)
        self.channel = self.sender.ask(request, messages.Opened).channel
        self.count = 0

    def say(self, times: int) -> float:
        """Exchange so many, one by one; the median milliseconds of one."""
        took = []
        for _ in range(times):
            begun = time.perf_counter()
            self.sender.say(submissions(self.channel, [b"text"]))
            assert self.owner.envelope() == b"text"
            self.count += 1
            self.owner.say(frames.acknowledge(self.count))
            tag, body = self.sender.frame()
            assert (tag, frames.parse_channel_count(body)[1]) == (frames.Tag.ACCEPTED, self.count)
            took.append(time.perf_counter() - begun)
        return median(took) * 1_000


def _resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def crowd(data: Path, connections: int, *, tls: bool, times: int = 300) -> Crowded:
    """So many connections that do nothing, while two people chat."""
    context = client_context() if tls else None
    flags = FLAGS if tls else (*FLAGS, "--no-tls")
    with descriptors(), running(data, flags=flags) as relay, ExitStack() as closing:
        chat = Chat(relay, context, closing)
        alone, memory_alone = chat.say(times), _resident(relay.process.pid)
        for number in range(connections):
            closing.enter_context(SocketClient(relay, context))
            if not number % 100:
                chat.say(1)
        amid, memory_amid = chat.say(times), _resident(relay.process.pid)
    return Crowded(connections, alone, amid, memory_alone, memory_amid)


@dataclass(frozen=True)
class Storm:
    """What it took until everybody was signed in again."""

    clients: int
    seconds: float
    tries: int

    def __str__(self) -> str:
        return f"{self.clients} clients are signed in again after {self.seconds:.1f} s, with {self.tries} connections"


class Client(threading.Thread):
    """Somebody who comes back, and tries again if he is cut."""

    def __init__(self, relay: RelayProcess, account: Account, context: ssl.SSLContext) -> None:
        super().__init__(name=account.name)
        self._relay, self._account, self._context = relay, account, context
        self.tries = 0
        self.connection: SocketClient | None = None

    def run(self) -> None:
        while self.connection is None and self.tries < TRIES:
            self.tries += 1
            with suppress(OSError, EOFError):
                client = SocketClient(self._relay, self._context)
                try:
                    client.ask(self._account.authenticate(client.hello), messages.Welcome)
                except (OSError, EOFError):
                    client.socket.close()
                    raise
                self.connection = client


def storm(data: Path, number: int) -> Storm:
    """A relay with so many clients is killed and started again; all of them come at once."""
    context = client_context()
    with descriptors():
        with running(data, flags=FLAGS) as relay:
            key = relay.address.key
            accounts = [Account(f"user{each}", key) for each in range(number)]
            with ExitStack() as closing:
                for account in accounts:
                    client = closing.enter_context(SocketClient(relay, context))
                    client.ask(account.claim(), messages.Done)
                    client.ask(account.authenticate(client.hello), messages.Welcome)
                relay.end(signal.SIGKILL)
        with running(data, flags=FLAGS) as relay:
            clients = [Client(relay, account, context) for account in accounts]
            begun = time.monotonic()
            for thread in clients:
                thread.start()
            for thread in clients:
                thread.join()
            took = time.monotonic() - begun
            served = [thread.connection for thread in clients if thread.connection]
            for connection in served:
                connection.socket.close()
            assert len(served) == number
    return Storm(number, took, sum(thread.tries for thread in clients))
