"""A backup: what one cannot get back from anybody, in one sealed file. docs/spec/storage.md, "Backups".

Inside is a database like the profile's, under a key of its own, with the tables that outlive a device. So a backup of an
older e2echat is brought up to date by the same steps as a profile.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from e2echat.crypto.padding import padme
from e2echat.crypto.primitives import (
    KEY_SIZE,
    STREAM_HEADER_SIZE,
    STREAM_OVERHEAD,
    Randomness,
    SealedStream,
)
from e2echat.errors import CryptoError, StorageError
from e2echat.store.passphrase import DEFAULT, Cost, Seal
from e2echat.store.private_files import disk_errors, replacement
from e2echat.wire.records import u64

_SEAL = Seal("backup", "backup-key", KEY_SIZE, "backup")
_CHUNK = 32 * 1024
_HEAD = 2 * KEY_SIZE + 8
"""Bytes before the database: the account's seed, the database's key, the database's size."""
_FLOOR = 256 * 1024
"""Bytes of the smallest: a profile with one contact and one with some hundred messages look alike."""
_CUT = "the backup is damaged: it was cut, or bytes were added"


@dataclass(frozen=True, slots=True)
class BackupContents:
    """What a backup holds beside the database: the seed of the account's IKs, and the key of that database."""

    account_seed: bytes = field(repr=False)
    database_key: bytes = field(repr=False)


def write_backup(
    target: Path,
    contents: BackupContents,
    database: Path,
    passphrase: str,
    randomness: Randomness,
    cost: Cost = DEFAULT,
) -> int:
    """Seal ``database`` into the file ``target``, which it replaces if that is a backup; gives its size in bytes.

    Raises:
        StorageError: there is something else of that name, or the disk did not take it; what was there still is.
        InvalidPassphraseError: as its docstring says.
    """
    with disk_errors(target):
        _require_replaceable(target)
    key = randomness.octets(KEY_SIZE)
    head = _SEAL.seal(key, passphrase, randomness, cost)
    stream = SealedStream(key)
    # Beside it in somebody's own directory, where a fixed name may be that of a file of his.
    new = target.with_name(f".{target.name}.{randomness.octets(8).hex()}.part")
    with disk_errors(target), database.open("rb") as source, replacement(target, new) as file:
        size = os.fstat(source.fileno()).st_size
        padded = max(_FLOOR, padme(_HEAD + size))
        file.write(head + stream.header)
        bound, left = head, padded
        for chunk in _chunks(contents.account_seed + contents.database_key + u64(size), source, padded):
            left -= len(chunk)
            file.write(stream.seal(chunk, last=not left, bound_to=bound))
            bound = b""
        return file.tell()


def _require_replaceable(target: Path) -> None:
    if os.path.lexists(target):
        with target.open("rb") as file:
            if not _SEAL.begins(file.read(_SEAL.sealed_size)):
                raise StorageError(f"{target} is there already, and no backup: choose another name")


def _chunks(head: bytes, source: BinaryIO, padded: int) -> Iterator[bytes]:
    """``head``, all of ``source`` and zeros, ``padded`` bytes in all."""
    left = padded
    waiting = head
    while left:
        wanted = min(_CHUNK, left)
        chunk = (waiting + source.read(wanted - len(waiting))).ljust(wanted, b"\0")
        waiting = b""
        left -= wanted
        yield chunk


class BackupReader:
    """A backup that its passphrase has opened. ``contents`` is authentic; of the database that holds after ``copy_to``."""

    def __init__(self, file: BinaryIO, head: bytes, key: bytes) -> None:
        self._file = file
        self._stream = SealedStream(key, _read(file, STREAM_HEADER_SIZE))
        self._first, self._ended = self._open(head)
        if len(self._first) < _HEAD:
            raise StorageError(_CUT)
        seed, database_key = self._first[:KEY_SIZE], self._first[KEY_SIZE : 2 * KEY_SIZE]
        self.contents = BackupContents(seed, database_key)
        self._size = int.from_bytes(self._first[2 * KEY_SIZE : _HEAD])

    @classmethod
    @contextmanager
    def opened(cls, path: Path, passphrase: str) -> Iterator[Self]:
        """Open the file ``path``.

        Raises:
            StorageError: it is no backup, it is damaged, or the disk does not give it.
            WrongPassphraseError: wrong passphrase; an altered beginning looks the same.
        """
        with disk_errors(path), path.open("rb") as file:
            head = file.read(_SEAL.sealed_size)
            yield cls(file, head, _SEAL.open(head, passphrase))

    def copy_to(self, target: BinaryIO) -> None:
        """Write the database to ``target``. What was written counts only once this returns.

        Raises:
            StorageError: the backup is damaged.
            OSError: ``target`` did not take it.
        """
        chunk, left = self._first[_HEAD:], self._size
        while True:
            target.write(chunk[:left])
            left -= min(left, len(chunk))
            if self._ended:
                break
            chunk, self._ended = self._open()
        if left or self._file.read(1):
            raise StorageError(_CUT)

    def _open(self, bound_to: bytes = b"") -> tuple[bytes, bool]:
        try:
            return self._stream.open(self._file.read(_CHUNK + STREAM_OVERHEAD), bound_to)
        except CryptoError as error:
            raise StorageError("the backup is damaged, or was altered") from error


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise StorageError(_CUT)
    return data
