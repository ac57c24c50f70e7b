"""How other threads wake one that waits for sockets."""

import contextlib
import socket


class Wakeup:
    """A pair of sockets: one end is waited for, the other written to."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._receiver.fileno()

    def wake(self) -> None:
        """Make it ready. Any thread may call this."""
        with contextlib.suppress(BlockingIOError):  # former calls have not even been noticed yet
            self._sender.send(b"\0")

    def clear(self) -> None:
        """Make it wait again."""
        with contextlib.suppress(BlockingIOError):
            while self._receiver.recv(4096):
                pass

    def close(self) -> None:
        """Close both ends."""
        self._receiver.close()
        self._sender.close()
