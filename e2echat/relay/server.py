"""A whole relay in this process: an acceptor, an I/O thread and a storage thread around the switchboard."""

import contextlib
import logging
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2echat.core_dumps import forbid_core_dumps
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.relay_records import NO_CERTIFICATE
from e2echat.errors import InvalidAddressError
from e2echat.relay.asking import ask
from e2echat.relay.datadir import DataDirectory
from e2echat.relay.identity import RelayIdentity
from e2echat.relay.limits import Limits
from e2echat.relay.listening import (
    Acceptor,
    default_route_host,
    is_loopback,
    is_wildcard,
    listen,
    split_host_port,
)
from e2echat.relay.local import SOCKET_FILE, OperatorSocket
from e2echat.relay.metrics import MetricsServer
from e2echat.relay.opening import ADDRESS_FILE, open_board
from e2echat.relay.operating import Reply, perform
from e2echat.relay.reactor import Reactor
from e2echat.relay.recorder import Recorder
from e2echat.relay.storage import StorageThread
from e2echat.relay.switchboard import Switchboard
from e2echat.relay.tls import server_context
from e2echat.relay.tokens import Registration
from e2echat.wire.address import RelayAddress

_log = logging.getLogger(__name__)
_SPARE_DESCRIPTORS = 64
"""For the database, other listeners, and connections that are on their way in."""


