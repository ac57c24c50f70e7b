"""``make demo``, as a process: played without a terminal, live on one."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from e2echat.faces.demo.play import LINES, TEXTS

DEMO = [sys.executable, "-W", "error", "-m", "e2echat.faces.demo"]
PATIENCE = 60


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where temporary files are left behind, a test sees them."""
    (tmp_path / "scratch").mkdir()
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("E2ECHAT", "NO_COLOR"))}
    return ours | {"TMPDIR": str(tmp_path / "scratch"), "HOME": str(tmp_path), "TERM": "xterm-256color"}


def assert_nothing_is_left(scratch: Path) -> None:
    assert list(scratch.iterdir()) == []
    if Path("/proc/self").exists():
        lines = [_command_line(process) for process in Path("/proc").glob("[0-9]*/cmdline")]
        assert not [line for line in lines if str(scratch).encode() in line]


def _command_line(process: Path) -> bytes:
    try:
        return process.read_bytes()
    except OSError:  # it has just ended
        return b""


def passed(record: Path) -> bytes:
    """All bytes of all frames that the relay saw."""
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return b"".join(base64.b64decode(line.get("bytes", "")) for line in lines)


class TestWithoutATerminal:
    def test_both_are_read_by_each_other_and_not_by_the_relay(
        self, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        record = tmp_path / "record"
        played = subprocess.run(
            [*DEMO, "--record", str(record)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert played.returncode == 0, played.stderr
        assert "Traceback" not in played.stderr
        assert "\x1b" not in played.stdout
        seen = passed(record)
        assert len(seen) > 10_000
        assert b"alice" in seen
        for text in TEXTS:
            assert text in played.stdout
            assert text.encode() not in seen
            assert text.encode() not in record.read_bytes()
        assert_nothing_is_left(tmp_path / "scratch")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted_it_leaves_nothing_behind(
        self, tmp_path: Path, environment: dict[str, str], number: int
    ) -> None:
        with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
            assert demo.stdout
            assert demo.stderr
            demo.stdout.readline()
            demo.send_signal(number)
            demo.stdout.read()
            assert b"Traceback" not in demo.stderr.read()
            assert demo.wait(PATIENCE) == 130
        assert_nothing_is_left(tmp_path / "scratch")

    def test_it_says_what_failed(self, tmp_path: Path, environment: dict[str, str]) -> None:
        demo = [*DEMO, "--record", str(tmp_path / "no" / "directory")]
        played = subprocess.run(demo, env=environment, capture_output=True, timeout=PATIENCE, check=False)
        assert played.returncode == 1
        assert b"Traceback" not in played.stderr
        assert_nothing_is_left(tmp_path / "scratch")


class AnsweringScreen(pyte.Screen):
    """A terminal that answers when it is asked where its cursor is."""

    def __init__(self, columns: int, rows: int, answer: Callable[[str], object]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Screen:
    """The demo on a terminal of ``columns`` x ``rows``."""

    def __init__(self, columns: int, rows: int, environment: dict[str, str]) -> None:
        self.child = pexpect.spawn(
            DEMO[0], DEMO[1:], env=environment, dimensions=(rows, columns), encoding="utf-8", timeout=PATIENCE
        )
        self._screen = AnsweringScreen(columns, rows, self.child.send)
        self._stream = pyte.Stream(self._screen)

    def until(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """The screen's lines, once they are as wanted."""
        while not condition(list(self._screen.display)):
            self._stream.feed(self.child.read_nonblocking(4096, timeout=PATIENCE))
        return list(self._screen.display)

    def pane(self, number: int) -> str:
        """What stands between the borders of one of the panes in the upper part, from the left."""
        rows = [line.replace("││", "│").split("│") for line in self._screen.display if line.startswith("│")]
        return "\n".join(row[number + 1] for row in rows if len(row) > number + 2)

    def ends(self) -> int:
        self.child.expect(pexpect.EOF)
        # Whoever is closed before he has ended is killed.
        self.child.wait()
        self.child.close()
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)


@pytest.fixture
def screen(environment: dict[str, str]) -> Iterator[Callable[..., Screen]]:
    started: list[Screen] = []

    def start(columns: int, rows: int, **more: Any) -> Screen:
        started.append(Screen(columns, rows, environment | more))
        return started[-1]

    yield start
    for one in started:
        one.child.close(force=True)


class TestOnATerminal:
    @pytest.mark.parametrize(("columns", "rows", "leave"), [(150, 30, "\x03"), (80, 24, "\x1b")])
    def test_both_type_and_see_each_other(
        self, tmp_path: Path, screen: Callable[..., Screen], columns: int, rows: int, leave: str
    ) -> None:
        demo = screen(columns, rows)
        demo.until(lambda lines: any("Tab: the other person" in line for line in lines))
        demo.child.send("ping from here\r")
        demo.until(lambda _: "alice: ping from here" in demo.pane(1))
        assert "alice: ping from here" in demo.pane(0)
        demo.child.send("\tpong from there\r")
        demo.until(lambda _: "bob: pong from there" in demo.pane(0))
        assert "bob: pong from there" in demo.pane(1)
        shown = demo.until(lambda lines: any(" envelope " in line for line in lines))
        assert any("What the relay sees" in line for line in shown)
        demo.child.send(leave)
        assert demo.ends() == 0
        assert_nothing_is_left(tmp_path / "scratch")

    def test_a_terminal_that_cannot_be_painted_on_gets_the_play(self, screen: Callable[..., Screen]) -> None:
        demo = screen(100, 50, TERM="dumb")
        demo.child.expect_exact(LINES[-1][1])
        demo.child.expect_exact("Checked")
        assert demo.ends() == 0
