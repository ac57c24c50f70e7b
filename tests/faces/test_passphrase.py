import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: "World") -> Path:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    monkeypatch.setenv("E2ECHAT_PASSPHRASE_FILE", str(path))
    world.passphrase = "öpen sesame"
    return path


@pytest.mark.parametrize("content", ["öpen sesame", "öpen sesame\n", "öpen sesame\r\n"])
def test_from_a_file(cli: "CommandLine", file: Path, content: str) -> None:
    file.write_bytes(content.encode())
    result = cli("status")
    assert (result.code, result.err) == (0, "")


def test_a_new_one_from_a_file(cli: "CommandLine", file: Path, world: "World") -> None:
    file.write_text("another\n")
    assert cli("init", "carol", "--relay", "relay").code == 0
    assert world.passphrase == "another"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\xff\n",
        b"one\ntwo\n",
        b"x" * 5000,
        b"wrong\n",
        b" \xc3\xb6pen sesame\n",
        b"\xc3\xb6pen sesame\nmore\n",
    ],
)
def test_a_file_without_the_passphrase(cli: "CommandLine", file: Path, content: bytes) -> None:
    file.write_bytes(content)
    result = cli("status")
    assert (result.code, result.out) == (6, "")


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"x" * 5000])
def test_no_new_one_from_such_a_file(cli: "CommandLine", file: Path, world: "World", content: bytes) -> None:
    file.write_bytes(content)
    world.exists = False
    assert cli("init", "carol", "--relay", "relay").code == 6
    assert not world.exists


def test_a_file_that_cannot_be_read(cli: "CommandLine", file: Path) -> None:
    file.unlink()
    assert cli("status").code == 6
    file.mkdir()
    assert cli("status").code == 6


def test_a_device_without_end_is_not_read_on(
    cli: "CommandLine", file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("E2ECHAT_PASSPHRASE_FILE", "/dev/zero")
    assert cli("status").code == 6


def test_a_file_that_others_can_read_is_remarked_upon(cli: "CommandLine", file: Path) -> None:
    file.write_text("öpen sesame")
    file.chmod(0o644)
    result = cli("status")
    assert result.code == 0
    assert "chmod 600" in result.err


def test_a_pipe_will_do(cli: "CommandLine", file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readable, writable = os.pipe()
    os.write(writable, "öpen sesame\n".encode())
    os.close(writable)
    monkeypatch.setenv("E2ECHAT_PASSPHRASE_FILE", f"/dev/fd/{readable}")
    try:
        assert cli("status").code == 0
    finally:
        os.close(readable)


def test_asked_for(cli: "CommandLine", world: "World") -> None:
    world.passphrase = "sesame"
    cli.secrets = ["sesame"]
    assert cli("status").code == 0
    cli.secrets = ["wrong"]
    assert cli("status").code == 6
    cli.secrets = []
    result = cli("status")
    assert result.code == 6
    assert "E2ECHAT_PASSPHRASE_FILE" in result.err


def test_not_asked_for_when_there_is_none(cli: "CommandLine") -> None:
    assert cli("status").code == 0


def test_a_new_one_without_a_terminal_says_what_else_there_is(cli: "CommandLine") -> None:
    said = cli("init", "carol", "--relay", "relay").err
    assert "locked" not in said
    assert "--no-passphrase" in said
    assert "E2ECHAT_PASSPHRASE_FILE" in said
