"""The owner's side of the profile's socket: other processes of the same user call the account's methods. docs/bots.md.

One thread owns the sockets and never waits for anything else; each call runs on a thread of its own, since many wait
long, and their number is bounded. Whoever does not read is cut.
"""

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from e2echat.client import bugs, rpc
from e2echat.client.backend import GoneError
from e2echat.client.methods import method_of, served_method, served_names
from e2echat.client.rpc import Lines, Request, RequestError
from e2echat.client.values import to_json
from e2echat.errors import E2EChatError, LocalError, MalformedError, ProfileBusyError, StorageError
from e2echat.unix_sockets import listen_privately, peer_of

MAX_CLIENTS = 64
MAX_CALLS = 16
"""Calls of one client at once."""
MAX_UNREAD = 4 << 20
"""Bytes of earlier answers that a client may leave unread when another is ready."""
BREATH = 0.05
"""Seconds until a connection is accepted again after the system had no room for one."""


class Consumer(Protocol):
    """The account as one client has it."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ``Backend``
        """See ``Backend``."""

    def close(self) -> None:
        """The client has gone; its calls end with GoneError."""


class Host(Protocol):
    """Whose methods an agent serves."""

    def consumer(self, *, connect: bool) -> Consumer:
        """The account for one more client; ``connect``: who needs the relay."""

    def bequest(self) -> str:
        """What opens the profile's vault, in hexadecimal."""

    def unlock(self, passphrase: str) -> None:
        """Open the profile if it is locked."""


class Client:
    """One connection. What is not behind ``lock`` is the agent's thread's own."""

    def __init__(self, connected: socket.socket, host: Host, lock: threading.Condition) -> None:
        self.socket = connected
        self.lines = Lines(rpc.MAX_LINE)
        self._host = host
        self._lock = lock
        # Behind it:
        self.unread = bytearray()
        self.calls = 0
        self.consumer: Consumer | None = None
        self.is_heir = False
        """It takes over when we end."""
        self.ending = False
        """No more is read; what is unread is still sent."""
        self.dropped = False

    def put(self, line: bytes) -> None:
        """An answer is ready. Under the lock."""
        if len(self.unread) > MAX_UNREAD:
            self.ending = True
            self.unread.clear()
        elif not self.ending:
            self.unread += line

    def hello(self, version: int, *, connect: bool = True, inherit: bool = False) -> dict[str, Any]:
        """Begin. See docs/bots.md."""
        if version != rpc.VERSION:
            raise LocalError(f"this e2echat speaks version {rpc.VERSION} of its interface")
        consumer = self._host.consumer(connect=connect)
        with self._lock:
            late = self.dropped or self.consumer is not None
            if not late:
                self.consumer, self.is_heir = consumer, inherit
        if late:
            consumer.close()
            raise RequestError("hello is said once", rpc.INVALID_REQUEST)
        told = {"version": rpc.VERSION, "process": os.getpid()}
        return told | ({"vault": self._host.bequest()} if inherit else {})

    def unlock(self, passphrase: str) -> None:
        """Open the profile if it is locked. See docs/bots.md."""
        self._host.unlock(passphrase)


BEFORE_HELLO: dict[str, Callable[..., Any]] = {"hello": Client.hello, "unlock": Client.unlock}
"""What is no method of the account."""