class Relay:
    """One relay. ``start`` once, ``stop`` once."""

    def __init__(  # noqa: PLR0913 - each is a choice of its own, by name
        self,
        data: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        public: str | None = None,
        tls: bool = True,
        registration: Registration = Registration.OPEN,
        record: Path | None = None,
        limits: Limits | None = None,
        metrics: tuple[str, int] | None = None,
    ) -> None:
        """Nothing happens before ``start``.

        Args:
            data: the data directory, made if need be.
            host: name or IP address to listen on.
            port: 0 picks one.
            public: what the address is to say, ``HOST`` or ``HOST:PORT``.
            tls: may be false on loopback addresses only.
            registration: who may claim a name.
            record: a file for everything that the relay sees.
            limits: other than the defaults.
            metrics: host and port to serve metrics and health on, over plain HTTP.
        """
        self._data = data
        self._listen_on = (host, port)
        self._public = public
        self._tls = tls
        self._registration = registration
        self._record = record
        self._limits = limits or Limits()
        self._metrics = metrics
        self.metrics_port = 0
        """Where metrics are served, after ``start``."""
        self._randomness = SystemRandomness()
        self._cleanup = contextlib.ExitStack()
        self._ended = threading.Event()
        self._address: RelayAddress | None = None
        self._wildcard = False

    @property
    def address(self) -> RelayAddress:
        """What clients are given. After ``start``."""
        if self._address is None:
            raise RuntimeError("the relay has not started")
        return self._address

    @property
    def guessed(self) -> bool:
        """Whether the address names the default route's interface, for want of anything better."""
        return self._wildcard and self._public is None

    def start(self) -> None:
        """Listen and serve, on threads of its own.

        Raises:
            RelayDataError: the data directory cannot be used.
            StorageError: the database cannot be used.
            ListenError: the relay cannot listen there.
            InvalidAddressError: it would listen without TLS where others can reach it, or ``public`` is none.
        """
        forbid_core_dumps()
        with contextlib.ExitStack() as cleanup:
            self._start(cleanup)
            self._cleanup = cleanup.pop_all()

    def _start(self, cleanup: contextlib.ExitStack) -> None:
        directory = DataDirectory.open(self._data)
        cleanup.callback(directory.close)
        identity = RelayIdentity.load_or_create(directory, self._randomness)
        opened = open_board(directory, identity.key, self._limits, self._randomness, self._registration)
        cleanup.callback(opened.database.close)
        recorder = Recorder(self._record) if self._record else None
        if recorder:
            cleanup.callback(recorder.close)
        listener = listen(*self._listen_on)
        cleanup.callback(listener.close)
        host, port = listener.getsockname()[:2]
        if not self._tls and not is_loopback(host):
            raise InvalidAddressError("without TLS a relay listens on loopback addresses only")
        self._name(identity.key.public, host, port)
        name = str(self.address).encode()
        if directory.read(ADDRESS_FILE) != name:
            directory.write(ADDRESS_FILE, name)
        reactor = self._reactor(opened.board, identity, recorder)
        descriptors = _raise_descriptor_limit()
        if descriptors < self._limits.connections + _SPARE_DESCRIPTORS:
            _log.warning(
                "fewer file descriptors than connections: the last ones will wait",
                extra={"fields": {"descriptors": descriptors, "connections": self._limits.connections}},
            )
        cleanup.callback(reactor.close)
        operator = OperatorSocket(directory.path / SOCKET_FILE, self._answering(opened.board, reactor))
        metrics = self._metrics_server(opened.board, reactor, cleanup) if self._metrics else None
        counters = opened.board.counters
        storage = StorageThread(opened.mailboxes, opened.accounts, reactor.report, counters)
        acceptor = Acceptor(listener, reactor.wake)
        io = threading.Thread(target=self._run, args=(reactor, acceptor, storage), name="relay-io")
        # Undone from the last to the first: stop accepting, drain, end the storage, close all.
        cleanup.callback(storage.stop)
        cleanup.callback(io.join)
        cleanup.callback(reactor.stop)
        cleanup.callback(acceptor.stop)
        cleanup.callback(operator.stop)
        storage.start()
        io.start()
        acceptor.start()
        operator.start()
        if metrics:
            cleanup.callback(metrics.stop)
            metrics.start()

    def _reactor(self, board: Switchboard, identity: RelayIdentity, recorder: Recorder | None) -> Reactor:
        if not self._tls:
            return Reactor(board, self._limits, None, NO_CERTIFICATE, recorder)
        context = server_context(identity.certificate)
        return Reactor(board, self._limits, context, identity.certificate_hash, recorder)

    def _metrics_server(
        self, board: Switchboard, reactor: Reactor, cleanup: contextlib.ExitStack
    ) -> MetricsServer:
        def measured(answer: Callable[[str], None]) -> None:
            answer(board.counters.exposition(board.gauges()))

        def metrics() -> tuple[bool, str]:
            text = ask(reactor.post, measured)
            return text is not None, text or "no answer in time\n"

        def health() -> tuple[bool, str]:
            durable = ask(reactor.post, board.admin.save_clock)
            words = {True: "ok", False: "the disk takes nothing", None: "no answer in time"}
            return durable is True, f"{words[durable]}\n"

        listener = listen(*(self._metrics or ("", 0)))
        cleanup.callback(listener.close)
        self.metrics_port = listener.getsockname()[1]
        return MetricsServer(listener, {"/metrics": metrics, "/healthz": health})

    def _answering(self, board: Switchboard, reactor: Reactor) -> Callable[[Any], Reply]:
        """What the operator's socket calls."""

        def answer(request: Any) -> Reply:  # noqa: ANN401 - whatever JSON it is
            def question(reply: Callable[[Reply], None]) -> None:
                perform(board, self.address, request, reply)

            return ask(reactor.post, question) or {"refused": "STOPPING"}

        return answer

    def _run(self, reactor: Reactor, acceptor: Acceptor, storage: StorageThread) -> None:
        try:
            reactor.run(acceptor, storage)
        finally:
            self._ended.set()

    def _name(self, key: bytes, host: str, port: int) -> None:
        self._wildcard = is_wildcard(host)
        if self._public:
            host, port = split_host_port(self._public, port)
        elif self._wildcard:
            host = default_route_host()
        self._address = RelayAddress(key, host.lower(), port)

    def require_running(self) -> None:
        """Check that the relay still serves.

        Raises:
            RuntimeError: a thread of it has died; its own traceback says why.
        """
        if self._ended.is_set():
            raise RuntimeError("the relay has died")

    def stop(self) -> None:
        """Accept nothing more, make durable what is under way, tell its senders, end."""
        self._cleanup.close()


def _raise_descriptor_limit() -> int:
    """Every connection is a descriptor, and the soft limit is often 1,024; gives what it is now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else sys.maxsize
