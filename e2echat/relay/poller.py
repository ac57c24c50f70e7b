"""Which sockets are ready: ``epoll`` where the system has it, ``poll`` where not. One interface, one set of numbers."""

import math
import select
from typing import Protocol

READ, WRITE = select.POLLIN, select.POLLOUT
"""The same numbers for ``epoll``, which also says errors and hang-ups, asked or not."""


class Poller(Protocol):
    """What ``select.epoll`` has."""

    def register(self, fd: int, eventmask: int) -> None:
        """Watch a descriptor."""

    def modify(self, fd: int, eventmask: int) -> None:
        """Watch it for something else."""

    def unregister(self, fd: int) -> None:
        """Watch it no more."""

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Descriptors with what they are ready for; waits ``timeout`` seconds at most."""

    def close(self) -> None:
        """Give back what it holds."""


class PlainPoller:
    """``select.poll`` with the interface of ``select.epoll``: work for every descriptor at every call."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register, self.modify, self.unregister = (
            self._poll.register,
            self._poll.modify,
            self._poll.unregister,
        )

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """See ``Poller``."""
        return self._poll.poll(math.ceil(timeout * 1000))

    def close(self) -> None:
        """See ``Poller``."""


def make_poller() -> Poller:
    """The best that there is."""
    return select.epoll() if hasattr(select, "epoll") else PlainPoller()
