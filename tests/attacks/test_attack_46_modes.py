"""Wrong modes, foreign owner, links, umask 0: mended or refused, and at no instant world-readable."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2echat.errors import StorageError, UnsafeProfileError
from e2echat.store.database import Database
from e2echat.store.private_files import read_private, replace_secret, write_private
from e2echat.store.profile import Profile

SCRIPTS = ["CREATE TABLE notes (text TEXT) STRICT;"]


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def first_modes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The mode of everything that is made, as it was right after the system call that made it."""
    modes: dict[str, int] = {}
    real_open, real_mkdir = os.open, os.mkdir

    def note(path: Any) -> None:
        modes.setdefault(Path(path).name, stat.S_IMODE(os.lstat(path).st_mode))

    def watched_open(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        descriptor = real_open(path, flags, mode, **options)
        note(path)
        return descriptor

    def watched_mkdir(path: Any, mode: int = 0o777, **options: Any) -> None:
        real_mkdir(path, mode, **options)
        note(path)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "mkdir", watched_mkdir)
    return modes


def test_at_no_instant_readable_by_others(
    tmp_path: Path, no_umask: None, first_modes: dict[str, int]
) -> None:
    profile = Profile.create(tmp_path / "home")
    with profile.lock():
        database = Database.open(profile.database, bytes(32), SCRIPTS)
        database.execute("INSERT INTO notes VALUES ('secret')")
        write_private(profile.vault, b"vault")
        profile.mark.renew()
        replace_secret(profile.vault, b"vault under another passphrase")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in profile.home.iterdir()}
        database.close()
    made = {name: mode for name, mode in first_modes.items() if name != tmp_path.name}
    assert made == dict.fromkeys(
        ("incomplete", "lock", "database", "vault.new", "vault", "locked"), 0o600
    ) | {"home": 0o700}
    assert modes == dict.fromkeys(
        ("incomplete", "lock", "database", "database-wal", "vault", "locked"), 0o600
    )


def test_opened_wide_is_mended(tmp_path: Path, no_umask: None) -> None:
    profile = Profile.create(tmp_path / "home")
    with profile.lock():
        write_private(profile.vault, b"vault")
        Database.open(profile.database, bytes(32), SCRIPTS).close()
    for path in (profile.home, profile.vault, profile.database):
        path.chmod(0o777)
    Profile.open(profile.home)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (profile.home, *profile.home.iterdir())}
    assert found == dict.fromkeys(("incomplete", "lock", "vault", "database"), 0o600) | {"home": 0o700}


@pytest.mark.parametrize("name", ["vault", "vault.new", "database", "database-wal", "lock", "locked"])
def test_a_planted_link_is_neither_followed_nor_written_through(tmp_path: Path, name: str) -> None:
    target = tmp_path / "precious"
    target.write_text("untouched")
    profile = Profile.create(tmp_path / "home")
    with profile.lock():
        write_private(profile.vault, b"vault")
        Database.open(profile.database, bytes(32), SCRIPTS).close()
    (profile.home / name).unlink(missing_ok=True)
    (profile.home / name).symlink_to(target)
    with pytest.raises(UnsafeProfileError):
        Profile.open(profile.home)
    if name == "vault":
        with pytest.raises(UnsafeProfileError):
            read_private(profile.vault, 100)
    if name == "database":
        with pytest.raises(StorageError):
            Database.open(profile.database, bytes(32), SCRIPTS)
    if name == "lock":
        with pytest.raises(UnsafeProfileError):
            profile.lock(0)
    if name == "locked":
        with pytest.raises(UnsafeProfileError):
            profile.mark.renew()
    if name == "vault":
        with pytest.raises(UnsafeProfileError):
            profile.delete()
    assert target.read_text() == "untouched"


def test_somebody_elses_directory_is_neither_used_nor_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    for use in (Profile.create, Profile.open):
        with pytest.raises(UnsafeProfileError):
            use(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
