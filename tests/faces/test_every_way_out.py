"""Whatever e2echat writes for people passes the sanitiser: no module has another way, and no command lets anything through."""

import ast
import asyncio
import io
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

import e2echat.faces
from e2echat import errors
from e2echat.client import checkup
from e2echat.client.findings import Finding
from e2echat.client.settings import Notify
from e2echat.errors import E2EChatError, NoSuchPeerError, RefusedError
from e2echat.faces import desktop, output
from e2echat.faces.cli.app import COMMANDS, run
from e2echat.faces.cli.session import Session
from e2echat.faces.demo.screen import Pane, Person, sighting_line
from e2echat.faces.input import Input
from e2echat.faces.output import Output, Style
from e2echat.relay import operating
from e2echat.relay.audit import auditing
from e2echat.relay.record import Sighting
from tests.faces.conftest import Process, Terminal, TypedInput
from tests.faces.planted import A_FEW, EVERYTHING, MANY, MARK, PLANTED, THE_END, Planted, leaks

FACES = Path(str(e2echat.faces.__file__)).parent
RELAY = "relay://" + "a" * 52 + "@127.0.0.1:7443"
NUMBER = "01234 " * 12


# --- no other way --------------------------------------------------------------------------------------------------

WAYS = {
    "print": None,
    "input": None,
    "breakpoint": None,
    "sys.stdout": {"output.py"},
    "sys.stderr": {"output.py"},
    "sys.__stdout__": None,
    "sys.__stderr__": None,
    # The version, which is our own text, before anything is loaded.
    "os.write": {"cli/main.py"},
    "os.writev": None,
    # The file of an export, which an Output writes, and the question whether there is a terminal.
    # `echo.py` asks the terminal for its settings alone: writing to what it opens is forbidden above.
    "os.open": {"cli/export.py", "echo.py", "input.py", "output.py"},
    "os.fdopen": {"cli/export.py"},
    # A passphrase is typed where nobody sees it; its question is made inert.
    "getpass": {"input.py"},
    # The processes of the demo, whose output it reads.
    "subprocess": {"demo/stage.py"},
    "logging": None,
    "warnings": None,
    "traceback": None,
    "pprint": None,
    "curses": None,
    "readline": None,
    "os.system": None,
    "click.echo": None,
    "click.secho": None,
    "click.echo_via_pager": None,
    "click.prompt": None,
    "click.confirm": None,
    "click.pause": None,
    "click.edit": None,
    "click.progressbar": None,
    "click.get_text_stream": None,
    "click.get_binary_stream": None,
    "click.open_file": None,
    "click.launch": None,
    "prompt_toolkit.print_formatted_text": None,
    "prompt_toolkit.patch_stdout": None,
    "prompt_toolkit.ANSI": None,
    "prompt_toolkit.HTML": None,
    "prompt_toolkit.formatted_text.ANSI": None,
    "prompt_toolkit.formatted_text.HTML": None,
    "prompt_toolkit.shortcuts.print_formatted_text": None,
}
"""What can write, and the modules that may use it."""
METHODS = {
    # What prints above the prompt takes it from an Output.
    "write": {"output.py", "talking/screen.py", "cli/main.py", "demo/stage.py"},
    "writelines": set(),
    "_write": {"output.py", "talking/screen.py"},
    "_write_result": {"output.py"},
    "_signal": {"output.py"},
    "_stdout": {"output.py"},
    "_stderr": {"output.py"},
    "write_raw": set(),
}


