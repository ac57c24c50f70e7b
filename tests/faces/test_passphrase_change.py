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


@pytest.mark.parametrize(
    ("options", "words"), [([], "Try the new one first"), (["--no-passphrase"], "e2echat status")]
)
def test_who_interrupts_it_is_told_that_it_may_have_been_changed(
    cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    world.passphrase = "former"
    cli.secrets = ["former", "new", "new"]
    monkeypatch.setattr(world.account_class().__mro__[1], "change_passphrase", interrupted)
    result = cli("passphrase", *options)
    assert result.code == Exit.INTERRUPTED
    assert words in result.err


def test_who_interrupts_the_question_is_told_nothing(
    cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("e2echat.faces.cli.safekeeping.changed_passphrase", interrupted)
    result = cli("passphrase")
    assert (result.code, result.err.strip()) == (Exit.INTERRUPTED, "")


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
