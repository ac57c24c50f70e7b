from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.faces.exits import Exit

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World


def test_typed(cli: "CommandLine", world: "World") -> None:
    world.passphrase = "former"
    cli.secrets = ["former", "new", "new"]
    result = cli("passphrase")
    assert (result.code, world.passphrase) == (Exit.DONE, "new")
    assert "before" in result.err


def test_from_files(
    cli: "CommandLine", world: "World", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.passphrase = "former"
    for variable, text in (("E2ECHAT_PASSPHRASE_FILE", "former"), ("E2ECHAT_NEW_PASSPHRASE_FILE", "new")):
        file = tmp_path / variable
        file.write_text(text)
        file.chmod(0o600)
        monkeypatch.setenv(variable, str(file))
    assert cli("passphrase").code == Exit.DONE
    assert world.passphrase == "new"


@pytest.mark.parametrize(
    ("typed", "code"),
    [(["wrong", "new", "new"], Exit.LOCKED), (["former", "new", "other"], Exit.USAGE), (["former", ""], 2)],
)
def test_what_does_not_fit_changes_nothing(
    cli: "CommandLine", world: "World", typed: list[str], code: int
) -> None:
    world.passphrase = "former"
    cli.secrets = typed
    assert cli("passphrase").code == code
    assert world.passphrase == "former"


def test_the_former_is_not_asked_for_where_there_is_none(cli: "CommandLine", world: "World") -> None:
    cli.secrets = ["new", "new"]
    assert cli("passphrase").code == Exit.DONE
    assert world.passphrase == "new"


def test_taken_away_in_plain_words(cli: "CommandLine", world: "World") -> None:
    world.passphrase = "former"
    cli.secrets = ["former"]
    result = cli("passphrase", "--no-passphrase")
    assert "can read everything" in result.err
    assert (result.code, repr(world.passphrase)) == (Exit.DONE, "None")


def test_with_neither_terminal_nor_file(cli: "CommandLine", world: "World") -> None:
    result = cli("passphrase")
    assert result.code == Exit.LOCKED
    assert world.passphrase is None
    assert "E2ECHAT_NEW_PASSPHRASE_FILE" in result.err
