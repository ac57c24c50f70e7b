"""Completion: the scripts, and what a shell gets that asks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.faces.cli.app import COMMANDS
from e2echat.faces.cli.completion import SHELLS, VARIABLE, script

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine

HEAVY = {
    "nacl",
    "cryptography",
    "sqlcipher3",
    "sqlite3",
    "prompt_toolkit",
    "segno",
    "e2echat.client.account",
}


def answer(line: str, home: Path) -> tuple[list[str], set[str]]:
    """The lines that bash gets for the last word of ``line``, and the modules that were loaded for it."""
    code = (
        "import sys\n"
        "from e2echat.faces.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as leaving:\n    assert not leaving.code\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    asked = {VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | asked | {"E2ECHAT_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), set(done.stderr.split())


def test_commands_are_completed_without_loading_what_they_need(tmp_path: Path) -> None:
    lines, loaded = answer("e2echat ", tmp_path / "none")
    assert lines == [f"plain,{name}" for name in COMMANDS]
    assert not HEAVY & loaded
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("e2echat sen", ["plain,send"]),
        ("e2echat send --ti", ["plain,--timeout"]),
        ("e2echat send --wait d", ["plain,delivered"]),
        ("e2echat relay us", ["plain,users"]),
        ("e2echat --json --version sen", ["plain,send"]),
        ("e2echat --home ", ["dir,"]),
        ("e2echat verify ", []),
    ],
)
def test_the_last_word_is_completed(line: str, lines: list[str], tmp_path: Path) -> None:
    assert answer(line, tmp_path)[0] == lines


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script_as_it_is(cli: "CommandLine", shell: str) -> None:
    printed = cli("completion", shell)
    assert (printed.code, printed.out) == (0, script(shell).strip("\n") + "\n")
    assert VARIABLE in printed.out


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_takes_its_script(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [shell, "-n"], input=script(shell), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_with_it(tmp_path: Path) -> None:
    """In a real bash: the function that the script defines is called as the shell calls it."""
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    program = tmp_path / "e2echat"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m e2echat "$@"\n')
    program.chmod(0o700)
    asks = 'COMP_WORDS=(e2echat hist); COMP_CWORD=1; _e2echat_completion e2echat; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        [bash, "--norc", "-c", f"{script('bash')}\n{asks}"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("history\n", "")
