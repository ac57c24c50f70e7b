"""The vault: the few secrets that open everything else, sealed under a passphrase. docs/spec/storage.md.

Parameters and salt stand in the file, before the box, and its key is derived from them as well: whoever lowers
or raises them changes the key. What they may ask for is bounded before Argon2id runs.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.primitives import BOX_OVERHEAD, KEY_SIZE, H, K, Randomness, argon2id, box, open_box
from e2echat.errors import (
    CryptoError,
    InvalidPassphraseError,
    MalformedError,
    StorageError,
    WrongPassphraseError,
)
from e2echat.wire import records
from e2echat.wire.records import u32

MAX_VAULT = 1024
"""Bytes of a vault file; far more than either kind has."""
MAX_PASSPHRASE = 1024
"""Bytes in UTF-8, normalised."""
SALT_SIZE = 16

_SEALED, _CLEAR = "vault-sealed", "vault-clear"
_SEALED_SIZES = (4, 4, SALT_SIZE, 2 * KEY_SIZE + BOX_OVERHEAD)
_CLEAR_SIZES = (2 * KEY_SIZE, KEY_SIZE)
_DAMAGED = "the vault is damaged or no vault"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at the passphrase costs: Argon2id passes, and memory in KiB."""

    passes: int
    memory_kib: int

    @property
    def allowed(self) -> bool:
        """Whether it is within the floor and the ceiling."""
        return (
            FLOOR.passes <= self.passes <= CEILING.passes
            and FLOOR.memory_kib <= self.memory_kib <= CEILING.memory_kib
        )


FLOOR = Cost(2, 19 * 1024)
"""The least that OWASP's password storage guide calls sufficient; a file that asks for less is not ours."""
DEFAULT = Cost(3, 256 * 1024)
"""libsodium's "moderate": about a second, once, when a person opens a profile."""
CEILING = Cost(8, 1024 * 1024)
"""A planted file costs at most 1 GiB and some ten seconds."""


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
    if not cost.allowed:
        raise ValueError("a cost below the floor or above the ceiling")
    salt = randomness.octets(SALT_SIZE)
    key = _box_key(_normalise(passphrase), salt, cost)
    return records.pack(_SEALED, u32(cost.passes), u32(cost.memory_kib), salt, box(key, secrets, randomness))


def needs_passphrase(raw: bytes) -> bool:
    """Whether ``raw`` is a vault under a passphrase.

    Raises:
        StorageError: it is no vault of either kind.
    """
    for label in (_SEALED, _CLEAR):
        if raw.startswith(records.pack(label)):
            return label == _SEALED
    raise StorageError(_DAMAGED)


def open_vault(raw: bytes, passphrase: str | None) -> VaultContents:
    """What is in the vault file ``raw``. The passphrase is not looked at if it needs none.

    Raises:
        StorageError: it is no vault, asks for an absurd cost, or there is not enough memory for it.
        WrongPassphraseError: wrong or missing passphrase; an altered salt, cost or box looks the same.
    """
    if needs_passphrase(raw):
        secrets = _unseal(raw, passphrase)
    else:
        secrets, check = _fields(raw, _CLEAR_SIZES)
        if check != H("vault-check", secrets):
            raise StorageError(_DAMAGED)
    return VaultContents.of(secrets)


def _unseal(raw: bytes, passphrase: str | None) -> bytes:
    passes, memory_kib, salt, sealed = _fields(raw, _SEALED_SIZES)
    cost = Cost(int.from_bytes(passes), int.from_bytes(memory_kib))
    if not cost.allowed:
        raise StorageError("the vault asks for a cost that e2echat never uses")
    if passphrase is None:
        raise WrongPassphraseError("this profile needs its passphrase")
    try:
        return open_box(_box_key(_normalise(passphrase), salt, cost), sealed)
    except (CryptoError, InvalidPassphraseError) as error:
        raise WrongPassphraseError("wrong passphrase, or the vault was altered") from error


def _fields(raw: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    try:
        _, *fields = records.unlp(raw, len(sizes) + 1)
    except MalformedError as error:
        raise StorageError(_DAMAGED) from error
    if [len(field) for field in fields] != list(sizes):
        raise StorageError(_DAMAGED)
    return fields


def _box_key(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    try:
        slow = argon2id(passphrase, salt, cost.passes, cost.memory_kib)
    except MemoryError as error:
        raise StorageError(f"the vault needs {cost.memory_kib // 1024} MiB of memory") from error
    return K(slow, "vault-key", u32(cost.passes), u32(cost.memory_kib), salt)


def _normalise(passphrase: str) -> bytes:
    """NFKC, so that one passphrase is the same bytes from every keyboard and system."""
    try:
        data = unicodedata.normalize("NFKC", passphrase).encode()
    except UnicodeEncodeError:
        # Not chained: its message would carry the passphrase.
        raise InvalidPassphraseError("the passphrase is not text") from None
    if not 0 < len(data) <= MAX_PASSPHRASE:
        raise InvalidPassphraseError(str(InvalidPassphraseError.__doc__))
    return data