class Agent:
    """Serves a profile's socket until ``close``. ``host`` is called on the threads of calls."""

    def __init__(self, path: Path, host: Host) -> None:
        self._host = host
        self._path = path
        try:
            self._listener = listen_privately(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be made: {error.strerror or error}") from error
        self._listener.setblocking(False)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._lock = threading.Condition()
        self._calls = 0
        self._clients: dict[socket.socket, Client] = {}
        self._closed = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="e2echat-agent", daemon=True)
        self._thread.start()

    @property
    def has_heirs(self) -> bool:
        """Whether somebody is attached who will take over."""
        with self._lock:
            return any(client.is_heir for client in self._clients.values())

    def close(self) -> None:
        """Stop serving: no answer leaves after this. Calls end with the account."""
        with self._lock:
            self._closed = True
        self._wake()
        self._thread.join()

    def join(self) -> None:
        """Wait for calls to end; after ``close``, and once the account has been closed."""
        with self._lock:
            self._lock.wait_for(lambda: not self._calls)
        self._wake_in.close()
        self._wake_out.close()

    # --- the agent's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closed:
                for key, events in self._selector.select():
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj is self._wake_out:
                        with suppress(BlockingIOError):
                            self._wake_out.recv(4096)
                    elif key.fileobj in self._clients:
                        self._serve(self._clients[key.fileobj], events)
                self._look_after_clients()
        finally:
            self._path.unlink(missing_ok=True)
            self._listener.close()
            for client in list(self._clients.values()):
                self._drop(client)
            self._selector.close()

    def _accept(self) -> None:
        try:
            connected, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # too many files are open
            time.sleep(BREATH)
            return
        connected.setblocking(False)
        client = Client(connected, self._host, self._lock)
        refusal = None
        if peer_of(connected)[1] != os.geteuid():
            refusal = "this profile is another user's"
        elif len(self._clients) >= MAX_CLIENTS:
            refusal = f"{MAX_CLIENTS} processes use this profile already"
        if refusal is not None:
            with suppress(OSError), connected:
                connected.send(rpc.error_line(None, ProfileBusyError(refusal)))
            return
        with self._lock:
            self._clients[connected] = client
        self._selector.register(connected, selectors.EVENT_READ)

    def _serve(self, client: Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                data = client.socket.recv(1 << 16)
                if not data:
                    self._drop(client)
                    return
                for line in client.lines.feed(data):
                    self._take(client, line)
        except RequestError as error:
            with self._lock:
                client.put(rpc.error_line(error.request, error))
                client.ending = True
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)

    def _look_after_clients(self) -> None:
        """Send what is ready, and watch for what each connection is to be watched for."""
        for client in list(self._clients.values()):
            with self._lock:
                try:
                    if client.unread:
                        sent = client.socket.send(client.unread)
                        del client.unread[:sent]
                except BlockingIOError:
                    pass
                except OSError:
                    client.ending = True
                    client.unread.clear()
                over = client.ending and not client.unread
                wanted = 0 if client.ending else selectors.EVENT_READ
                wanted |= selectors.EVENT_WRITE if client.unread else 0
            if over:
                self._drop(client)
            elif self._selector.get_key(client.socket).events != wanted:
                self._selector.modify(client.socket, wanted)

    def _drop(self, client: Client) -> None:
        with self._lock:
            del self._clients[client.socket]
            client.dropped = True
            consumer = client.consumer
        self._selector.unregister(client.socket)
        client.socket.close()
        if consumer is not None:
            consumer.close()

    def _take(self, client: Client, line: bytes) -> None:
        """A line came: begin what it asks for, or say why not."""
        try:
            request = rpc.parse_request(line)
        except RequestError as error:
            with self._lock:
                client.put(rpc.error_line(error.request, error))
            return
        with self._lock:
            if request.method == "ping":
                client.put(rpc.result_line(request.id, "pong"))
                return
            if client.calls == MAX_CALLS:
                refusal = RequestError(f"at most {MAX_CALLS} calls at once", rpc.INVALID_REQUEST)
                client.put(rpc.error_line(request.id, refusal))
                return
            client.calls += 1
            self._calls += 1
        threading.Thread(
            target=self._run_call, args=(client, request), name="e2echat-call", daemon=True
        ).start()

    def _wake(self) -> None:
        # A full pipe wakes as well.
        with suppress(BlockingIOError):
            self._wake_in.send(b"\0")

    # --- the calls' threads ----------------------------------------------------------------------------------------

    def _run_call(self, client: Client, request: Request) -> None:
        line = self._answer(client, request)
        with self._lock:
            client.calls -= 1
            if line is not None and request.wanted:
                client.put(line)
            self._wake()
            self._calls -= 1
            self._lock.notify_all()

    def _answer(self, client: Client, request: Request) -> bytes | None:
        """None: nobody is there any more to be answered, or to be asked."""
        try:
            line = rpc.result_line(request.id, self._called(client, request))
        except GoneError:
            return None
        except E2EChatError as error:
            return rpc.error_line(request.id, error)
        except Exception as error:  # noqa: BLE001 - a bug is reported, and must not leave the caller without an answer
            bugs.report(error)
            return rpc.error_line(request.id, RequestError("internal error", rpc.INTERNAL_ERROR))
        if len(line) > rpc.MAX_ANSWER:
            return rpc.error_line(request.id, LocalError("the answer is too large; ask for less"))
        return line

    def _called(self, client: Client, request: Request) -> Any:  # noqa: ANN401 - what JSON can say
        name = request.method
        if name not in BEFORE_HELLO and name not in served_names():
            raise RequestError(f"there is no method {name}", rpc.METHOD_NOT_FOUND)
        method = method_of(BEFORE_HELLO[name]) if name in BEFORE_HELLO else served_method(name)
        try:
            arguments = method.arguments(request.params)
        except MalformedError as error:
            raise RequestError(str(error), rpc.INVALID_PARAMS) from error
        if name in BEFORE_HELLO:
            return BEFORE_HELLO[name](client, **arguments)
        if client.consumer is None:
            raise RequestError("the first call is hello", rpc.INVALID_REQUEST)
        return to_json(client.consumer.call(method.name, arguments))
