"""How other threads wake one that waits for sockets."""

import contextlib
import os

_AT_ONCE = 4096


class Wakeup:
    """A pipe: one end is waited for, the other written to."""

    def __init__(self) -> None:
        receiver, sender = os.pipe()
        # Unbuffered files rather than numbers: a closed one is no other thread's file meanwhile.
        self._receiver = os.fdopen(receiver, "rb", buffering=0)
        self._sender = os.fdopen(sender, "wb", buffering=0)
        os.set_blocking(receiver, False)
        os.set_blocking(sender, False)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._receiver.fileno()

    def wake(self) -> None:
        """Make it ready, if it is not closed. Any thread may call this."""
        with contextlib.suppress(ValueError):
            # A full pipe takes nothing, and is ready as it is.
            self._sender.write(b"\0")

    def clear(self) -> None:
        """Make it wait again; what one read leaves makes it ready once more."""
        self._receiver.read(_AT_ONCE)

    def close(self) -> None:
        """Close both ends."""
        self._sender.close()
        self._receiver.close()