def ways(source: str) -> Iterator[tuple[str, int]]:
    """Every use of something that can write, under its full name wherever it was imported from, and its line."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = alias.name
                yield alias.name, node.lineno
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield f"{node.module}.{alias.name}", node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            yield names.get(first, first) + dot + rest, node.lineno
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            yield f".{node.attr}", node.lineno


def forbidden(source: str, path: str) -> list[str]:
    """What the source of a face at ``path`` has in it that may write there and must not."""
    found = []
    for used, line in ways(source):
        for way, allowed in (WAYS | {f".{name}": files for name, files in METHODS.items()}).items():
            if (used == way or used.startswith(f"{way}.")) and path not in (allowed or ()):
                found.append(f"{path}:{line}: {used}")
    return found


def test_no_face_writes_past_the_output() -> None:
    files = {str(path.relative_to(FACES)): path for path in FACES.rglob("*.py")}
    assert len(files) > 30
    assert [found for name, path in files.items() for found in forbidden(path.read_text(), name)] == []
    allowed = set[str]().union(*filter(None, [*WAYS.values(), *METHODS.values()]))
    assert allowed <= files.keys()


@pytest.mark.parametrize(
    "line",
    [
        "print(name)",
        "import sys; sys.stdout.write(name)",
        "from sys import stderr; x = stderr",
        "import sys as system; system.stderr.flush()",
        "import os; os.write(1, name)",
        "from os import write as put; put(1, name)",
        "import click; click.echo(name)",
        "from click import secho; secho(name)",
        "import logging",
        "from prompt_toolkit import print_formatted_text",
        "from prompt_toolkit.formatted_text import HTML",
        "open('/dev/tty', 'w').write(name)",
        "from subprocess import run",
        "out._stdout.write(name)",
        "out._write_result(name)",
    ],
)
def test_the_search_finds_other_ways(line: str) -> None:
    assert forbidden(line, "wording.py")


def test_the_one_way_stops_all_of_it() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    out = Output(stdout, stderr, is_screen=True)
    everything = "".join(MARK + char for char in EVERYTHING)
    out.line(everything)
    out.text((), everything)
    for text in (PLANTED, A_FEW):
        out.line((Style.GOOD, text))
        out.text((text,), text)
        out.result({}, text)
        out.note(text)
        out.error(text, text)
        out.prompt(text)
        out.announce(text)
    printed = stdout.getvalue() + stderr.getvalue()
    assert printed.count(MARK) == 2 * len(EVERYTHING) + 9 * (PLANTED + A_FEW).count(MARK)
    assert leaks(printed) == []


# --- nothing let through -------------------------------------------------------------------------------------------


@dataclass
class Run:
    """A command as somebody might use it. ``typed`` by hand, if there is anything; ``failing``: what the account refuses."""

    arguments: tuple[str, ...]
    typed: str = ""
    failing: Mapping[str, E2EChatError] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    has_foreign: bool = True

    @property
    def command(self) -> str:
        return self.arguments[0]


NOBODY = {"safety": NoSuchPeerError(PLANTED)}
TALK = ("talk", "--peer", "bob")
RUNS = [
    Run(("init", "zoe", "--relay", RELAY, "--no-passphrase")),
    Run(TALK),
    Run(TALK, typed="hi\n/help\n/verify\n/verify 1\n/accept\n/status\n/nonsense\n"),
    Run(
        TALK,
        typed="/why\n/search x\n/reply x\n/react x\n/edit last x\n/delete last\n/disappear\n/disappear 1h\n",
    ),
    Run(("talk",), typed="1\n/verify\n", given={"number": NUMBER}),
    Run(TALK, typed="hi\n/block\n", given={"notify": Notify.DESKTOP}),
    Run(("talk",), typed="\nnobody\ninvite\ne2echat:x\n", failing=NOBODY),
    Run(TALK, typed="hi\n", failing={"send": RefusedError(PLANTED, PLANTED)}),
    Run(("send", "--peer", "bob", "hi"), has_foreign=False),
    Run(("receive",), given={"notify": Notify.DESKTOP}),
    Run(("history", "bob")),
    Run(("invite",), given={"expired": False}),
    Run(("invite", "--qr"), given={"link": "e2echat:abc"}),
    Run(("add", "4821-guitar-otter")),
    Run(("search", "x", "--context", "1")),
    Run(("edit", "x", "hi"), has_foreign=False),
    Run(("delete", "x"), has_foreign=False),
    Run(("react", "x", "y"), has_foreign=False),
    Run(("disappear", "bob", "1h"), has_foreign=False),
    Run(("keep", "bob", "--days", "1"), has_foreign=False),
    Run(("contacts",)),
    Run(("fingerprint",)),
    Run(("fingerprint", "bob")),
    Run(("fingerprint", "bob", "--qr"), given={"number": NUMBER}, has_foreign=False),
    Run(("verify", "bob", "1")),
    Run(("verify", "bob"), typed="yes\n"),
    Run(("verify", "bob"), typed="no\n"),
    Run(("accept", A_FEW)),
    Run(("block", A_FEW)),
    Run(("status",)),
    Run(("settings",), has_foreign=False),
    Run(("export",)),
    Run(("export", "--output", "FILE")),
    Run(("passphrase", "--no-passphrase")),
    Run(("backup", "FILE")),
    Run(("restore", "FILE", "--no-passphrase")),
    Run(("move", RELAY)),
    Run(("proxy", "none")),
    Run(("lock",), has_foreign=False),
    Run(("doctor",)),
    Run(("delete-account", "--yes", A_FEW)),
    Run(("delete-account",), typed="x\n"),
    Run(("daemon",)),
    Run(("daemon", "--unit"), has_foreign=False),
    Run(("completion", "bash"), has_foreign=False),
    Run(("relay", "users")),
    Run(("relay", "remove", "bob")),
    Run(("relay", "token")),
    Run(("relay", "--limit", f"{A_FEW}=1"), has_foreign=False),
    Run(("relay", "--config", "FILE", "--show-config")),
    Run(("audit", "FILE")),
]


class Typed(TypedInput):
    """Whoever is asked for too many passphrases leaves."""

    def secret(self, question: str) -> str:
        try:
            return super().secret(question)
        except StopIteration:
            raise EOFError from None


def _leave(_more: Sequence[str]) -> NoReturn:
    raise KeyboardInterrupt


@dataclass
class Walk:
    """Runs commands on hostile accounts; ``printed``: all that the last one wrote, files and notifications included."""

    directory: Path
    notified: list[str]
    printed: str = ""

    def __call__(self, one: Run, *flags: str, truth: bool = True, failing: Any = None) -> str:
        file = self.directory / A_FEW
        file.unlink(missing_ok=True)
        if one.command in ("relay", "audit"):
            file.write_text(f'"{PLANTED[40:80]}" = 1\n', errors="replace")
        arguments = [str(file) if each == "FILE" else each for each in one.arguments]
        account: Any = Planted(truth=truth, failing=failing or one.failing, given=one.given)
        stdin = Typed(one.typed.encode(), ["secret"] * 6, by_hand=bool(one.typed))
        out, err = io.StringIO(), io.StringIO()
        screen = Output(out, err, colour=truth, columns=lambda: 60 if truth else 0)
        session = Session(screen, stdin, lambda: account, self.directory)
        session.start_over = _leave
        self.notified.clear()
        run([*arguments, *flags], session)
        written = file.read_text() if one.command == "export" and file.exists() else ""
        self.printed = "\n".join([out.getvalue(), err.getvalue(), written, *self.notified])
        return out.getvalue()


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    directory = tmp_path / A_FEW
    directory.mkdir()
    user = {"name": PLANTED, "waiting": 1, "size": 1, "connected": True, "one_time_prekeys": 1}
    monkeypatch.setattr(operating, "users", lambda _data: [user])
    monkeypatch.setattr(operating, "remove", lambda _data, _name: PLANTED)
    monkeypatch.setattr(operating, "make_token", lambda *_: PLANTED)
    monkeypatch.setattr(auditing, "audit", lambda *_: Planted()._sample(auditing.Audit))
    monkeypatch.setattr(checkup, "checkup", lambda *_: [Planted()._sample(Finding)])
    notified: list[str] = []
    monkeypatch.setattr(desktop, "show", lambda *texts: notified.extend(texts))
    return Walk(directory, notified)


ids: Callable[[Run], str] = lambda one: " ".join(one.arguments[:3]).replace(A_FEW, "…")  # noqa: E731 - for pytest


def test_no_command_is_left_out() -> None:
    assert {one.command for one in RUNS} == set(COMMANDS)


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("one", RUNS, ids=ids)
def test_a_command_lets_nothing_through(walk: Walk, one: Run, truth: bool) -> None:
    walk(one, truth=truth)
    assert leaks(walk.printed) == []
    if one.has_foreign:
        assert MARK in walk.printed


@pytest.mark.parametrize("one", RUNS, ids=ids)
def test_for_programs_it_is_inert_as_well(walk: Walk, one: Run) -> None:
    for line in walk(one, "--json").splitlines():
        assert line.isascii()
        assert line.isprintable()
        json.loads(line)
    assert leaks(walk.printed) == []


@pytest.mark.parametrize("one", RUNS, ids=ids)
def test_errors_let_nothing_through(walk: Walk, one: Run) -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, E2EChatError)
    ]
    for method in ("open", "status", "next_event"):
        for kind in kinds if method == "open" else kinds[:1]:
            walk(one, failing={method: kind(PLANTED)})
            assert leaks(walk.printed) == [], (method, kind)


@pytest.mark.parametrize("one", [one for one in RUNS if one.has_foreign], ids=ids)
def test_the_walk_sees_what_is_not_made_inert(walk: Walk, one: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "visible", lambda text: text)
    monkeypatch.setattr(output, "visible_lines", lambda text: text.split("\n"))
    walk(one)
    assert leaks(walk.printed)


# --- on a screen ---------------------------------------------------------------------------------------------------


class OnPlanted(Process):
    """Starts e2echat on a hostile account."""

    @property
    def command(self) -> Sequence[str]:
        return [sys.executable, str(Path(__file__).with_name("planted.py"))]


@pytest.mark.parametrize("flags", [[], ["--falsehood"]], ids=["true", "false"])
@pytest.mark.parametrize("kind", ["xterm-256color", "dumb"])
def test_talk_on_a_terminal(tmp_path: Path, kind: str, flags: list[str]) -> None:
    """Lines, status line, prompt and notifications, byte by byte as the terminal gets them."""
    process = OnPlanted(tmp_path)
    terminal = Terminal(process, [*flags, "talk", "--peer", "bob"], process.environment(TERM=kind))
    try:
        terminal.until(lambda _: THE_END in terminal.raw)
        # At once: the echo of a plain terminal would otherwise come between the characters of an answer.
        lines = ("/verify", "/why", "/search x", "/status", "/accept", "hello", "/quit")
        terminal.type("".join(f"{line}\r" for line in lines))
        assert terminal.ends() == 0, terminal.raw[-3000:]
    finally:
        terminal.child.close(force=True)
    assert leaks(terminal.raw) == []
    assert terminal.raw.count(MARK) > len(PLANTED)
    assert ("\x1b]9;e2echat: Message from " in terminal.raw) is (kind != "dumb")


def test_the_question_for_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("getpass.getpass", asked.append)
    Input(None, is_terminal=True).secret(PLANTED)
    assert MARK in asked[0]
    assert leaks(asked[0]) == []


def test_the_panes_of_the_demo() -> None:
    heard: list[dict[str, str]] = [
        {"type": "message", "from": PLANTED, "text": PLANTED},
        {"type": "new_stranger", "peer": PLANTED},
        {"type": PLANTED},
    ]
    person: Any = object.__new__(Person)
    person.pane = Pane(wrap=True)

    async def shown() -> dict[str, str]:
        return heard.pop(0)

    person.talker = SimpleNamespace(name="alice", shown=shown)
    with pytest.raises(IndexError):
        asyncio.run(person.listen())
    seen = Sighting(0.0, PLANTED, 1, "in", 0, b"", PLANTED)
    lines = [text for line in person.pane.lines for _, text in line]
    printed = "\n".join([*lines, sighting_line(seen)[1]])
    assert printed.count(MARK) >= 4 * len(MANY)
    assert leaks(printed) == []


def test_the_relays_log_is_one_line_of_ascii() -> None:
    import logging  # noqa: PLC0415 - for the one test of it

    from e2echat.relay.logs import OneLine  # noqa: PLC0415 - as above

    record = logging.LogRecord("e2echat.relay", logging.ERROR, "", 0, "storage: %s", (PLANTED,), None)
    record.fields = {"reason": PLANTED}
    line = OneLine().format(record)
    assert line.isascii()
    assert line.isprintable()


def test_everything_is_everything() -> None:
    categories = {unicodedata.category(char) for char in EVERYTHING}
    assert {"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn", "Mn"} <= categories
    assert len(EVERYTHING) > 137_000
