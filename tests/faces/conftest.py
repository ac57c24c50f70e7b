"""A command line on a fake account: in this process, and in one of its own on a pseudo-terminal."""

import array
import fcntl
import importlib.util
import io
import os
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import click
import pexpect
import pyte
import pytest

from e2echat.faces.cli.app import run
from e2echat.faces.cli.session import Session
from e2echat.faces.input import Input
from e2echat.faces.output import Output

if TYPE_CHECKING:
    from tests.faces.fake_account import World

FAKE = Path(__file__).with_name("fake_account.py")


def _load_fake() -> ModuleType:
    """Test folders are not packages."""
    spec = importlib.util.spec_from_file_location("fake_account", FAKE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_account"] = module
    spec.loader.exec_module(module)
    return module


fake_account = _load_fake()


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class TypedInput(Input):
    """Standard input that holds what a person would type; ``secrets`` is typed unseen."""

    def __init__(self, typed: bytes, secrets: list[str], *, by_hand: bool) -> None:
        super().__init__(io.BytesIO(typed), is_terminal=by_hand)
        self._secrets = iter(secrets)
        self._has_terminal = bool(secrets)

    def can_ask_secret(self) -> bool:
        return self._has_terminal

    def secret(self, question: str) -> str:
        return next(self._secrets)

    def stay_unseen(self) -> None:
        """Whoever runs the tests goes on seeing what is typed."""


class AnsweringScreen(pyte.Screen):
    """A terminal that answers when a program asks where the cursor is."""

    def __init__(self, answer: Callable[[str], object]) -> None:
        super().__init__(100, 24)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


@dataclass
class CommandLine:
    """Runs a command on ``world``. ``typed``: what standard input holds; it is a terminal if ``by_hand``."""

    world: "World"
    home: Path
    by_hand: bool = False
    colour: bool = False
    secrets: list[str] = field(default_factory=list)
    started_over: list[tuple[str, ...]] = field(default_factory=list)
    """With which further arguments."""

    def __call__(self, *arguments: str, typed: bytes | str = b"") -> Result:
        raw = typed.encode() if isinstance(typed, str) else typed
        stdin = TypedInput(raw, self.secrets, by_hand=self.by_hand)
        out, err = io.StringIO(), io.StringIO()
        session = Session(Output(out, err, colour=self.colour), stdin, self.world.account_class, self.home)
        session.start_over = self._start_over
        return Result(run(arguments, session), out.getvalue(), err.getvalue())

    def _start_over(self, more: Sequence[str]) -> NoReturn:
        self.started_over.append(tuple(more))
        raise click.exceptions.Exit(0)


@pytest.fixture
def world() -> "World":
    made: World = fake_account.World()
    return made


@pytest.fixture
def person() -> Callable[..., Any]:
    made: Callable[..., Any] = fake_account.person
    return made


@pytest.fixture
def number() -> str:
    """The safety number of everybody in the fake world."""
    return str(fake_account.NUMBER)


@pytest.fixture
def cli(world: "World", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    for name in ("E2ECHAT_HOME", "E2ECHAT_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    return CommandLine(world, tmp_path / "home")


@dataclass
class Process:
    """How to start e2echat on a fake account in a process of its own."""

    directory: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """With two messages that wait."""
        environment = self.environment(E2ECHAT_TEST_WAITING="one\ntwo")
        self.started.append(subprocess.Popen([*self.command, *arguments], env=environment, **options))
        return self.started[-1]

    @property
    def command(self) -> Sequence[str]:
        return [sys.executable, str(FAKE)]

    def environment(self, **more: str) -> dict[str, str]:
        # Unbuffered output would hide that a failed write is tried again at the end.
        others = ("E2ECHAT", "NO_COLOR", "PYTHONUNBUFFERED")
        ours = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return (
            ours
            | {
                "HOME": str(self.directory),
                "TERM": "xterm-256color",
                "PYTHONWARNINGS": "error",
                "E2ECHAT_TEST_LOG": str(self.log),
            }
            | more
        )

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def arrivals(self) -> Path:
        return self.directory / "arrivals"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    for child in made.started:
        child.kill()
        child.wait()


class Terminal:
    """A screen on which a real process runs; answers what a program asks of a terminal."""

    def __init__(self, process: Process, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.raw = ""
        command, *rest = process.command
        self.child = pexpect.spawn(
            command, [*rest, *arguments], env=environment, dimensions=(24, 100), encoding="utf-8", timeout=20
        )
        self.screen = AnsweringScreen(self.child.send)
        self.stream = pyte.Stream(self.screen)

    def type(self, text: str) -> None:
        self.child.send(text)

    def until_taken(self) -> None:
        """Return once the system has handed on what was typed: until then, nothing drops it either."""
        typed = array.array("i", [0])
        with Path(f"/proc/{self.child.pid}/fd/0").open("rb") as keyboard:
            while not typed[0]:
                fcntl.ioctl(keyboard, termios.FIONREAD, typed)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).strip()

    def until(self, condition: Callable[[str], bool]) -> str:
        """Read until the screen is as wanted; the timeout of the child bounds it."""
        while not condition(self.text()):
            self.read()
        return self.text()

    def shows(self, text: str) -> str:
        return self.until(lambda screen: text in screen)

    def ends(self) -> int:
        """Read to the end; the exit code."""
        try:
            while True:
                self.read()
        except pexpect.EOF:
            # Whoever is closed before he has ended is killed.
            self.child.wait()
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)

    def read(self) -> None:
        """Once, as much as there is."""
        data = self.child.read_nonblocking(4096, timeout=20)
        self.raw += data
        self.stream.feed(data)


@pytest.fixture
def terminal(process: Process) -> Iterator[Callable[..., Terminal]]:
    """Starts e2echat on a terminal; ended at the end of the test, whatever happened."""
    started: list[Terminal] = []

    def start(*arguments: str, **environment: str) -> Terminal:
        started.append(Terminal(process, arguments, process.environment(**environment)))
        return started[-1]

    yield start
    for one in started:
        one.child.close(force=True)
