"""What opens the account, in the process that owns the profile: a part of ``LocalAccount``."""

import threading
from collections.abc import Callable
from contextlib import suppress

from e2echat.client import preferences
from e2echat.client.doorman import require_passphrase
from e2echat.client.holding import Holding
from e2echat.client.idle import Idle
from e2echat.client.leaving import leave
from e2echat.client.places import opened_place, sealed_place
from e2echat.client.runtime import Runtime
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import E2EChatError, LocalError, LockedError, NoProfileError, StorageError
from e2echat.store.passphrase import normalise
from e2echat.store.private_files import read_private, replace_secret
from e2echat.store.vault import MAX_VAULT, open_vault, seal_vault

MOST_IDLE = 366 * 86_400
"""Seconds."""


class KeeperMethods:
    """What ``custody.Custody`` calls, whose docstrings say what it does.

    ``let_go``: closes this account, on another thread, so that what is called from then on raises what it is given; whoever
    made the account sets it. ``deleted``: nothing is to be left of it when it closes.
    """

    _runtime: Runtime
    _holding: Holding
    let_go: Callable[[E2EChatError], None]
    deleted = False
    locking = False
    """What opens the profile is given to nobody any more."""

    def _begin_to_keep(self) -> None:
        self._at_vault = threading.Lock()
        """Held while its file changes, so that the profile is not let go of meanwhile."""
        self._let_go = False
        self.idle = Idle(self._lock_unattended)
        self._keep_time()

    def _keep_time(self) -> None:
        """The person's wish to be locked out after a while, or the means to it, may be another."""
        wish = self._runtime.look(lambda: preferences.load(self._holding.records)).lock_after
        self.idle.set_limit(wish if wish and self._holding.has_passphrase else 0)

    def _require_lockable(self, lock_after: int) -> None:
        """Refuse a wish that cannot come true. Raises LocalError."""
        if not 0 <= lock_after <= MOST_IDLE:
            raise LocalError("the time after which it locks is at most a year")
        if lock_after:
            require_passphrase(self._holding.profile)

    def change_passphrase(self, former: str | None, new: str | None) -> None:
        """See ``Custody.change_passphrase``."""
        holding = self._holding
        if new is not None:
            normalise(new)
        with self._at_vault:
            self._require_held()
            raw = read_private(holding.profile.vault, MAX_VAULT)
            if open_vault(raw, former) != holding.vault:
                raise StorageError("the vault is not the one that this profile was opened with")
            replace_secret(holding.profile.vault, seal_vault(holding.vault, new, SystemRandomness()))
        self._keep_time()

    def lock(self) -> None:
        """See ``Custody.lock``; returns before the account is closed."""
        require_passphrase(self._holding.profile)
        self.locking = True
        # First: who is suspended, or has just been given what opens the vault, hears of it in no other way.
        try:
            self._holding.profile.mark.renew()
        except E2EChatError:
            self.locking = False
            raise
        self.let_go(LockedError(str(LockedError.__doc__)))

    def seal_place(self, peer: str) -> str:
        """See ``Custody.seal_place``."""
        return sealed_place(self._holding.vault.database_key, peer, SystemRandomness())

    def open_place(self, sealed: str) -> str | None:
        """See ``Custody.open_place``."""
        return opened_place(self._holding.vault.database_key, sealed)

    def _lock_unattended(self) -> None:
        self.locking = True
        # A disk that does not take the mark is no reason to stay open.
        with suppress(E2EChatError):
            self._holding.profile.mark.renew()
        self.let_go(LockedError(str(LockedError.__doc__)))

    def delete_account(self, name: str, *, local_only: bool = False, timeout: float = 30) -> None:
        """See ``Custody.delete_account``; returns before all files are gone, and after what opens them."""
        own, profile = self._holding.own, self._holding.profile
        if name != own.name:
            raise LocalError(f"this is not the account {name}")
        if not local_only:
            leave(own, timeout, SystemRandomness())
        with self._at_vault:
            self._require_held()
            profile.destroy_vault()
            self.deleted = True
        self.let_go(NoProfileError("the account was deleted"))

    def _require_held(self) -> None:
        """What waits for a relay or for Argon2 may come back when somebody has locked the profile, and others have it."""
        if self._let_go:
            raise LockedError(str(LockedError.__doc__))

    def unlock(self, passphrase: str) -> None:
        """See ``agent.Host``: it is open."""
