"""``/metrics`` and ``/healthz`` over plain HTTP, on a thread of its own, one short request at a time."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping

from e2echat.errors import MalformedError
from e2echat.relay.listening import Accepting
from e2echat.relay.local import read_until

_PATIENCE = 2.0
"""Seconds for a request to arrive, and for its answer to be taken."""
_MOST = 8_192
"""Bytes of a request."""
_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Page = Callable[[], tuple[bool, str]]
"""Whether all is well, and the text."""


class MetricsServer:
    """Serves pages to whoever can connect: they name nobody."""

    def __init__(self, listener: socket.socket, pages: Mapping[str, Page]) -> None:
        """``pages`` by path; each is called on the server's thread."""
        self._accepting = Accepting(listener)
        self._pages = pages
        self._thread = threading.Thread(target=self._run, name="relay-metrics")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the listening socket."""
        self._accepting.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._accepting.close()

    def _run(self) -> None:
        for accepted in self._accepting.connections():
            with accepted, contextlib.suppress(OSError, MalformedError):
                request = read_until(accepted, b"\r\n\r\n", _MOST, _PATIENCE)
                accepted.settimeout(_PATIENCE)
                accepted.sendall(self._answer(request))
                accepted.shutdown(socket.SHUT_WR)

    def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b"\r\n")[0].partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        page = self._pages.get(path)
        if method != b"GET":
            status, text = "405 Method Not Allowed", "GET only\n"
        elif page is None:
            status, text = "404 Not Found", "".join(f"{each}\n" for each in self._pages)
        else:
            well, text = page()
            status = "200 OK" if well else "503 Service Unavailable"
        body = text.encode()
        head = f"HTTP/1.0 {status}\r\nContent-Type: {_TEXT}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body
