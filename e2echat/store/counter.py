"""Noticing an older copy of the database: a count in it, and the same in a file beside it that is never behind a life of its own.

docs/spec/storage.md, "Older copies". A copy of the whole directory takes the file along, but not what the file system knows it by.
"""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from e2echat.crypto.primitives import Randomness
from e2echat.store.private_files import disk_errors, open_private

_INSTANCE = 16
_SIZE = _INSTANCE + 8
"""Bytes of the file: the instance's id, and a u64."""
MOST_COPIES = 3
"""Copies noticed by their file alone: a file system that numbers files anew at every mount raises no more false alarms."""
_GENERATION = 0x80087601
"""Linux, FS_IOC_GETVERSION: tells a file from a former one that had its number."""


class Values(Protocol):
    """Where the count is kept in the database."""

    def own(self, key: str) -> bytes | None:
        """A value of the account's own."""

    def set_own(self, key: str, value: bytes) -> None:
        """Set one."""


class WriteCounter:
    """Counts the transactions of one profile that changed something. The caller holds the profile's lock."""

    def __init__(self, path: Path, values: Values) -> None:
        """Read both counts.

        Raises:
            UnsafeProfileError: the file is a link, another user's, or no file.
            StorageError: the disk does not give it.
        """
        self._path = path
        self._values = values
        with disk_errors(path):
            self._descriptor: int | None = open_private(path, os.O_RDWR | os.O_CREAT)
            self._file = _file_of(self._descriptor)
            mirrored = os.pread(self._descriptor, _SIZE + 1, 0)
        kept = values.own("write_count") or b""
        self._instance, self._count = kept[:_INSTANCE], int.from_bytes(kept[_INSTANCE:])
        self._next = self._count
        self._beyond = max(self._count, int.from_bytes(mirrored[_INSTANCE:_SIZE]))
        self.is_new = not kept
        """Whether the database has not been counted before."""
        self.is_older = bool(kept) and (
            len(mirrored) != _SIZE or mirrored[:_INSTANCE] != self._instance or self._beyond > self._count
        )
        """Whether the database is behind the file, which would be missing if the database had been put elsewhere."""
        known = values.own("counter_file") or b""
        self.is_elsewhere = not _same(known[:16], self._file)
        """Whether ``stay`` was not called with this very file."""
        self._copies = known[16] if known else 0
        if kept and known and self.is_elsewhere and self._copies < MOST_COPIES and not self.is_older:
            self.is_older = True
            self._copies += 1

    def begin(self, randomness: Randomness) -> None:
        """Begin a life of its own, inside a transaction: whatever was there before counts as older from then on."""
        self._instance = randomness.octets(_INSTANCE)
        self._count = self._beyond
        self.advance()

    def stay(self) -> None:
        """From now on the file is the one that it is now, inside a transaction."""
        self._values.set_own("counter_file", self._file + bytes([self._copies]))

    def advance(self) -> None:
        """One more, at the end of a transaction that changed something."""
        self._next = self._count + 1
        self._values.set_own("write_count", self._instance + self._next.to_bytes(8))

    def mirror(self) -> None:
        """The transaction of the last ``advance`` is durable. Not before: a file that is ahead is an alarm."""
        self._count = self._next
        if self._descriptor is not None:
            # A file that is behind notices less, and that is all; the transaction has happened.
            with suppress(OSError):
                os.pwrite(self._descriptor, self._instance + self._count.to_bytes(8), 0)

    def close(self) -> None:
        """Let go of the file. Again does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _file_of(descriptor: int) -> bytes:
    """What the file system knows a file by, and gives no other: its number, and its generation or 0, u64 each."""
    generation = bytes(8)
    if sys.platform == "linux":
        with suppress(OSError):  # many file systems do not say
            generation = fcntl.ioctl(descriptor, _GENERATION, generation)
    return os.fstat(descriptor).st_ino.to_bytes(8) + generation


def _same(known: bytes, found: bytes) -> bool:
    """Whether it is the same file, as far as both know."""
    unknown = bytes(8)
    return known[:8] == found[:8] and (known[8:] == found[8:] or unknown in (known[8:], found[8:]))
