"""A profile that is locked or deleted: whoever has it open lets go of it."""

import time

from e2echat.client.backend import GoneError
from e2echat.client.doorman import require_passphrase
from e2echat.client.remote import Remote
from e2echat.errors import LockedError, ProfileBusyError, StorageError
from e2echat.store.profile import Profile

WAIT = 10.0
"""Seconds in which whoever has it open has to let go; receipts that are due may take two of them."""
POLL = 0.02
"""Seconds between two looks."""


def lock(profile: Profile) -> bool:
    """Return once nobody has ``profile`` open; whether anybody had.

    A process that is suspended cannot do anything now: it forgets before it goes on.

    Raises:
        LocalError: it has no passphrase.
        ProfileBusyError, OwnerSilentError: whoever has it open does not let go.
        NoProfileError, StorageError, UnsafeProfileError: as their docstrings say.
    """
    require_passphrase(profile)
    profile.mark.renew()
    deadline, was_open = time.monotonic() + WAIT, False
    while True:
        try:
            profile.lock(0).release()
        except ProfileBusyError:
            if time.monotonic() >= deadline:
                raise
        else:
            return was_open
        try:
            _ask(profile)
            was_open = True
        except LockedError:
            return was_open
        except GoneError:
            # Between two owners, or it is about to let go.
            time.sleep(POLL)


def _ask(profile: Profile) -> None:
    """Raises GoneError: nobody serves; LockedError: whoever does has nothing open."""
    remote = Remote(profile.socket)
    try:
        remote.hello(connect=False, inherit=False)
        remote.call("lock", {})
    finally:
        remote.close()


def await_deletion(profile: Profile) -> None:
    """Return once the files of a profile that is being deleted are gone.

    Raises:
        StorageError: they are not, in time.
    """
    deadline = time.monotonic() + WAIT
    while profile.has_files:
        if time.monotonic() >= deadline:
            raise StorageError(f"not everything in {profile.home} could be removed; its key is gone")
        time.sleep(POLL)
