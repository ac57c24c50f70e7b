"""Secrets under a passphrase: how a vault and a backup are opened. docs/spec/storage.md, "Under a passphrase".

Parameters and salt stand before the box, and its key is derived from them as well: whoever lowers or raises them changes
the key. What they may ask for is bounded before Argon2id runs.
"""

import unicodedata
from dataclasses import dataclass

from e2echat.crypto.primitives import BOX_OVERHEAD, K, Randomness, argon2id, box, open_box
from e2echat.errors import (
    CryptoError,
    DamagedStorageError,
    InvalidPassphraseError,
    MalformedError,
    StorageError,
    WrongPassphraseError,
)
from e2echat.wire import records
from e2echat.wire.records import u32

MAX_PASSPHRASE = 1024
"""Bytes in UTF-8, normalised."""
SALT_SIZE = 16


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
class Seal:
    """One kind of sealed file: its label, that of its key, how many bytes of secrets it holds, and what people call it."""

    label: str
    key_label: str
    size: int
    name: str

    @property
    def sealed_size(self) -> int:
        """Bytes of the whole."""
        return len(self._pack(FLOOR, bytes(SALT_SIZE), bytes(self.size + BOX_OVERHEAD)))

    def begins(self, raw: bytes) -> bool:
        """Whether ``raw`` is of this kind."""
        return raw.startswith(records.pack(self.label))

    def seal(self, secrets: bytes, passphrase: str, randomness: Randomness, cost: Cost = DEFAULT) -> bytes:
        """The file of ``secrets``.

        Raises:
            InvalidPassphraseError: the passphrase is empty, too long, or not text.
            StorageError: there is not enough memory for ``cost``.
            ValueError: ``cost`` is out of bounds.
        """
        if not cost.allowed:
            raise ValueError("a cost below the floor or above the ceiling")
        salt = randomness.octets(SALT_SIZE)
        key = self._key(normalise(passphrase), salt, cost)
        return self._pack(cost, salt, box(key, secrets, randomness))

    def open(self, raw: bytes, passphrase: str | None) -> bytes:
        """The secrets in the file ``raw``.

        Raises:
            StorageError: it is none, asks for an absurd cost, or there is not enough memory for it.
            WrongPassphraseError: wrong or missing passphrase; an altered salt, cost or box looks the same.
        """
        passes, memory_kib, salt, sealed = self._fields(raw)
        cost = Cost(int.from_bytes(passes), int.from_bytes(memory_kib))
        if not cost.allowed:
            raise StorageError(f"the {self.name} asks for a cost that e2echat never uses")
        if passphrase is None:
            raise WrongPassphraseError(f"this {self.name} needs its passphrase")
        try:
            return open_box(self._key(normalise(passphrase), salt, cost), sealed)
        except (CryptoError, InvalidPassphraseError) as error:
            raise WrongPassphraseError(f"wrong passphrase, or the {self.name} was altered") from error

    def _fields(self, raw: bytes) -> list[bytes]:
        sizes = (4, 4, SALT_SIZE, self.size + BOX_OVERHEAD)
        damaged = f"the {self.name} is damaged or no {self.name}"
        try:
            _, *fields = records.unlp(raw, len(sizes) + 1)
        except MalformedError as error:
            raise DamagedStorageError(damaged) from error
        if not self.begins(raw) or tuple(map(len, fields)) != sizes:
            raise DamagedStorageError(damaged)
        return fields

    def _pack(self, cost: Cost, salt: bytes, sealed: bytes) -> bytes:
        return records.pack(self.label, u32(cost.passes), u32(cost.memory_kib), salt, sealed)

    def _key(self, passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
        try:
            slow = argon2id(passphrase, salt, cost.passes, cost.memory_kib)
        except MemoryError as error:
            raise StorageError(f"the {self.name} needs {cost.memory_kib // 1024} MiB of memory") from error
        return K(slow, self.key_label, u32(cost.passes), u32(cost.memory_kib), salt)


def normalise(passphrase: str) -> bytes:
    """NFKC, so that one passphrase is the same bytes from every keyboard and system.

    Raises:
        InvalidPassphraseError: it is empty, too long, or not text.
    """
    try:
        data = unicodedata.normalize("NFKC", passphrase).encode()
    except UnicodeEncodeError:
        # Not chained: its message would carry the passphrase.
        raise InvalidPassphraseError("the passphrase is not text") from None
    if not 0 < len(data) <= MAX_PASSPHRASE:
        raise InvalidPassphraseError(str(InvalidPassphraseError.__doc__))
    return data
