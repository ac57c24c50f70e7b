"""The frame around the commands: options, help, starting, ending, and that there is one way out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import e2echat
from e2echat.faces.cli.app import COMMANDS, app

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine, Process
    from tests.faces.fake_account import World


def command(name: str) -> click.Command:
    found = app.get_command(click.Context(app), name)
    assert found
    return found


class TestOptions:
    @pytest.mark.parametrize("arguments", [("--json", "contacts"), ("contacts", "--json")])
    def test_json_before_or_after_the_command(self, cli: "CommandLine", arguments: Sequence[str]) -> None:
        assert json.loads(cli(*arguments).out)["name"] == "bob"

    def test_home_before_or_after_the_command_or_in_the_environment(
        self, cli: "CommandLine", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = str(tmp_path / "one"), str(tmp_path / "two")

        def home(*arguments: str) -> str:
            return str(json.loads(cli("--json", *arguments).out)["home"])

        assert home("--home", one, "status") == one
        assert home("status", "--home", two) == two
        assert home("--home", one, "status", "--home", two) == two
        monkeypatch.setenv("E2ECHAT_HOME", one)
        assert home("status") == one
        assert home("--home", two, "status") == two
        assert home("status", "--home", two) == two

    def test_without_any_the_platform_decides(
        self, cli: "CommandLine", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cli.home = Path()
        monkeypatch.setenv("XDG_DATA_HOME", "/data")
        monkeypatch.setattr(cli, "home", None)
        assert json.loads(cli("--json", "status").out)["home"].endswith("e2echat")

    def test_a_file_is_no_home(self, cli: "CommandLine", tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert cli("--home", str(tmp_path / "file"), "status").code == 2
        assert cli("status", "--home", str(tmp_path / "file")).code == 2

    @pytest.mark.parametrize(
        "arguments",
        [("dance",), ("--dance",), ("send",), ("send", "--peer"), ("send", "--peer", "bob", "a", "b")],
    )
    def test_usage(self, cli: "CommandLine", world: "World", arguments: Sequence[str]) -> None:
        result = cli(*arguments)
        assert (result.code, result.out) == (2, "")
        assert "--help" in result.err
        assert world.closed == 0

    def test_nothing_at_all_shows_what_there_is(
        self, cli: "CommandLine", capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli().code == 0
        assert "Start here" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("typed", "meant"), [("tlak", "talk"), ("recieve", "receive"), ("fingerprnt", "fingerprint")]
    )
    def test_what_was_mistyped_is_guessed(self, cli: "CommandLine", typed: str, meant: str) -> None:
        assert f"Did you mean {meant}?" in cli(typed).err
        assert "Did you mean" not in cli("xyzzy").err

    def test_what_was_typed_wrongly_is_inert(self, cli: "CommandLine") -> None:
        result = cli("\x1b[31mdance\u202e")
        assert result.code == 2
        assert result.err.replace("\n", "").isprintable()

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_peer_is_checked(self, cli: "CommandLine", world: "World", name: str) -> None:
        arguments = [parameter for parameter in command(name).params if parameter.name == "peer"]
        for parameter in arguments:
            before = ["--peer"] if isinstance(parameter, click.Option) else []
            for bad in ("", "a\0b", "\udcff"):
                assert cli(name, *before, bad).code == 2
        assert world.closed == 0


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_each_command_has_its_own(
        self, cli: "CommandLine", name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for flag in ("--help", "-h"):
            assert cli(name, flag).code == 0
            assert capsys.readouterr().out.startswith(f"Usage: e2echat {name}")

    def test_the_list_says_what_the_commands_say(self) -> None:
        for name, (_, words) in COMMANDS.items():
            short = command(name).get_short_help_str(200)
            assert short == words or name == "relay"

    def test_every_command_with_results_has_home_and_json(self) -> None:
        for name in COMMANDS:
            if name != "relay":
                options = {option for parameter in command(name).params for option in parameter.opts}
                assert {"--home", "--json"} <= options

    def test_version(self, cli: "CommandLine") -> None:
        assert cli("--json", "--version").out == f"e2echat {e2echat.__version__}\n"


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "error"} | environment,
    )


class TestStart:
    """What is not imported costs nothing."""

    def loaded(self, *arguments: str) -> set[str]:
        script = (
            "import sys\n"
            f"sys.argv = ['e2echat', *{list(arguments)!r}]\n"
            "from e2echat.faces.cli.main import main\n"
            "try:\n    main()\n"
            "except SystemExit as leaving:\n    assert not leaving.code\n"
            "print('\\n'.join(sys.modules), file=sys.stderr)"
        )
        result = python("-c", script)
        assert result.returncode == 0, result.stderr
        return set(result.stderr.split())

    def test_version_loads_no_command_line(self) -> None:
        loaded = self.loaded("--version")
        assert not {"click", "typing", "enum", "threading", "e2echat.faces.output"} & loaded

    def test_help_loads_no_command(self) -> None:
        loaded = self.loaded("--help")
        assert not {f"e2echat.faces.cli.{module}" for module, _ in COMMANDS.values()} & loaded
        assert not {name for name in loaded if name.startswith(("e2echat.client", "e2echat.relay"))}

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_of_a_command_loads_nothing_heavy(self, name: str) -> None:
        heavy = {
            "nacl",
            "cryptography",
            "sqlcipher3",
            "sqlite3",
            "prompt_toolkit",
            "segno",
            "asyncio",
        }
        assert not heavy & self.loaded(name, "--help")

    def test_as_a_module(self) -> None:
        result = python("-m", "e2echat", "--version")
        assert (result.returncode, result.stdout) == (0, f"e2echat {e2echat.__version__}\n")


class TestEnd:
    """In a process of its own: what the shell sees."""

    def test_nobody_reads(self, process: "Process") -> None:
        readable, writable = os.pipe()
        os.close(readable)
        child = process.start("receive", stdout=writable, stderr=subprocess.PIPE)
        os.close(writable)
        _, said = child.communicate()
        assert (child.returncode, said) == (141, b"")
        assert process.log.read_text() == ""

    @pytest.mark.parametrize("arguments", [("receive",), ("--help",), ("--json", "--version")])
    def test_nowhere_to_write(self, process: "Process", arguments: Sequence[str]) -> None:
        with Path("/dev/full").open("wb") as full:
            child = process.start(*arguments, stdout=full, stderr=subprocess.PIPE)
            _, said = child.communicate()
        assert child.returncode == 1
        assert said.count(b"\n") == 1
        assert process.log.read_text() == ""

    def test_closed_output(self, process: "Process") -> None:
        child = process.start(
            "receive", stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1)
        )
        _, said = child.communicate()
        assert child.returncode == 1
        assert b"Traceback" not in said
        assert process.log.read_text() == ""

    def test_a_locale_without_the_characters(self, process: "Process") -> None:
        result = subprocess.run(
            [*process.command, "receive"],
            env=process.environment(E2ECHAT_TEST_WAITING="naïve ✓", PYTHONIOENCODING="ascii"),
            capture_output=True,
            check=False,
        )
        assert result.returncode == 0
        assert b"na\\xefve \\u2713" in result.stdout

    def test_interrupted(self, process: "Process") -> None:
        child = process.start("receive", "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, said = child.communicate()
        assert child.returncode == 130
        assert b"Traceback" not in said

    @pytest.mark.parametrize(
        ("bug", "code", "where"), [("open", 1, " at e2echat.faces.cli.session:"), ("thread", 0, ".")]
    )
    def test_a_bug_is_one_line_without_values(
        self, process: "Process", bug: str, code: int, where: str
    ) -> None:
        result = subprocess.run(
            [*process.command, "contacts"],
            env=process.environment(E2ECHAT_TEST_BUG=bug),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == code
        assert f"internal error: KeyError{where}" in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert "secret" not in result.stderr

    @pytest.mark.parametrize(("output", "code"), [("/dev/full", 1), ("/dev/null", 0)])
    def test_version_of_the_real_program(self, output: str, code: int) -> None:
        with Path(output).open("wb") as stream:
            result = subprocess.run(
                [sys.executable, "-m", "e2echat", "--version"],
                stdout=stream,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert result.returncode == code
        assert b"Traceback" not in result.stderr
