"""An account's directory on disk: 0700 with files of 0600, from their first instant and whatever the umask.

docs/spec/storage.md, "The profile". What the account's own user got wrong is mended; what another user could
have planted is refused.
"""

import fcntl
import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from e2echat.errors import (
    NoProfileError,
    ProfileBusyError,
    ProfileExistsError,
    StorageError,
    UnsafeProfileError,
)

LOCK_WAIT = 5.0
"""Seconds that a second process waits for the first."""
_POLL = 0.05
_FILES = ("vault", "vault.new", "lock", "database", "database-wal", "database-shm", "database-journal")
_PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600


class ProfileLock:
    """Held by the one process that uses a profile; gone with the process however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let the next one in. Again does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class Profile:
    """An account's directory. Everything in it but ``downloads`` is used under ``lock``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.vault = home / "vault"
        self.database = home / "database"
        self.downloads = home / "downloads"
        self._lock = home / "lock"
        self._unclaimed = False
        """``create`` made it and ``lock`` has not been held yet."""
        self._ours: list[Path] | None = None
        """The directories to remove again; None unless this object may undo a creation."""

    @classmethod
    def create(cls, home: Path) -> Self:
        """Make the directory of a new account; it is this process's own once ``lock`` is held.

        Raises:
            ProfileExistsError: there is an account already, or files that are not e2echat's.
            UnsafeProfileError: the directory is somebody else's, or a link.
            StorageError: a file is in its place, or the disk does not take it.
        """
        profile = cls(Path(os.path.abspath(home)))  # noqa: PTH100 - resolve() would follow links
        with _disk_errors(profile.home):
            profile._ours = _make_directories(profile.home)
            profile._unclaimed = True
            _check_directory(profile.home)
            profile._require_empty()
            profile._mend()
        return profile

    @classmethod
    def open(cls, home: Path) -> Self:
        """The directory of an account, its modes mended.

        Raises:
            NoProfileError: there is none.
            UnsafeProfileError: the directory or a file is somebody else's, or a link.
            StorageError: a file is in its place, or the disk does not give it.
        """
        profile = cls(Path(os.path.abspath(home)))  # noqa: PTH100 - resolve() would follow links
        with _disk_errors(profile.home):
            try:
                _check_directory(profile.home)
                profile.vault.lstat()
            except FileNotFoundError as error:
                raise NoProfileError(str(NoProfileError.__doc__)) from error
            profile._mend()
        return profile

    def lock(
        self,
        wait: float = LOCK_WAIT,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> ProfileLock:
        """Become the one process that uses this profile, and sweep up what a killed one left half done.

        Raises:
            ProfileBusyError: another process still holds it after ``wait`` seconds.
            ProfileExistsError: after ``create``: somebody else was faster.
            NoProfileError: it was removed meanwhile.
        """
        with _disk_errors(self.home):
            lock = ProfileLock(self._acquire(clock() + wait, clock, sleep))
            try:
                self._sweep()
            except BaseException:
                lock.release()
                raise
        return lock

    def remove(self) -> None:
        """Undo ``create``, and nothing that it did not do: call it with the lock held, or never acquired.

        Raises:
            StorageError: the disk does not let go.
        """
        if self._ours is None:
            raise ValueError("only a profile that was just created can be undone")
        with _disk_errors(self.home):
            if not self._unclaimed:
                for name in _FILES:
                    (self.home / name).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: somebody else's files
                for directory in reversed(self._ours):
                    directory.rmdir()

    def _acquire(self, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
        while True:
            try:
                descriptor = _open_private(self._lock, os.O_RDWR | os.O_CREAT)
            except FileNotFoundError as error:
                raise NoProfileError("the profile was removed meanwhile") from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(descriptor, self._lock):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                    return descriptor
            except BlockingIOError as error:
                if clock() >= deadline:
                    holder = _holder(descriptor)
                    os.close(descriptor)
                    raise ProfileBusyError(f"process {holder} holds this profile") from error
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            sleep(_POLL)

    def _sweep(self) -> None:
        if self._unclaimed:
            self._require_empty()
            for name in _FILES:
                if name != self._lock.name:
                    (self.home / name).unlink(missing_ok=True)
            self._unclaimed = False
        _new(self.vault).unlink(missing_ok=True)

    def _require_empty(self) -> None:
        """Nothing but what a killed creation may leave: the vault is written last."""
        names = {path.name for path in self.home.iterdir()}
        if self.vault.name in names:
            raise ProfileExistsError(str(ProfileExistsError.__doc__))
        if not names.issubset(_FILES):
            raise ProfileExistsError("the directory has other files in it; choose an empty one")

    def _mend(self) -> None:
        """Take from others what they may not have; refuse what they could have put there."""
        for name in ("", *_FILES):
            path = self.home / name
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            if found.st_uid != os.geteuid() or not (stat.S_ISREG(found.st_mode) or not name):
                raise UnsafeProfileError(f"{path} is a link or another user's")
            mode = _PRIVATE_FILE if name else _PRIVATE_DIRECTORY
            if stat.S_IMODE(found.st_mode) != mode:
                path.chmod(mode)


def write_private(path: Path, data: bytes) -> None:
    """Put ``data`` in place of the file ``path``: wholly and durably, or not at all. The caller holds the lock.

    Raises:
        StorageError: the disk did not take it; what was there is still there.
    """
    new = _new(path)
    with _disk_errors(path):
        try:
            new.unlink(missing_ok=True)
            descriptor = _open_private(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            new.replace(path)
            _sync_directory(path.parent)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def read_private(path: Path, limit: int) -> bytes:
    """What is in the file ``path``.

    Raises:
        UnsafeProfileError: it is a link, another user's, or no file.
        StorageError: it has more than ``limit`` bytes, or the disk does not give it.
    """
    with _disk_errors(path), os.fdopen(_open_private(path, os.O_RDONLY), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise StorageError(f"{path} is far too large")
    return data


def forbid_core_dumps() -> None:
    """Have a crash of this process leave nothing of its memory on the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _new(path: Path) -> Path:
    """Where a file is written before it takes its place: a fixed name, so that a killed process leaves one at most."""
    return path.with_name(f"{path.name}.new")


def _open_private(path: Path, flags: int) -> int:
    """A descriptor of the regular file ``path``, ours and 0600; O_NONBLOCK so that a planted pipe cannot hold us up."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _PRIVATE_FILE)
    except OSError as error:
        if path.is_symlink():
            raise UnsafeProfileError(f"{path} is a link") from error
        raise
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise UnsafeProfileError(f"{path} is no file, or another user's")
    os.fchmod(descriptor, _PRIVATE_FILE)
    return descriptor


def _make_directories(home: Path) -> list[Path]:
    """Make ``home`` and what is missing above it, all 0700; those that were made, outermost first."""
    missing = [path for path in (home, *home.parents) if not os.path.lexists(path)]
    made: list[Path] = []
    try:
        for path in reversed(missing):
            with suppress(FileExistsError):  # another process made it meanwhile
                path.mkdir(_PRIVATE_DIRECTORY)
                made.append(path)
                path.chmod(_PRIVATE_DIRECTORY)
                _sync_directory(path.parent)
    except BaseException:
        for path in reversed(made):
            path.rmdir()
        raise
    return made


def _check_directory(home: Path) -> None:
    found = home.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid():
        raise UnsafeProfileError(f"{home} is a link or another user's")
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _same_file(descriptor: int, path: Path) -> bool:
    """Whether the file was not removed, or replaced, while we waited for it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace")
    return text if text.isdecimal() else "of unknown number"


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except NotADirectoryError as error:
        raise StorageError(f"there is a file where the directory of {path} should be") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
