"""Backups: making one of the profile that is open, and making a profile of one. docs/spec/storage.md, "Backups"."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from e2echat.client.holding import Holding
from e2echat.client.renewal import renew
from e2echat.client.runtime import Runtime, unix_milliseconds
from e2echat.client.standing import LAST_BACKUP
from e2echat.core_dumps import forbid_core_dumps
from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import KEY_SIZE, SystemRandomness
from e2echat.errors import LocalError
from e2echat.store.backup import BackupContents, BackupReader, write_backup
from e2echat.store.database import Database
from e2echat.store.passphrase import normalise
from e2echat.store.private_files import (
    disk_errors,
    open_private,
    remove_private,
)
from e2echat.store.profile import Profile
from e2echat.store.records import Records
from e2echat.store.vault import VaultContents, seal_vault

_OVER = object()
_LEFT_TO_OTHERS = 0.001
"""Seconds."""


class SafekeepingMethods:
    """What keeps an account beyond its disk: a part of ``Account``."""

    _runtime: Runtime
    _holding: Holding

    def backup(self, file: str, passphrase: str) -> int:
        """See ``Account.backup``."""
        holding, randomness = self._holding, SystemRandomness()
        _require_outside(file, holding.profile.home)
        normalise(passphrase)
        key, copy = randomness.octets(KEY_SIZE), holding.profile.snapshot
        begun = unix_milliseconds()
        with ExitStack() as cleanup:
            for path in (copy, *_beside(copy)):
                remove_private(path)
                cleanup.callback(remove_private, path)
            steps = holding.records.snapshot(copy, key)
            # Others work between two of them: Python's locks are not fair, so each has to be left for a moment.
            while self._runtime.look(lambda: next(steps, _OVER)) is not _OVER:
                time.sleep(_LEFT_TO_OTHERS)
            contents = BackupContents(holding.vault.account_seed, key)
            size = write_backup(Path(file), contents, copy, passphrase, randomness)
        self._runtime.step(lambda: holding.records.set_own(LAST_BACKUP, begun.to_bytes(8)))
        return size


def _require_outside(file: str, home: Path) -> None:
    """Refuse what is no file's name, and what is one in the profile's own directory, where it would be taken for something else."""
    if not os.path.isabs(file):  # noqa: PTH117 - it is a text until here
        raise LocalError("the file of a backup is named from the root: another process may write it")
    try:
        nameable = b"\0" not in os.fsencode(file)
    except UnicodeEncodeError:  # half a pair of surrogates
        nameable = False
    if not nameable:
        raise LocalError("no file can have that name")
    # Path.resolve() raises on links that lead in circles.
    own, directory = (Path(os.path.realpath(path)) for path in (home, Path(file).parent))
    if own in (directory, *directory.parents):
        raise LocalError(
            f"a backup does not belong into the profile's own directory, {home}: choose a file elsewhere"
        )


def restore(
    home: Path, file: Path, backup_passphrase: Callable[[], str], passphrase: Callable[[], str | None]
) -> Holding:
    """Make the profile ``home`` of a backup; its account goes on as from an older state.

    Args:
        home: a directory that is not there, or is empty.
        file: the backup.
        backup_passphrase: what opens it.
        passphrase: what the profile is to be under, or None; asked for once the backup has opened.

    Raises:
        StorageError: the backup is damaged or none, or the disk failed.
        WrongPassphraseError, InvalidPassphraseError, ProfileExistsError, UnsafeProfileError: as their docstrings say.
    """
    forbid_core_dumps()
    randomness = SystemRandomness()
    with BackupReader.opened(file, backup_passphrase()) as reader:
        contents = VaultContents(reader.contents.account_seed, reader.contents.database_key)
        sealed = seal_vault(contents, passphrase(), randomness)
        profile = Profile.create(home)
        with ExitStack() as let_go, ExitStack() as undo:
            undo.callback(profile.remove)
            lock = profile.lock()
            let_go.callback(lock.release)
            _write(reader, profile.database)
            records = Records(Database.open(profile.database, contents.database_key, must_exist=True))
            undo.callback(records.close)
            with records.transaction():
                renew(records, SigningKey(contents.account_seed), unix_milliseconds(), randomness)
            records.close()
            # The last file: without it there is no profile.
            profile.complete(sealed)
            undo.pop_all()
            let_go.pop_all()
    return Holding.open(profile, lock, contents)


def _write(reader: BackupReader, database: Path) -> None:
    with disk_errors(database):
        descriptor = open_private(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(descriptor, "wb") as target:
            reader.copy_to(target)
            target.flush()
            os.fsync(descriptor)


def _beside(database: Path) -> list[Path]:
    return [database.with_name(f"{database.name}{suffix}") for suffix in ("-wal", "-journal", "-shm")]
