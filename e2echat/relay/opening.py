"""From a data directory to a switchboard that knows what is in it."""

import contextlib
import gc
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import Randomness
from e2echat.errors import CryptoError, DamagedStorageError, MalformedError, RelayDamagedError
from e2echat.relay.accounts import Accounts
from e2echat.relay.database import Database
from e2echat.relay.datadir import DataDirectory
from e2echat.relay.limits import Limits
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.storage import carry_out
from e2echat.relay.switchboard import Switchboard
from e2echat.relay.tokens import Registration

_log = logging.getLogger(__name__)
_STEP = 1024 * 1024
"""Bytes of a write."""
DATABASE_FILE = "relay.db"
ADDRESS_FILE = "address"
"""What the relay called itself when it last started."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A switchboard, and where its work is carried out."""

    board: Switchboard
    database: Database
    mailboxes: SqliteMailboxes
    accounts: Accounts

    def carry_out(self) -> None:
        """Do all that the switchboard wants done, here and now: where no storage thread runs."""
        while work := self.board.take_work():
            carry_out(work, self.mailboxes, self.accounts)
            self.board.finished(work, time.monotonic())


def open_board(
    directory: DataDirectory,
    key: SigningKey,
    limits: Limits,
    randomness: Randomness,
    registration: Registration,
) -> Opened:
    """Open the database in ``directory``, which must be held.

    Raises:
        RelayDamagedError: it is damaged, or another relay's.
        StorageError: it cannot be used.
    """
    with _damage_named(), contextlib.ExitStack() as undo:
        database = Database(directory.reserve(DATABASE_FILE))
        undo.callback(database.close)
        mailboxes, accounts = SqliteMailboxes(database), Accounts(database)
        # The relay's clock counts only while it runs: no jump of the machine's ever makes mail old.
        today = accounts.clock() or int(time.time())
        board = Switchboard(key, limits, randomness, today, registration=registration)
        with _kept():
            board.restore(
                accounts.all(), mailboxes.index(), mailboxes.marks(), accounts.tombstones(), accounts.tokens()
            )
        undo.pop_all()
    _grow(directory.path / f"{DATABASE_FILE}-wal", limits.log_bytes)
    return Opened(board, database, mailboxes, accounts)


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    """Whatever shows that the database is not what this relay wrote is one error: the advice for it is the relay's own."""
    try:
        yield
    except DamagedStorageError as error:
        raise RelayDamagedError(str(error)) from error
    except (MalformedError, CryptoError) as error:
        raise RelayDamagedError("the relay's database is damaged, or another relay's") from error


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """What is made inside is there to stay: the garbage collector need not go through it over and over, now or later."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()


def _grow(log: Path, size: int) -> None:
    """Fill SQLite's log up with zeros, behind what is in it: its checksums end where the content does.

    Without room on the disk nothing changes.
    """
    try:
        descriptor = os.open(log, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with open(descriptor, "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
        before = file.seek(0, os.SEEK_END)
        try:
            while (missing := size - file.tell()) > 0:
                file.write(bytes(min(missing, _STEP)))
            os.fsync(descriptor)
        except OSError as error:
            _log.warning("no room for the database's log", extra={"fields": {"reason": error.strerror}})
            file.truncate(before)
