"""An account's directory on disk: 0700 with files of 0600, from their first instant and whatever the umask.

docs/spec/storage.md, "The profile". What the account's own user got wrong is mended; what another user could
have planted is refused.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from e2echat.errors import (
    NoProfileError,
    ProfileBusyError,
    ProfileExistsError,
    UnsafeProfileError,
)
from e2echat.store.lock_mark import LockMark
from e2echat.store.private_files import (
    PRIVATE_FILE,
    destroy_secret,
    disk_errors,
    open_private,
    sync_directory,
    unfinished,
)

LOCK_WAIT = 5.0
"""Seconds that a second process waits for the first."""
_POLL = 0.05
_SOCKET = "agent.sock"
_FILES = (
    *("vault", "vault.new", "lock", "locked", "counter", _SOCKET),
    *("snapshot", "snapshot-wal", "snapshot-shm", "snapshot-journal"),
    *("database", "database-wal", "database-shm", "database-journal", "database.old", "database.old.new"),
)
_PRIVATE_DIRECTORY = 0o700


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
        self.socket = home / _SOCKET
        self.counter = home / "counter"
        self.snapshot = home / "snapshot"
        self._lock = home / "lock"
        self.mark = LockMark(home / "locked")
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
        with disk_errors(profile.home):
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
        with disk_errors(profile.home):
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
        with disk_errors(self.home):
            lock = ProfileLock(self._acquire(clock() + wait, clock, sleep))
            try:
                self._sweep()
            except BaseException:
                lock.release()
                raise
        return lock

    @property
    def holder(self) -> str | None:
        """The process that holds the lock, by its number as far as it is known; None if none does. Waits for nothing.

        Raises:
            StorageError, UnsafeProfileError: the disk does not say.
        """
        with disk_errors(self._lock):
            try:
                descriptor = open_private(self._lock, os.O_RDONLY)
            except FileNotFoundError:
                return None
            try:
                # Shared and for an instant: whoever is about to take it tries again.
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(descriptor)
            finally:
                os.close(descriptor)
        return None

    @property
    def exists(self) -> bool:
        """Whether it was not removed meanwhile."""
        return os.path.lexists(self.vault)

    @property
    def has_files(self) -> bool:
        """Whether any file of e2echat's is left."""
        return any(os.path.lexists(self.home / name) for name in _FILES)

    def remove(self) -> None:
        """Undo ``create``, and nothing that it did not do: call it with the lock held, or never acquired.

        Raises:
            StorageError: the disk does not let go.
        """
        if self._ours is None:
            raise ValueError("only a profile that was just created can be undone")
        with disk_errors(self.home):
            if not self._unclaimed:
                for name in _FILES:
                    (self.home / name).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: somebody else's files
                for directory in reversed(self._ours):
                    directory.rmdir()

    def delete(self) -> None:
        """Remove the profile, with the lock held: the vault first and overwritten, then the rest, the lock last; others' files stay.

        Raises:
            StorageError, UnsafeProfileError: the disk does not let go; what opens the rest may be gone.
        """
        destroy_secret(self.vault)
        with disk_errors(self.home):
            for name in sorted(_FILES, key=self._lock.name.__eq__):
                (self.home / name).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: somebody else's files
                self.home.rmdir()

    def _acquire(self, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
        while True:
            try:
                descriptor = open_private(self._lock, os.O_RDWR | os.O_CREAT)
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
        for path in (self.vault, copy_while_upgrading(self.database)):
            unfinished(path).unlink(missing_ok=True)

    def _require_empty(self) -> None:
        """Nothing but what a killed creation may leave: the vault is written last."""
        names = {path.name for path in self.home.iterdir()}
        if self.vault.name in names:
            raise ProfileExistsError(str(ProfileExistsError.__doc__))
        if not names.issubset(_FILES):
            raise ProfileExistsError("the directory has other files in it; choose an empty one")

    def _mend(self) -> None:
        """Take from others what they may not have; refuse what they could have put there."""
        for flaw in flaws(self.home):
            if flaw.right_mode is None:
                raise UnsafeProfileError(f"{flaw.path} is a link or another user's")
            flaw.path.chmod(flaw.right_mode)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something of a profile that is not as it should be. ``right_mode``: what mends it; None where its owner or kind is wrong."""

    path: Path
    mode: int
    right_mode: int | None


def flaws(home: Path) -> Iterator[Flaw]:
    """What is wrong with the owners, kinds and modes of a profile's directory and files. Changes nothing.

    Raises:
        OSError: the disk does not say.
    """
    for name in ("", *_FILES):
        path = home / name
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        fits = stat.S_ISSOCK if name == _SOCKET else stat.S_ISREG if name else stat.S_ISDIR
        mode, right = stat.S_IMODE(found.st_mode), PRIVATE_FILE if name else _PRIVATE_DIRECTORY
        if found.st_uid != os.geteuid() or not fits(found.st_mode):
            yield Flaw(path, mode, None)
        elif mode != right:
            yield Flaw(path, mode, right)


def copy_while_upgrading(database: Path) -> Path:
    """Where a database's copy lies as long as its upgrade is not known to have succeeded."""
    return database.with_name(f"{database.name}.old")


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
                sync_directory(path.parent)
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


def _same_file(descriptor: int, path: Path) -> bool:
    """Whether the file was not removed, or replaced, while we waited for it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace")
    return text if text.isdecimal() else "of unknown number"
