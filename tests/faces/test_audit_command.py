import io
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.faces.exits import Exit
from e2echat.relay.recorder import Recorder
from e2echat.wire.frames import submission
from e2echat.wire.relay_messages import Fetch, encode

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "record"
    with closing(Recorder(path)) as recorder:
        recorder.opened(1, "192.0.2.1\x1b[2J")
        recorder.passed(1, "in", encode(Fetch(1, "bob", prekeys=False)))
    return path


@pytest.fixture
def broken(record: Path) -> Path:
    with closing(Recorder(record)) as recorder:
        recorder.opened(1, "192.0.2.1")
        recorder.passed(1, "in", submission(300, bytes(16), b"meet me at the old harbour at eight" * 60))
    return record


def test_a_sound_record(cli: "CommandLine", record: Path) -> None:
    done = cli("audit", str(record))
    assert done.code == Exit.DONE
    assert "BROKEN" not in done.out
    assert "asked for the keys of bob" in done.out


def test_foreign_text_is_inert(cli: "CommandLine", record: Path) -> None:
    assert "\x1b" not in cli("audit", str(record)).out


def test_a_broken_one(cli: "CommandLine", broken: Path) -> None:
    done = cli("audit", str(broken))
    assert done.code == Exit.KEY
    assert "BROKEN" in done.out


def test_as_objects(cli: "CommandLine", broken: Path) -> None:
    printed = [json.loads(line) for line in cli("audit", str(broken), "--json").lines]
    assert {values["name"] for values in printed if values["type"] == "check" and values["found"]} == {
        "sealed",
        "sizes",
    }
    assert printed[-1]["holds"] is False


def test_texts_from_standard_input(cli: "CommandLine", broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"old harbour\n\nsomething else\n")))
    printed = [json.loads(line) for line in cli("audit", str(broken), "--texts", "-", "--json").lines]
    (texts,) = [values for values in printed if values.get("name") == "texts"]
    assert texts["found"] == ["text 1 of 2 is in a frame of connection 1"]


def test_texts_elsewhere(cli: "CommandLine", record: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("old harbour\r\n")
    (tmp_path / "log").write_text("the old harbour")
    done = cli("audit", str(record), "--texts", str(tmp_path / "texts"), "--also", str(tmp_path / "log"))
    assert done.code == Exit.KEY


@pytest.mark.parametrize("content", [b"", b"no record\n", b"\xff" * 2_000_000])
def test_what_is_no_record(cli: "CommandLine", tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert cli("audit", str(tmp_path / "file")).code == Exit.USAGE


def test_no_file(cli: "CommandLine", tmp_path: Path) -> None:
    assert cli("audit", str(tmp_path / "none")).code == Exit.FAILED
