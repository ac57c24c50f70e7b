"""A file that tells whoever keeps what opens a profile that it was locked since. docs/spec/storage.md, "Locking"."""

import os
from pathlib import Path

from e2echat.errors import StorageError
from e2echat.store.private_files import disk_errors, open_private, read_private

_SIZE = 16
"""Bytes."""


class LockMark:
    """The file at ``path``, which may not be there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def value(self) -> bytes:
        """Another one each time that it was renewed.

        Raises:
            UnsafeProfileError, StorageError: it is a link or another user's; or the disk does not give it.
        """
        try:
            return read_private(self._path, _SIZE)
        except StorageError:
            if os.path.lexists(self._path):
                raise
            return b""

    def renew(self) -> None:
        """Have whoever keeps what opens the vault forget it before using it again. Raises as ``value``, if the disk does not take it."""
        with disk_errors(self._path):
            descriptor = open_private(self._path, os.O_WRONLY | os.O_CREAT)
            try:
                os.pwrite(descriptor, os.urandom(_SIZE), 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
