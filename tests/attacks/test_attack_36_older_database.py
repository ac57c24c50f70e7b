"""An older database, or directory, is put back: it is noticed, and what it goes on with was never used."""

import shutil
from pathlib import Path

import pytest

from e2echat.client.holding import Holding, unlock
from e2echat.crypto.primitives import SystemRandomness
from e2echat.store.profile import Profile
from e2echat.wire.address import JoinAddress

ADDRESS = "relay://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@localhost:7443"
DATABASE = ("database", "database-wal")


def opened(home: Path) -> Holding:
    profile = Profile.open(home)
    return Holding.open(profile, profile.lock(), unlock(profile, lambda: ""))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    Holding.create(
        home, "alice", JoinAddress.parse(ADDRESS), None, 1_800_000_000_000, SystemRandomness()
    ).release()
    return home


def live(home: Path) -> bytes:
    """A life in which something changes; the device certificate that it had."""
    holding = opened(home)
    with holding.records.transaction():
        holding.records.set_own("prekey_id", b"0007")
    device = holding.own.device.device.raw
    holding.release()
    return device


def test_going_on_where_one_was_changes_nothing(home: Path) -> None:
    assert live(home) == live(home) == live(home)


def test_an_older_database_goes_on_under_a_later_certificate(home: Path, tmp_path: Path) -> None:
    first = live(home)
    shutil.copytree(home, tmp_path / "older")
    live(home)
    for name in DATABASE:
        (home / name).unlink(missing_ok=True)
        if (tmp_path / "older" / name).exists():
            shutil.copyfile(tmp_path / "older" / name, home / name)
    assert_goes_on_anew(home, first)


def test_an_older_directory_goes_on_under_a_later_certificate(home: Path, tmp_path: Path) -> None:
    first = live(home)
    shutil.copytree(home, tmp_path / "older")
    live(home)
    shutil.rmtree(home)
    (tmp_path / "older").rename(home)
    assert_goes_on_anew(home, first)


def assert_goes_on_anew(home: Path, first: bytes) -> None:
    later = opened(home)
    try:
        device = later.own.device.device
        assert device.raw != first
        assert later.records.own("anew")
        assert later.records.own("claimed") is None
    finally:
        later.release()
    assert live(home) == device.raw
