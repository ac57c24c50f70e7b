"""Noticing an older copy of the database: a count in it, and the same in a file beside it that is never behind a life of its own.

docs/spec/storage.md, "Older copies". A copy of the whole directory takes the file along, and is noticed by the peers only.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from e2echat.crypto.primitives import Randomness
from e2echat.store.private_files import disk_errors, open_private

_INSTANCE = 16
_SIZE = _INSTANCE + 8
"""Bytes of the file: the instance's id, and a u64."""


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

    def begin(self, randomness: Randomness) -> None:
        """Begin a life of its own, inside a transaction: whatever was there before counts as older from then on."""
        self._instance = randomness.octets(_INSTANCE)
        self._count = self._beyond
        self.advance()

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
