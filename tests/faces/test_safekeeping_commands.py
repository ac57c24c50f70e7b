from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import StorageError, WrongPassphraseError
from e2echat.faces.exits import Exit

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World


@pytest.fixture(autouse=True)
def passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse")
    file.chmod(0o600)
    monkeypatch.setenv("E2ECHAT_BACKUP_PASSPHRASE_FILE", str(file))
    return file


def test_a_backup(
    cli: "CommandLine", world: "World", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("backup", "mine")
    assert done.code == Exit.DONE
    assert world.backed_up == (str(tmp_path / "mine"), "correct horse")


def test_without_a_passphrase_there_is_none(
    cli: "CommandLine", world: "World", tmp_path: Path, passphrase: Path
) -> None:
    passphrase.write_text("")
    assert cli("backup", str(tmp_path / "mine")).code == Exit.LOCKED
    assert world.backed_up is None


def test_a_disk_that_does_not_take_it(cli: "CommandLine", world: "World", tmp_path: Path) -> None:
    world.failures["backup"] = StorageError("the disk is full")
    assert cli("backup", str(tmp_path / "mine")).code == Exit.FAILED


def test_a_restored_profile(cli: "CommandLine", world: "World", tmp_path: Path) -> None:
    assert cli("restore", str(tmp_path / "mine"), "--no-passphrase").code == Exit.DONE
    assert world.restored == (tmp_path / "mine", "correct horse", None)


def test_a_wrong_passphrase(cli: "CommandLine", world: "World", tmp_path: Path) -> None:
    world.failures["restore"] = WrongPassphraseError("wrong passphrase")
    assert cli("restore", str(tmp_path / "mine"), "--no-passphrase").code == Exit.LOCKED
