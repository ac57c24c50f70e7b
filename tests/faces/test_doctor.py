"""``doctor`` and ``status`` as they are shown; what they find is in ``tests/client/test_checkup.py``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.client import checkup
from e2echat.client.findings import Finding, State
from e2echat.errors import E2EChatError, RelayUnreachableError, StorageError, WrongPassphraseError

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

REFUSED = Finding("relay", State.WRONG, "nobody", "e2echat move A", RelayUnreachableError("", "refused"))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([Finding("backup", State.WARNING, "none", "e2echat backup FILE")], 0),
        ([Finding("permissions", State.MENDED, "modes")], 0),
        ([REFUSED, Finding("disk", State.WRONG, "full", None, StorageError("full"))], 5),
        ([Finding("account", State.UNKNOWN, "locked", None, WrongPassphraseError("no")), REFUSED], 6),
    ],
)
def test_the_first_thing_that_is_wrong_decides(
    cli: "CommandLine", monkeypatch: pytest.MonkeyPatch, found: list[Finding], code: int
) -> None:
    monkeypatch.setattr(checkup, "checkup", lambda *_: iter(found))
    result = cli("doctor")
    assert result.code == code
    for each in found:
        assert f"{each.state.value:<8}{each.check}" in result.out
        assert each.words in result.out
        assert each.command is None or each.command in result.out
    (first, *_) = (json.loads(line) for line in cli("doctor", "--json").lines)
    assert (first["check"], first["state"], first["command"]) == (
        found[0].check,
        found[0].state.value,
        found[0].command,
    )


def test_what_is_wrong_comes_with_advice_and_harmless(
    cli: "CommandLine", monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [REFUSED, Finding("keys", State.WARNING, "of \x1b[2Jbob\nfine    relay")]
    monkeypatch.setattr(checkup, "checkup", lambda *_: iter(found))
    result = cli("doctor")
    assert "Nothing listens there" in result.out
    assert "\x1b" not in result.out
    assert not any(line.startswith("fine    relay") for line in result.lines)


def test_no_account_at_all(cli: "CommandLine", tmp_path: Path) -> None:
    result = cli("--home", str(tmp_path / "none"), "doctor")
    assert result.code == 2
    assert "e2echat init" in result.out


def test_status_tells_how_the_relay_answers(cli: "CommandLine", world: "World") -> None:
    world.clock_ahead = -7200.0
    out = cli("status").out
    assert "12.3 ms" in out
    assert "2 hours behind" in out
    (now,) = (json.loads(line) for line in cli("status", "--json").lines)
    assert (now["round_trip"], now["clock_ahead"]) == (0.0123, -7200.0)


@pytest.mark.parametrize("error", [RelayUnreachableError("gone"), None])
def test_status_of_a_relay_that_does_not_answer(
    cli: "CommandLine", world: "World", error: E2EChatError | None
) -> None:
    if error is None:
        world.up = False
    else:
        world.failures["ask_relay"] = error
    assert "round trip" not in cli("status").out
    (now,) = (json.loads(line) for line in cli("status", "--json").lines)
    assert (now["round_trip"], now["clock_ahead"]) == (None, None)
