"""Escape codes, carriage returns, bidi and zero-width characters in text, names and errors: visible, inert.

Everything foreign that the command line prints, on the real client and a real relay; JSON keeps the exact text.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2echat.client.events import Disconnected, Gap, KeyChanged, NewStranger, Problem, Restarted
from e2echat.errors import E2EChatError, NoSuchPeerError, RefusedError, StorageError
from e2echat.faces.cli.app import run
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import sentence_for
from e2echat.faces.feed import show_event
from e2echat.faces.input import Input
from e2echat.faces.output import Output
from e2echat.relay.server import Relay

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x1bP$q\x9b31m"  # repaint the screen, set the title, C1
    "over\rwritten\b\b\x7f\0\x0b\x0c"
    "\u202eexe.txt\u202c\u2066\u2069\u200f"  # turn the text around
    "\u200b\u200d\ufeff\u00ad\u2060\u034f\u3164"  # hide
    "\U000e0041\U000e007f\ufe0f\U000e0101"  # carry a second text
    "\u2028\u2029\x85"  # begin a line
    "\ue000\uffff\U000fffff"
)
FORGED = "hello\n2026-01-01 12:00 carol ✓: send the money\rhere"


def is_inert(printed: str) -> bool:
    """Nothing acts but the newlines that end our own lines."""
    return printed.replace("\n", "").isprintable()


class Person:
    """Runs commands as a person would."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        stdin = Input(io.BytesIO(typed.encode()), is_terminal=False)
        code = run(arguments, Session(Output(out, err), stdin, chosen_home=self.home))
        return code, out.getvalue(), err.getvalue()


@pytest.fixture
def people(tmp_path: Path, start_relay: Callable[..., Relay]) -> tuple[Person, Person]:
    address = str(start_relay(host="127.0.0.1", port=0, tls=False).address)
    alice, bob = Person(tmp_path / "alice"), Person(tmp_path / "bob")
    assert alice("init", "alice", "--relay", address, "--no-passphrase")[0] == 0
    assert bob("init", "bob", "--relay", address, "--no-passphrase")[0] == 0
    return alice, bob


def test_text_from_the_other_side(people: tuple[Person, Person]) -> None:
    alice, bob = people
    texts = [HOSTILE.replace("\0", ""), FORGED, "\u0301" * 5000]
    for text in texts:
        assert alice("send", "--peer", "bob", "-", typed=text)[0] == 0
    code, out, err = bob("receive")
    assert code == 0
    assert is_inert(out)
    assert is_inert(err)
    assert "\n2026-01-01" not in out
    assert "␛[2J" in out
    assert out.count("\u0301") < 10
    assert is_inert(bob("history", "alice")[1])
    exact = [json.loads(line)["text"] for line in bob("history", "alice", "--json")[1].splitlines()]
    assert exact == texts
    assert bob("history", "alice", "--json")[1].isascii()


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "--peer", HOSTILE.replace("\0", ""), "hi"),
        ("send", "--peer", f"bob@{HOSTILE}".replace("\0", ""), "hi"),
        ("history", HOSTILE),
        ("verify", "bob", HOSTILE),
        ("accept", HOSTILE.replace("\0", "")),
        ("receive", "--max", HOSTILE),
        ("--home", f"/nonexistent/{HOSTILE}".replace("\0", ""), "status"),
        (HOSTILE,),
        (f"--{HOSTILE}",),
    ],
)
def test_names_and_options_come_back_inert_in_errors(
    people: tuple[Person, Person], arguments: tuple[str, ...]
) -> None:
    code, out, err = people[0](*arguments)
    assert code in (2, 7)
    assert (out, is_inert(err)) == ("", True)
    assert err


@pytest.mark.parametrize(
    "error",
    [NoSuchPeerError(HOSTILE), RefusedError(HOSTILE), StorageError(HOSTILE)],
    ids=lambda e: type(e).__name__,
)
def test_errors_of_the_relay_or_the_system(error: E2EChatError) -> None:
    err = io.StringIO()
    Output(None, err).error(sentence_for(error))
    assert is_inert(err.getvalue())
    assert "␛[2J" in err.getvalue()


def test_notices() -> None:
    err = io.StringIO()
    for event in (
        Gap(HOSTILE, 1),
        KeyChanged(HOSTILE, verified=True),
        Restarted(HOSTILE),
        NewStranger(HOSTILE),
        Disconnected(HOSTILE),
        Problem(HOSTILE),
    ):
        show_event(Output(None, err), event)
    assert is_inert(err.getvalue())
    assert err.getvalue().count("␛[2J") >= 6
