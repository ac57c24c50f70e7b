"""Bit flips, swapped or deleted parts, lowered or absurd Argon2 parameters in the key store: detected, bounded."""

from pathlib import Path

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import StorageError, WrongPassphraseError
from e2echat.store import passphrase as passphrases
from e2echat.store.database import Database
from e2echat.store.passphrase import FLOOR
from e2echat.store.private_files import read_private
from e2echat.store.vault import MAX_VAULT, VaultContents, open_vault, seal_vault
from e2echat.wire.records import pack, u32

PASSPHRASE = "correct horse"
NOTICED = (StorageError, WrongPassphraseError)


@pytest.fixture
def sealed(randomness: SystemRandomness) -> list[bytes]:
    """Two vaults of two people who chose the same passphrase."""
    return [seal_vault(VaultContents.generate(randomness), PASSPHRASE, randomness, FLOOR) for _ in range(2)]


@pytest.mark.parametrize(("passes", "memory_kib"), [(3, 19 * 1024), (2, 20 * 1024)])
def test_parameters_changed_within_bounds(sealed: list[bytes], passes: int, memory_kib: int) -> None:
    old, new = (
        pack("vault-sealed", u32(2), u32(19 * 1024)),
        pack("vault-sealed", u32(passes), u32(memory_kib)),
    )
    assert sealed[0].startswith(old)
    with pytest.raises(WrongPassphraseError):
        open_vault(new + sealed[0][len(old) :], PASSPHRASE)


@pytest.mark.parametrize(
    ("passes", "memory_kib"), [(0, 0), (1, 8), (1, 19 * 1024), (2, 2**32 - 1), (2**32 - 1, 19 * 1024)]
)
def test_weak_and_absurd_parameters_cost_nothing(
    sealed: list[bytes], monkeypatch: pytest.MonkeyPatch, passes: int, memory_kib: int
) -> None:
    def paid(*_: object) -> bytes:
        return pytest.fail("Argon2id was run")

    monkeypatch.setattr(passphrases, "argon2id", paid)
    start = pack("vault-sealed", u32(passes), u32(memory_kib))
    with pytest.raises(StorageError):
        open_vault(start + sealed[0][len(start) :], PASSPHRASE)


@pytest.mark.parametrize("place", [60, 100, 130, -1])
def test_a_flipped_bit(sealed: list[bytes], place: int) -> None:
    altered = bytearray(sealed[0])
    altered[place] ^= 0x80
    with pytest.raises(NOTICED):
        open_vault(bytes(altered), PASSPHRASE)


def test_the_salt_or_box_of_another_vault(sealed: list[bytes]) -> None:
    box = 4 + 64 + 40
    for swapped in (sealed[0][:-box] + sealed[1][-box:], sealed[1][:-box] + sealed[0][-box:]):
        with pytest.raises(WrongPassphraseError):
            open_vault(swapped, PASSPHRASE)


def test_a_vault_as_large_as_the_disk_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(StorageError):
        read_private(path, MAX_VAULT)


def test_the_database_of_another_profile(tmp_path: Path) -> None:
    scripts = ["CREATE TABLE notes (text TEXT) STRICT;"]
    for name in ("mine", "other"):
        Database.open(tmp_path / name, name.encode().ljust(32), scripts).close()
    (tmp_path / "other").replace(tmp_path / "mine")
    with pytest.raises(StorageError):
        Database.open(tmp_path / "mine", b"mine".ljust(32), scripts, must_exist=True)


def test_a_deleted_or_emptied_database(tmp_path: Path) -> None:
    path = tmp_path / "database"
    for size in (None, 0, 100):
        if size is not None:
            path.write_bytes(bytes(size))
        with pytest.raises(StorageError):
            Database.open(path, bytes(32), [], must_exist=True)


@pytest.mark.parametrize("change", ["flip", "swap", "cut"])
def test_pages_flipped_swapped_or_deleted(tmp_path: Path, change: str) -> None:
    path, page = tmp_path / "database", 4096
    database = Database.open(path, bytes(32), ["CREATE TABLE notes (text TEXT) STRICT;"])
    for number in range(20):
        database.execute("INSERT INTO notes VALUES (?)", (f"{number:03000}",))
    database.close()
    data = bytearray(path.read_bytes())
    if change == "flip":
        data[5 * page + 7] ^= 1
    elif change == "swap":
        data[5 * page : 6 * page], data[6 * page : 7 * page] = (
            data[6 * page : 7 * page],
            data[5 * page : 6 * page],
        )
    else:
        del data[5 * page : 6 * page]
    path.write_bytes(data)

    def read_all() -> None:
        Database.open(path, bytes(32), [""], must_exist=True).execute("SELECT text FROM notes")

    with pytest.raises(StorageError):
        read_all()
