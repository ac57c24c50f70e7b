"""Planted secrets searched for in repr, errors and files: none. The part that concerns what is at rest."""

import traceback
from pathlib import Path

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import E2EChatError
from e2echat.store.database import Database
from e2echat.store.passphrase import FLOOR
from e2echat.store.private_files import write_private
from e2echat.store.profile import Profile
from e2echat.store.vault import VaultContents, open_vault, seal_vault
from tests.helpers.pages import pages_opened_with_the_key

PASSPHRASE = "PLANTED-PASSPHRASE"
SEED = b"PLANTED-SEED".ljust(32, b"+")
KEY = b"PLANTED-KEY".ljust(32, b"+")
TEXT = "PLANTED-TEXT"
NEEDLES = [
    needle
    for secret in (PASSPHRASE.encode(), SEED, KEY, TEXT.encode())
    for needle in (secret, secret.hex().encode())
]


def assert_clean(data: bytes) -> None:
    assert not [needle for needle in NEEDLES if needle.lower() in data.lower()]


@pytest.fixture
def profile(tmp_path: Path, randomness: SystemRandomness) -> Profile:
    made = Profile.create(tmp_path / "home")
    contents = VaultContents(SEED, KEY)
    assert_clean(f"{contents!r} {contents}".encode())
    with made.lock():
        database = Database.open(made.database, KEY, ["CREATE TABLE notes (text TEXT) STRICT;"])
        database.execute("INSERT INTO notes VALUES (?)", (TEXT,))
        assert_clean(repr(database).encode())
        write_private(made.vault, seal_vault(contents, PASSPHRASE, randomness, FLOOR))
        for path in made.home.iterdir():  # the WAL is among them
            assert_clean(path.name.encode() + path.read_bytes())
        database.close()
    return made


def test_files(profile: Profile) -> None:
    for path in profile.home.iterdir():
        assert_clean(path.name.encode() + path.read_bytes())


def test_what_is_deleted_is_gone_from_what_the_key_opens(profile: Profile) -> None:
    assert TEXT.encode() in pages_opened_with_the_key(profile.database, KEY)
    database = Database.open(profile.database, KEY, [""])
    database.execute("DELETE FROM notes")
    database.close()
    assert TEXT.encode() not in pages_opened_with_the_key(profile.database, KEY)


def test_tracebacks(profile: Profile, capfd: pytest.CaptureFixture[str]) -> None:
    raw = profile.vault.read_bytes()
    for failing in (
        lambda: open_vault(raw[:-1] + b"\0", PASSPHRASE),
        lambda: open_vault(raw, PASSPHRASE + "\ud800"),
        lambda: open_vault(raw[:-1], PASSPHRASE),
        lambda: seal_vault(VaultContents(SEED, KEY), PASSPHRASE * 100, SystemRandomness(), FLOOR),
        lambda: Database.open(profile.vault, KEY, [""]),
        lambda: Database.open(profile.database, KEY[::-1], [""]),
    ):
        with pytest.raises(E2EChatError) as caught:
            failing()
        assert_clean("".join(traceback.format_exception(caught.value)).encode())
    assert_clean("".join(capfd.readouterr()).encode())
