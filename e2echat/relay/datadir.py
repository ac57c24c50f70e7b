"""The relay's data directory: 0700, files 0600 from the first instant whatever the umask, one relay at a time."""

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import Self

from e2echat.errors import RelayDataError

_CREATE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class DataDirectory:
    """An open data directory, locked until ``close``."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open it, made if need be.

        Raises:
            RelayDataError: it cannot be made or written, is no directory, is somebody else's, or is in use.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
            found = path.lstat()
        except OSError as error:
            raise RelayDataError(f"{path} cannot be made: {error.strerror}") from error
        if not stat.S_ISDIR(found.st_mode):
            raise RelayDataError(f"{path} is not a directory; choose another with --data")
        if found.st_uid != os.geteuid():
            raise RelayDataError(f"{path} belongs to another user; choose another directory with --data")
        try:
            if stat.S_IMODE(found.st_mode) != 0o700:
                path.chmod(0o700)
            lock = os.open(path / "lock", _CREATE, 0o600)
        except OSError as error:
            raise RelayDataError(f"{path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise RelayDataError(f"another relay is using {path}") from error
        return cls(path, lock)

    def read(self, name: str) -> bytes | None:
        """The content of one of our files, or None if there is none. Modes that are too wide are mended.

        Raises:
            RelayDataError: it is a link, no file, somebody else's, or cannot be read.
        """
        try:
            descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RelayDataError(f"{self.path / name} cannot be read: {error.strerror}") from error
        try:
            self._require_ours(descriptor, name)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place whole, durably.

        Raises:
            RelayDataError: the disk does not take it.
        """
        path, scratch = self.path / name, self.path / f"{name}.new"
        try:
            scratch.unlink(missing_ok=True)
            descriptor = os.open(scratch, _CREATE | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            scratch.replace(path)
            self._sync()
        except OSError as error:
            raise RelayDataError(f"{path} cannot be written: {error.strerror}") from error

    def reserve(self, name: str) -> Path:
        """The path of a file that exists with our modes, for a library that opens it by name.

        Raises:
            RelayDataError: as ``read``.
        """
        path = self.path / name
        try:
            descriptor = os.open(path, _CREATE, 0o600)
        except OSError as error:
            raise RelayDataError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            self._require_ours(descriptor, name)
        finally:
            os.close(descriptor)
        return path

    def close(self) -> None:
        """Unlock it."""
        os.close(self._lock)

    def _require_ours(self, descriptor: int, name: str) -> None:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise RelayDataError(f"{self.path / name} is not a file of this user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
