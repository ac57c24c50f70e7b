"""Unix sockets in private directories: 0600 from birth, under a path of any length, and who is at the other end."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_LONGEST_PATH = 100
"""Bytes; the system takes about 107."""
_CREDENTIALS = struct.Struct("3i")
"""Linux's ``struct ucred``: process, user, group."""


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for a socket's path that is short enough for the system."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def listen_privately(path: Path) -> socket.socket:
    """A socket that listens at ``path``, in place of what is there: call it with the directory's lock held.

    Raises:
        OSError: it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        # The file that ``bind`` makes takes its mode from the socket.
        os.fchmod(listener.fileno(), 0o600)
        with reachable(path) as name:
            listener.bind(name)
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def peer_of(connected: socket.socket) -> tuple[int, int]:
    """Process and user at the other end: those that connected, or that listen."""
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, user, _ = _CREDENTIALS.unpack(raw)
    return process, user
