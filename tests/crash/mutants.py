"""Relays that break their promises, each in one way: ``python -m tests.crash.mutants NAME relay …``.

What the checks of this folder must find out. They exist here alone: no product has a switch for any of it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from e2echat.faces.cli.main import main
from e2echat.relay import opening
from e2echat.relay.database import Database
from e2echat.relay.keeping import Keeping
from e2echat.relay.mailbox import Mailbox
from e2echat.relay.transit import Share, Source


def unsynced_commits() -> None:
    """Trusts the page cache."""

    class Unsynced(Database):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self.rows("PRAGMA synchronous = OFF")

    vars(opening)["Database"] = Unsynced


def unsynced_files() -> None:
    """Its key and the rest are renamed into place before they are on the disk."""
    vars(os)["fsync"] = lambda _: None


def accepted_too_early() -> None:
    """Answers once an envelope is on its way to the disk."""
    keep = Keeping.keep

    def keep_and_settle(
        self: Keeping, mailbox: Mailbox, source: Source, data: bytes, count: int, *, given: bool
    ) -> None:
        keep(self, mailbox, source, data, count, given=given)
        source.settle(count)

    setattr(Keeping, "keep", keep_and_settle)  # noqa: B010 - nobody but a mutant may assign it
    setattr(Share, "settle", lambda _: None)  # noqa: B010 - as above


MUTANTS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (unsynced_commits, unsynced_files, accepted_too_early)
}

if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
    main()
