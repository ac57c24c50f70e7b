"""A locked profile, held by a process that waits for its passphrase: nothing of it is open, and its socket says so."""

import threading
from collections.abc import Callable
from typing import NoReturn

from e2echat.client.agent import Agent
from e2echat.client.bequest import Bequest
from e2echat.client.holding import unlock
from e2echat.core_dumps import forbid_core_dumps
from e2echat.errors import LocalError, LockedError
from e2echat.store.private_files import read_private
from e2echat.store.profile import Profile
from e2echat.store.vault import MAX_VAULT, needs_passphrase


class Doorman:
    """Until ``close``. ``opened`` is called with what opens the profile, once somebody gave the passphrase."""

    def __init__(self, profile: Profile, opened: Callable[[Bequest], None]) -> None:
        """Take the profile's lock and serve its socket.

        Raises:
            ProfileBusyError: another process has it.
            NoProfileError, StorageError, UnsafeProfileError: as their docstrings say.
            LocalError: it has no passphrase.
        """
        forbid_core_dumps()
        require_passphrase(profile)
        self._profile = profile
        self._opened = opened
        self._one_at_a_time = threading.Lock()
        """Each attempt takes hundreds of megabytes."""
        self._lock = profile.lock(0)
        try:
            self._agent = Agent(profile.socket, self)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let go of the profile."""
        self._agent.close()
        self._agent.join()
        self._lock.release()

    # --- see ``agent.Host`` ----------------------------------------------------------------------------------------

    def consumer(self, *, connect: bool) -> NoReturn:  # noqa: ARG002 - there is nothing to connect
        """Nobody is served."""
        raise LockedError(str(LockedError.__doc__))

    def bequest(self) -> NoReturn:
        """Nor is anything here to be handed on."""
        raise LockedError(str(LockedError.__doc__))

    def unlock(self, passphrase: str) -> None:
        """Raises WrongPassphraseError."""
        # Before anything that takes time: who locks meanwhile finds nobody to tell.
        mark = self._profile.mark.value
        with self._one_at_a_time:
            vault = unlock(self._profile, lambda: passphrase)
        self._opened(Bequest(vault.secrets.hex(), mark))


def require_passphrase(profile: Profile) -> None:
    """Refuse to lock what anybody can open.

    Raises:
        LocalError: the profile has no passphrase.
    """
    if not needs_passphrase(read_private(profile.vault, MAX_VAULT)):
        raise LocalError(
            "this profile has no passphrase: whoever can read its files can open it, and locking it would keep out nobody; "
            "to give it one: e2echat passphrase"
        )
