"""An account's directory on disk: 0700 with files of 0600, from their first instant and whatever the umask.

docs/spec/storage.md, "The profile". What the account's own user got wrong is mended; what another user could
have planted is refused.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from e2echat.errors import (
    NoProfileError,
    ProfileBusyError,
    ProfileExistsError,
    UnsafeProfileError,
    VaultMissingError,
)
from e2echat.store.flaws import DATABASES, FILES, INCOMPLETE, SOCKET, flaws
from e2echat.store.lock_mark import LockMark
from e2echat.store.private_files import (
    destroy_secret,
    disk_errors,
    is_blank,
    make_directories,
    open_private,
    same_file,
    sync_directory,
    unfinished,
    write_private,
)

LOCK_WAIT = 5.0
"""Seconds that a second process waits for the first."""
_POLL = 0.05
_DELETED = "the account here was deleted; what is left of it opens no more, and is removed by: e2echat delete-account --local-only"


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
        self.socket = home / SOCKET
        self.counter = home / "counter"
        self.snapshot = home / "snapshot"
        self._lock = home / "lock"
        self.mark = LockMark(home / "locked")
        self._incomplete = home / INCOMPLETE
        self._unclaimed = False
        """``create`` made it and ``lock`` has not been held yet."""
        self._ours: list[Path] | None = None
        """The directories to remove again; None unless this object may undo a creation."""

    @classmethod
    def create(cls, home: Path) -> Self:
        """Make the directory of a new account; it is this process's own once ``lock`` is held.

        Raises:
            ProfileExistsError: there is an account already, or files that are not e2echat's.
            VaultMissingError: there is somebody's database, without what opens it.
            UnsafeProfileError: the directory is somebody else's, or a link.
            StorageError: a file is in its place, or the disk does not take it.
        """
        profile = cls(Path(os.path.abspath(home)))  # noqa: PTH100 - resolve() would follow links
        with disk_errors(profile.home):
            profile._ours = make_directories(profile.home)
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
            VaultMissingError: there is its database, without what opens it.
            UnsafeProfileError: the directory or a file is somebody else's, or a link.
            StorageError: a file is in its place, or the disk does not give it.
        """
        profile = cls(Path(os.path.abspath(home)))  # noqa: PTH100 - resolve() would follow links
        with disk_errors(profile.home):
            try:
                _check_directory(profile.home)
            except FileNotFoundError as error:
                raise NoProfileError(str(NoProfileError.__doc__)) from error
            profile.require_vault()
            profile._mend()
        return profile

    def require_vault(self) -> None:
        """Raises NoProfileError: there is no account; VaultMissingError: there is all but its vault; StorageError."""
        with disk_errors(self.home):
            try:
                self.vault.lstat()
            except FileNotFoundError as error:
                self._require_no_database()
                raise NoProfileError(str(NoProfileError.__doc__)) from error
            if not self.exists:
                raise NoProfileError(_DELETED)

    def complete(self, vault: bytes) -> None:
        """Write the vault, the last file of a profile that is being made: with it, there is one.

        Raises:
            StorageError: the disk does not take it.
        """
        write_private(self.vault, vault)
        self._sweep_mark()

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
        """Whether there is a vault, and not what a killed removal left of one."""
        return os.path.lexists(self.vault) and not is_blank(self.vault)

    def is_left_over(self) -> bool:
        """Whether this is what a killed creation or removal left: files that nothing opens."""
        return not self.exists and any(map(os.path.lexists, (self.vault, self._incomplete)))

    @property
    def has_files(self) -> bool:
        """Whether any file of e2echat's is left."""
        return any(os.path.lexists(self.home / name) for name in FILES)

    def remove(self) -> None:
        """Undo ``create``, and nothing that it did not do: call it with the lock held, or never acquired.

        Raises:
            StorageError: the disk does not let go.
        """
        if self._ours is None:
            raise ValueError("only a profile that was just created can be undone")
        with disk_errors(self.home):
            if not self._unclaimed:
                for name in FILES:
                    (self.home / name).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: somebody else's files
                for directory in reversed(self._ours):
                    directory.rmdir()

    def destroy_vault(self) -> None:
        """Overwrite and remove what opens the profile, with the lock held: the rest is nothing to keep. Again does nothing.

        Raises:
            StorageError, UnsafeProfileError: the disk does not let go.
        """
        with suppress(OSError):  # a full disk takes no mark, and is no reason to stop
            self._set_mark()
        destroy_secret(self.vault)

    def delete(self) -> None:
        """Remove the profile, with the lock held: the vault first and overwritten, then the rest, the lock last; others' files stay.

        Raises:
            StorageError, UnsafeProfileError: the disk does not let go; what opens the rest may be gone.
        """
        self.destroy_vault()
        with disk_errors(self.home):
            for name in sorted(FILES, key=self._lock.name.__eq__):
                (self.home / name).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: somebody else's files
                self.home.rmdir()

    @classmethod
    def remove_left_over(cls, home: Path) -> bool:
        """Go on with a removal that was killed; whether there was one.

        Raises:
            ProfileBusyError: another process holds it.
            StorageError, UnsafeProfileError: as for ``delete``.
        """
        profile = cls(Path(os.path.abspath(home)))  # noqa: PTH100 - resolve() would follow links
        with disk_errors(profile.home):
            if not profile.is_left_over():
                return False
            _check_directory(profile.home)
        with profile.lock():
            # Whoever had the lock before may have made an account of it.
            if not profile.is_left_over():
                return False
            profile.delete()
        return True

    def _acquire(self, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> int:
        while True:
            try:
                descriptor = open_private(self._lock, os.O_RDWR | os.O_CREAT)
            except FileNotFoundError as error:
                raise NoProfileError("the profile was removed meanwhile") from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if same_file(descriptor, self._lock):
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
            for name in FILES:
                if name not in (self._lock.name, INCOMPLETE):
                    (self.home / name).unlink(missing_ok=True)
            self._set_mark()
            self._unclaimed = False
        elif self.exists:
            self._sweep_mark()
        for path in (self.vault, copy_while_upgrading(self.database)):
            unfinished(path).unlink(missing_ok=True)

    def _set_mark(self) -> None:
        os.close(open_private(self._incomplete, os.O_WRONLY | os.O_CREAT))
        sync_directory(self.home)

    def _sweep_mark(self) -> None:
        with disk_errors(self._incomplete):
            if os.path.lexists(self._incomplete):
                self._incomplete.unlink()
                sync_directory(self.home)

    def _require_no_database(self) -> None:
        found = next((name for name in DATABASES if os.path.lexists(self.home / name)), None)
        if found is not None and not self.is_left_over():
            raise VaultMissingError(
                f"{self.home / found} is there without {self.vault.name}: put that back, or restore a backup elsewhere"
            )

    def _require_empty(self) -> None:
        """Nothing but what a killed creation may leave: the vault is written last."""
        if self.exists:
            raise ProfileExistsError(str(ProfileExistsError.__doc__))
        self._require_no_database()
        if not {path.name for path in self.home.iterdir()}.issubset(FILES):
            raise ProfileExistsError("the directory has other files in it; choose an empty one")

    def _mend(self) -> None:
        """Take from others what they may not have; refuse what they could have put there."""
        for flaw in flaws(self.home):
            if flaw.right_mode is None:
                raise UnsafeProfileError(f"{flaw.path} is a link or another user's")
            flaw.path.chmod(flaw.right_mode)


def copy_while_upgrading(database: Path) -> Path:
    """Where a database's copy lies as long as its upgrade is not known to have succeeded."""
    return database.with_name(f"{database.name}.old")


def _check_directory(home: Path) -> None:
    found = home.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid():
        raise UnsafeProfileError(f"{home} is a link or another user's")
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace")
    return text if text.isdecimal() else "of unknown number"
