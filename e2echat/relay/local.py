"""The operator's socket: a Unix socket in the data directory, which is 0700. Who can reach it could read the database, too."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2echat.errors import MalformedError, RelayDataError
from e2echat.relay.listening import Accepting
from e2echat.unix_sockets import listen_privately

SOCKET_FILE = "operator"
_PATIENCE = 5.0
"""Seconds for a request to arrive, and for its answer to be taken."""
_MOST = 4_096
"""Bytes of a request."""


class OperatorSocket:
    """Answers the operator, on a thread of its own, one request at a time."""

    def __init__(self, path: Path, answer: Callable[[Any], dict[str, Any]]) -> None:
        """Listen. What an earlier relay left at ``path`` is removed: the directory must be held.

        ``answer`` is called on the socket's thread, with whatever JSON came.

        Raises:
            RelayDataError: there can be no socket.
        """
        self._path = path
        self._answer = answer
        try:
            self._listener = listen_privately(path)
        except OSError as error:
            raise RelayDataError(f"{path} cannot be made: {error.strerror or error}") from error
        self._accepting = Accepting(self._listener)
        self._thread = threading.Thread(target=self._run, name="relay-operator")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and remove the socket."""
        self._accepting.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._accepting.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        for accepted in self._accepting.connections():
            with accepted, contextlib.suppress(OSError):
                try:
                    request = json.loads(read_until(accepted, b"\n", _MOST, _PATIENCE))
                except (MalformedError, ValueError, RecursionError):
                    continue
                accepted.settimeout(_PATIENCE)
                accepted.sendall(json.dumps(self._answer(request)).encode() + b"\n")


def read_until(connected: socket.socket, end: bytes, most: int, patience: float) -> bytes:
    """What a connection says up to ``end``.

    Raises:
        MalformedError: it says more than ``most`` bytes, takes too long, or stops before.
    """
    data, deadline = b"", time.monotonic() + patience
    while end not in data:
        left = deadline - time.monotonic()
        if left <= 0 or len(data) > most:
            raise MalformedError("too long")
        connected.settimeout(left)
        try:
            more = connected.recv(most)
        except OSError as error:
            raise MalformedError("nothing more came") from error
        if not more:
            raise MalformedError("cut off")
        data += more
    return data.partition(end)[0]
