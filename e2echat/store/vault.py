"""The vault: the few secrets that open everything else, sealed under a passphrase. docs/spec/storage.md."""

from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.primitives import KEY_SIZE, H, Randomness
from e2echat.errors import DamagedStorageError, MalformedError
from e2echat.store.passphrase import DEFAULT, Cost, Seal
from e2echat.wire import records

MAX_VAULT = 1024
"""Bytes of a vault file; far more than either kind has."""

_SEAL = Seal("vault-sealed", "vault-key", 2 * KEY_SIZE, "vault")
_CLEAR = "vault-clear"
_DAMAGED = "the vault is damaged or no vault"


@dataclass(frozen=True, slots=True)
class VaultContents:
    """What the vault holds: the seed of the account's IKs, and the raw key of the database."""

    account_seed: bytes = field(repr=False)
    database_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.account_seed) != KEY_SIZE or len(self.database_key) != KEY_SIZE:
            raise ValueError("both secrets have 32 bytes")

    @classmethod
    def of(cls, secrets: bytes) -> Self:
        """Both secrets, one behind the other."""
        return cls(secrets[:KEY_SIZE], secrets[KEY_SIZE:])

    @property
    def secrets(self) -> bytes:
        """``of`` undone."""
        return self.account_seed + self.database_key

    @classmethod
    def generate(cls, randomness: Randomness) -> Self:
        """Fresh secrets for a new account."""
        return cls(randomness.octets(KEY_SIZE), randomness.octets(KEY_SIZE))


def seal_vault(
    contents: VaultContents, passphrase: str | None, randomness: Randomness, cost: Cost = DEFAULT
) -> bytes:
    """The vault file of ``contents``; without a passphrase it lies open to whoever can read the file.

    Raises:
        InvalidPassphraseError: the passphrase is empty, too long, or not text.
        StorageError: there is not enough memory for ``cost``.
        ValueError: ``cost`` is out of bounds.
    """
    secrets = contents.secrets
    if passphrase is None:
        return records.pack(_CLEAR, secrets, H("vault-check", secrets))
    return _SEAL.seal(secrets, passphrase, randomness, cost)


def needs_passphrase(raw: bytes) -> bool:
    """Whether ``raw`` is a vault under a passphrase.

    Raises:
        StorageError: it is no vault of either kind.
    """
    if _SEAL.begins(raw):
        return True
    if raw.startswith(records.pack(_CLEAR)):
        return False
    raise DamagedStorageError(_DAMAGED)


def open_vault(raw: bytes, passphrase: str | None) -> VaultContents:
    """What is in the vault file ``raw``. The passphrase is not looked at if it needs none.

    Raises:
        StorageError: it is no vault, asks for an absurd cost, or there is not enough memory for it.
        WrongPassphraseError: wrong or missing passphrase; an altered salt, cost or box looks the same.
    """
    return VaultContents.of(_SEAL.open(raw, passphrase) if needs_passphrase(raw) else _clear(raw))


def _clear(raw: bytes) -> bytes:
    try:
        _, secrets, check = records.unlp(raw, 3)
    except MalformedError as error:
        raise DamagedStorageError(_DAMAGED) from error
    if len(secrets) != 2 * KEY_SIZE or check != H("vault-check", secrets):
        raise DamagedStorageError(_DAMAGED)
    return secrets
