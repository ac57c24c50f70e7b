"""How an account stands, in the process that owns its profile."""

import os
import platform
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from e2echat import __version__
from e2echat.client.context import instant
from e2echat.client.engine import MAILBOX
from e2echat.client.holding import Holding
from e2echat.client.renewal import RENEWED
from e2echat.client.runtime import Runtime
from e2echat.client.status import RelayAnswer, Status, Versions
from e2echat.client.whereabouts import Whereabouts
from e2echat.crypto.keys import fingerprint_groups
from e2echat.crypto.prekeys import PrekeyKind
from e2echat.store.database import versions as database_versions
from e2echat.store.private_files import disk_errors
from e2echat.store.records import Records
from e2echat.wire.relay_messages import PROTOCOL_VERSION

LAST_BACKUP = "backed_up_at"
_QUEUED = "WHERE outgoing = 1 AND state IN ('queued', 'stored') AND state = 'queued' AND kind = 'text' AND payload IS NOT NULL"
"""Said twice, so that SQLite takes the index of what waits."""


class StandingMethods:
    """What ``inspection.Inspection`` calls, whose docstrings say what it does."""

    _runtime: Runtime
    _holding: Holding
    _whereabouts: Whereabouts

    def status(self) -> Status:
        """See ``Inspection.status``."""
        return self._runtime.look(lambda: status_of(self._holding, self._runtime))

    def ask_relay(self, *, timeout: float = 10) -> RelayAnswer:
        """See ``Inspection.ask_relay``."""
        return self._whereabouts.ask_relay(timeout)

    def check_database(self) -> None:
        """See ``Inspection.check_database``."""
        self._runtime.look(self._holding.records.check)


def status_of(holding: Holding, runtime: Runtime) -> Status:
    """The account and how it stands, between two steps."""
    own, records, engine = holding.own, holding.records, runtime.engine
    problem, home = runtime.failures.get(MAILBOX), holding.profile.home
    return Status(
        name=own.name,
        address=str(own.address),
        fingerprint=fingerprint_groups(own.identity.fingerprint),
        connected=engine.signed_in,
        problem=None if problem is None else str(problem),
        queued=records.messages.count(_QUEUED),
        unread=len(records.unshown()),
        contacts=records.contacts.count("WHERE standing = 'contact'"),
        one_time_prekeys=engine.supply.left if engine.signed_in else None,
        home=str(home),
        passphrase=holding.has_passphrase,
        proxy=None if own.proxy is None else str(own.proxy),
        process=os.getpid(),
        oldest_queued=_oldest_queued(records),
        local_prekeys=records.prekeys.count("WHERE kind = ?", int(PrekeyKind.ONE_TIME)),
        last_backup=_moment(records, LAST_BACKUP),
        size=size_of(home),
        free=free_at(home),
        versions=versions(),
        renewed=_moment(records, RENEWED),
    )


def size_of(home: Path) -> int:
    """Bytes of all files in a profile."""
    with disk_errors(home):
        return sum(
            os.lstat(Path(directory) / name).st_size
            for directory, _, names in os.walk(home)
            for name in names
        )


def free_at(home: Path) -> int:
    """Bytes that this user may still write where the profile lies."""
    with disk_errors(home):
        found = os.statvfs(home)
        return found.f_bavail * found.f_frsize


@cache
def versions() -> Versions:
    """Of this process."""
    sqlite, sqlcipher = database_versions()
    libraries = version("pynacl"), version("cryptography")
    return Versions(__version__, PROTOCOL_VERSION, platform.python_version(), sqlite, sqlcipher, *libraries)


def _oldest_queued(records: Records) -> datetime | None:
    oldest = records.messages.one(f"{_QUEUED} ORDER BY sent_at")
    return None if oldest is None else instant(oldest.sent_at)


def _moment(records: Records, key: str) -> datetime | None:
    kept = records.own(key)
    return None if kept is None else instant(int.from_bytes(kept))
