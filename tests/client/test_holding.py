"""A profile that is made, opened, and let go of, whole or not at all."""

from pathlib import Path

import pytest

from e2echat.client.holding import Holding, unlock
from e2echat.client.own import Own
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import NoProfileError, ProfileExistsError, StorageError
from e2echat.store.database import Database
from e2echat.store.profile import Profile
from e2echat.wire.address import JoinAddress, RelayAddress

NOW = 1_700_000_000_000
ADDRESS = RelayAddress(bytes(32), "localhost", 7443)


def _create(home: Path) -> Holding:
    return Holding.create(home, "alice", JoinAddress(ADDRESS), None, NOW, SystemRandomness())


def _open(home: Path) -> Holding:
    profile = Profile.open(home)
    vault = unlock(profile, lambda: pytest.fail("there is no passphrase"))
    return Holding.open(profile, profile.lock(), vault)


def test_made_and_opened(tmp_path: Path) -> None:
    made = _create(tmp_path / "home")
    made.release()
    opened = _open(tmp_path / "home")
    assert opened.own.identity == made.own.identity
    assert not opened.has_passphrase
    opened.release()


def test_undone(tmp_path: Path) -> None:
    _create(tmp_path / "home").undo()
    assert not (tmp_path / "home").exists()
    with pytest.raises(NoProfileError):
        _open(tmp_path / "home")


def test_not_over_another(tmp_path: Path) -> None:
    made = _create(tmp_path / "home")
    with pytest.raises(ProfileExistsError):
        _create(tmp_path / "home")
    made.release()
    _open(tmp_path / "home").release()


@pytest.mark.parametrize("step", ["Database", "Own", "write_private"])
def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        target = {"Database": Database, "Own": Own}.get(step)
        if target is None:
            patch.setattr("e2echat.store.profile.write_private", fail)
        else:
            patch.setattr(target, "open" if step == "Database" else "create", fail)
        with pytest.raises(StorageError):
            _create(tmp_path / "home")
    assert not (tmp_path / "home").exists()
    _create(tmp_path / "home").release()


def test_a_failed_opening_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("another account's")

    _create(tmp_path / "home").release()
    with monkeypatch.context() as patch:
        patch.setattr(Own, "load", fail)
        with pytest.raises(StorageError):
            _open(tmp_path / "home")
    _open(tmp_path / "home").release()


def test_a_token_is_kept_for_the_relay_alone(tmp_path: Path) -> None:
    token = bytes(range(16))
    join = JoinAddress(ADDRESS, token)
    held = Holding.create(tmp_path / "home", "alice", join, None, NOW, SystemRandomness())
    assert held.records.own("join_token") == token
    assert held.own.address == ADDRESS
    held.release()
    again = _open(tmp_path / "home")
    assert again.records.own("join_token") == token
    again.release()
