"""A profile held by this process: its directory, lock, database, and the account in it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from e2echat.client.own import Own
from e2echat.client.renewal import renew
from e2echat.client.runtime import unix_milliseconds
from e2echat.client.socks import Proxy
from e2echat.core_dumps import forbid_core_dumps
from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import Randomness, SystemRandomness
from e2echat.store.counter import WriteCounter
from e2echat.store.database import Database
from e2echat.store.private_files import read_private
from e2echat.store.profile import Profile, ProfileLock
from e2echat.store.records import Records
from e2echat.store.vault import MAX_VAULT, VaultContents, needs_passphrase, open_vault, seal_vault
from e2echat.wire.address import JoinAddress


def unlock(profile: Profile, passphrase: Callable[[], str]) -> VaultContents:
    """What the profile's vault holds; ``passphrase`` is called only if there is one.

    Raises:
        WrongPassphraseError, StorageError, UnsafeProfileError: as their docstrings say.
    """
    raw = read_private(profile.vault, MAX_VAULT)
    return open_vault(raw, passphrase() if needs_passphrase(raw) else None)


def _count(profile: Profile, records: Records, key: SigningKey) -> None:
    """Count what changes from here on; a database that is older than the profile has been goes on as such."""
    randomness = SystemRandomness()
    counter = records.counter = WriteCounter(profile.counter, records)
    if counter.is_new or counter.is_older or counter.is_elsewhere:
        with records.transaction():
            counter.stay()
            if counter.is_new or counter.is_older:
                counter.begin(randomness)
            if counter.is_older:
                renew(records, key, unix_milliseconds(), randomness)


@dataclass(frozen=True, slots=True)
class Holding:
    """Open until ``release``."""

    profile: Profile
    lock: ProfileLock
    records: Records
    own: Own
    vault: VaultContents

    @classmethod
    def create(
        cls,
        home: Path,
        name: str,
        join: JoinAddress,
        passphrase: str | None,
        now: int,
        randomness: Randomness,
        proxy: Proxy | None = None,
    ) -> Self:
        """Make the profile of a new account; its name is not claimed yet. ``now`` in unix milliseconds.

        Raises:
            ProfileExistsError, UnsafeProfileError, InvalidPassphraseError, StorageError: nothing is left behind.
        """
        forbid_core_dumps()
        vault = VaultContents.generate(randomness)
        sealed = seal_vault(vault, passphrase, randomness)
        profile = Profile.create(home)
        # What is in ``undo`` goes first: the directory is removed while it is still ours.
        with ExitStack() as let_go, ExitStack() as undo:
            undo.callback(profile.remove)
            lock = profile.lock()
            let_go.callback(lock.release)
            records = Records(Database.open(profile.database, vault.database_key))
            undo.callback(records.close)
            with records.transaction():
                own = Own.create(records, SigningKey(vault.account_seed), name, join.relay, now, randomness)
                Own.keep_proxy(records, proxy)
                own.proxy = proxy
                if join.token is not None:
                    # Until the name is claimed, which may take more than one attempt; for the relay alone.
                    records.set_own("join_token", join.token)
            _count(profile, records, own.key)
            # Kept before the name is claimed: a claim whose key is lost would be lost for good.
            profile.complete(sealed)
            undo.pop_all()
            let_go.pop_all()
        return cls(profile, lock, records, own, vault)

    @classmethod
    def open(
        cls,
        profile: Profile,
        lock: ProfileLock,
        vault: VaultContents,
        upgrading: Callable[[], object] = lambda: None,
    ) -> Self:
        """Open the account in ``profile``, whose ``lock`` is held; let go of it if that fails. ``upgrading``: see ``Account.open``.

        Raises:
            StorageError, UnsafeProfileError: as their docstrings say.
        """
        with ExitStack() as undo:
            undo.callback(lock.release)
            database = Database.open(
                profile.database, vault.database_key, must_exist=True, upgrading=upgrading
            )
            undo.callback(database.close)
            records = Records(database, upgrading)
            undo.callback(records.close)
            key = SigningKey(vault.account_seed)
            _count(profile, records, key)
            own = Own.load(records, key)
            undo.pop_all()
        return cls(profile, lock, records, own, vault)

    @property
    def has_passphrase(self) -> bool:
        """Whether the vault is sealed."""
        return needs_passphrase(read_private(self.profile.vault, MAX_VAULT))

    def release(self) -> None:
        """Let go of the profile."""
        self.records.close()
        self.lock.release()

    def delete(self) -> None:
        """Remove the profile, and let go. Raises as ``Profile.delete``."""
        try:
            self.records.close()
            self.profile.delete()
        finally:
            self.lock.release()

    def undo(self) -> None:
        """Remove the profile that ``create`` made, and let go."""
        self.records.close()
        self.profile.remove()
        self.lock.release()
