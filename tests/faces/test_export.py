import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import Quote
from e2echat.errors import StorageError
from e2echat.faces.cli import export
from e2echat.faces.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

HOSTILE = "one\x1b[2J\ntwo\u202e"


def test_readable_and_harmless(cli: "CommandLine", world: "World") -> None:
    world.message(HOSTILE)
    done = cli("export", "bob")
    assert done.code == Exit.DONE
    assert "one␛[2J" in done.out
    assert done.out.replace("\n", "").isprintable()


def test_exact_for_programs_as_history_has_it(cli: "CommandLine", world: "World") -> None:
    world.message(HOSTILE)
    world.message("mine", direction="out")
    exported = cli("export", "bob", "--json").out
    assert [json.loads(line)["text"] for line in exported.splitlines()] == [HOSTILE, "mine"]
    assert exported == cli("history", "bob", "--json").out


def test_everybody(cli: "CommandLine", world: "World", person: "Callable[..., Any]") -> None:
    world.people["eve"] = person("eve")
    world.message("from bob")
    world.message("from eve", "eve")
    done = cli("export")
    assert [line.partition(": ")[2] or line for line in done.lines] == [
        *("== bob", "from bob"),
        *("== eve", "from eve"),
    ]
    assert len(cli("export", "--json").lines) == 2


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_page_by_page(
    cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    for number in range(count):
        world.message(str(number))
    done = cli("export", "bob", "--json")
    assert [json.loads(line)["text"] for line in done.lines] == [str(number) for number in range(count)]
    assert world.pages == -(-count // 2) + 1


def test_into_a_file_of_ones_own(cli: "CommandLine", world: "World", tmp_path: Path) -> None:
    world.message("hi")
    file = tmp_path / "export"
    done = cli("export", "bob", "--output", str(file), "--json")
    assert json.loads(done.out) == {"type": "exported", "file": str(file), "messages": 1, "left_out": 0}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["text"] == "hi"


@pytest.mark.parametrize("planted", ["file", "link", "directory"])
def test_nothing_is_ever_overwritten(
    cli: "CommandLine", world: "World", tmp_path: Path, planted: str
) -> None:
    world.message("hi")
    file, other = tmp_path / "export", tmp_path / "other"
    if planted == "file":
        file.write_text("precious")
    elif planted == "link":
        file.symlink_to(other)
    else:
        file.mkdir()
    assert cli("export", "bob", "--output", str(file)).code in (Exit.FAILED, Exit.USAGE)
    assert not other.exists()
    if planted == "file":
        assert file.read_text() == "precious"


def test_what_fails_leaves_no_file(cli: "CommandLine", world: "World", tmp_path: Path) -> None:
    world.failures["page"] = StorageError("the disk could not be read")
    file = tmp_path / "export"
    assert cli("export", "bob", "--output", str(file)).code == Exit.FAILED
    assert not file.exists()
    assert cli("export", "bob", "--output", str(tmp_path / "nowhere" / "export")).code == Exit.FAILED


def test_nobody_of_that_name(cli: "CommandLine") -> None:
    assert cli("export", "nobody").code == Exit.NO_SUCH_PEER


def test_what_is_to_disappear_is_left_out_unless_wanted(cli: "CommandLine", world: "World") -> None:
    secret = world.message("for an hour", timer=3600)
    world.message("answer", reply_to=Quote(secret.id, "bob", secret.text))
    done = cli("export", "bob")
    assert "for an hour" not in done.out
    assert "answer" in done.out
    assert "1 message" in done.err
    wanted = cli("export", "bob", "--disappearing")
    assert wanted.out.count("for an hour") == 2
    assert wanted.err == ""
