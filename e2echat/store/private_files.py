"""Files of a profile: 0600 from their first instant, replaced wholly and durably, never through a link.

docs/spec/storage.md, "The profile".
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from e2echat.errors import StorageError, UnsafeProfileError

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
_COPIED_AT_ONCE = 1 << 20
_SMALL = 4096
"""Bytes, more than any secret has."""


def write_private(path: Path, data: bytes) -> None:
    """Put ``data`` in place of the file ``path``: wholly and durably, or not at all. The caller holds the lock.

    Raises:
        StorageError: the disk did not take it; what was there is still there.
    """
    with disk_errors(path), replacement(path) as file:
        file.write(data)


def replace_secret(path: Path, data: bytes) -> None:
    """Put ``data`` in place of the file ``path`` as ``write_private`` does, then overwrite what was there where it lay.

    Raises:
        UnsafeProfileError, StorageError: as for ``write_private``; or what was there could not be overwritten.
    """
    with disk_errors(path):
        former = open_private(path, os.O_WRONLY)
        try:
            write_private(path, data)
            _overwrite(former)
        finally:
            os.close(former)


def destroy_secret(path: Path) -> None:
    """Overwrite the file ``path`` where it lies, and remove it; one that is not there is as good.

    Raises:
        UnsafeProfileError, StorageError: it is a link or another user's; or the disk does not do it.
    """
    with disk_errors(path):
        try:
            descriptor = open_private(path, os.O_WRONLY)
        except FileNotFoundError:
            return
        try:
            _overwrite(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()
        sync_directory(path.parent)


def is_blank(path: Path) -> bool:
    """Whether the file ``path`` is what ``destroy_secret`` leaves when it is killed: zeros; or empty, which opens nothing either.

    Whatever cannot be read is not: its mode may be wrong, and is not changed here.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _SMALL:
            return False
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return not any(file.read(_SMALL))
    except OSError:
        return False


def copy_private(source: Path, target: Path) -> None:
    """Put a copy of the file ``source`` in place of ``target``, as ``write_private`` does.

    Raises:
        UnsafeProfileError: ``source`` is a link, another user's, or no file.
        StorageError: the disk did not take it; ``source`` is as it was.
    """
    with (
        disk_errors(target),
        os.fdopen(open_private(source, os.O_RDONLY), "rb") as original,
        replacement(target) as file,
    ):
        shutil.copyfileobj(original, file, _COPIED_AT_ONCE)


def remove_private(path: Path) -> None:
    """Remove a file that may not be there.

    Raises:
        StorageError: the disk does not let go.
    """
    with disk_errors(path):
        path.unlink(missing_ok=True)


def read_private(path: Path, limit: int) -> bytes:
    """What is in the file ``path``.

    Raises:
        UnsafeProfileError: it is a link, another user's, or no file.
        StorageError: it has more than ``limit`` bytes, or the disk does not give it.
    """
    with disk_errors(path), os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise StorageError(f"{path} is far too large")
    return data


def _overwrite(descriptor: int) -> None:
    """Zeros over all of a small file. What a file system or a disk keeps of former blocks is out of reach."""
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


@contextmanager
def replacement(path: Path, new: Path | None = None) -> Iterator[BinaryIO]:
    """A file to be written, which takes the place of ``path`` once the block has ended without an exception.

    Args:
        path: where it is to be.
        new: where it is until then: a name that is free. By itself ``unfinished(path)``, of which a killed process may have left something.

    Raises:
        OSError: the disk did not take it; what was there is still there.
        UnsafeProfileError: what is being written was planted by somebody else.
    """
    if new is None:
        new = unfinished(path)
        new.unlink(missing_ok=True)
    descriptor = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        sync_directory(path.parent)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def unfinished(path: Path) -> Path:
    """Where a file is written before it takes its place: a fixed name, so that a killed process leaves one at most."""
    return path.with_name(f"{path.name}.new")


def open_private(path: Path, flags: int) -> int:
    """A descriptor of the regular file ``path``, ours and 0600; O_NONBLOCK so that a planted pipe cannot hold us up."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        if path.is_symlink():
            raise UnsafeProfileError(f"{path} is a link") from error
        raise
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise UnsafeProfileError(f"{path} is no file, or another user's")
    os.fchmod(descriptor, PRIVATE_FILE)
    return descriptor


def make_directories(home: Path) -> list[Path]:
    """Make ``home`` and what is missing above it, all 0700; those that were made, outermost first."""
    missing = [path for path in (home, *home.parents) if not os.path.lexists(path)]
    made: list[Path] = []
    try:
        for path in reversed(missing):
            with suppress(FileExistsError):  # another process made it meanwhile
                path.mkdir(PRIVATE_DIRECTORY)
                made.append(path)
                path.chmod(PRIVATE_DIRECTORY)
                sync_directory(path.parent)
    except BaseException:
        for path in reversed(made):
            path.rmdir()
        raise
    return made


def same_file(descriptor: int, path: Path) -> bool:
    """Whether what is open is still the file of that name: not removed or replaced meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def sync_directory(path: Path) -> None:
    """Have the names in the directory be on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """What the disk refuses inside is a ``StorageError`` that names ``path``."""
    try:
        yield
    except NotADirectoryError as error:
        raise StorageError(f"there is a file where the directory of {path} should be") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
