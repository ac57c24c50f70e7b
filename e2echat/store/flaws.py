"""What belongs into a profile's directory, and what is wrong with it. docs/spec/storage.md, "The profile"."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2echat.store.private_files import PRIVATE_DIRECTORY, PRIVATE_FILE

SOCKET = "agent.sock"
INCOMPLETE = "incomplete"
"""There while a profile is made or removed: what lies beside it without a vault is nobody's history."""
DATABASES = (
    *("database", "database-wal", "database-shm", "database-journal", "database.old", "database.old.new"),
    *("snapshot", "snapshot-wal", "snapshot-shm", "snapshot-journal"),
)
FILES = ("vault", "vault.new", "lock", "locked", "counter", SOCKET, *DATABASES, INCOMPLETE)


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
    for name in ("", *FILES):
        path = home / name
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        fits = stat.S_ISSOCK if name == SOCKET else stat.S_ISREG if name else stat.S_ISDIR
        mode, right = stat.S_IMODE(found.st_mode), PRIVATE_FILE if name else PRIVATE_DIRECTORY
        if found.st_uid != os.geteuid() or not fits(found.st_mode):
            yield Flaw(path, mode, None)
        elif mode != right:
            yield Flaw(path, mode, right)
