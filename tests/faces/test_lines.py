"""What a typed line asks for."""

import pytest

from e2echat.faces.talking.lines import (
    LAST,
    NAMES,
    Order,
    Say,
    UnclearError,
    completions,
    split_message,
    understand,
)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("hello", Say("hello")),
        ("  indented /quit", Say("  indented /quit")),
        ("//quit", Say("/quit")),
        ("// a comment", Say("/ a comment")),
        ("  // a comment", Say("  // a comment")),
        (" /etc/passwd", Say(" /etc/passwd")),
        ("one\n/quit", Say("one\n/quit")),
        ("/quit", Order("quit", "")),
        ("/help reply", Order("help", "reply")),
        ("/QUIT ", Order("quit", "")),
        ("/reply 3  one\n  two ", Order("reply", "3  one\n  two")),
        ("/reply\nbelow", Order("reply", "below")),
        ("", None),
        (" \n\t", None),
    ],
)
def test_what_a_line_asks_for(line: str, asked: Say | Order | None) -> None:
    assert understand(line) == asked


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        (" /quit", "/quit"),
        ("\t/quti now", "//quti"),
        ("/quti", "Did you mean /quit?"),
        ("/Serach words", "Did you mean /search?"),
        ("/q", "Did you mean /quit?"),
        ("/quit now", "//quit now"),
        ("/Block him", "/Block takes nothing"),
        ("/etc/passwd", "/help"),
        ("/", "/help"),
        ("/ quit", "/help"),
        ("/nonsense", "//nonsense"),
    ],
)
def test_a_slip_is_never_a_text(line: str, advice: str) -> None:
    with pytest.raises(UnclearError, match=advice.replace("?", r"\?")):
        understand(line)


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("3 yes", (3, "yes")),
        ("[12] yes", (12, "yes")),
        ("#3", (3, "")),
        ("last 3 apples", (LAST, "3 apples")),
        ("3rd time", (None, "3rd time")),
        ("٣ yes", (None, "٣ yes")),
        ("9" * 10, (None, "9" * 10)),
        ("3\n two\n lines", (3, "two\n lines")),
        ("", (None, "")),
    ],
)
def test_which_message_is_meant(argument: str, named: tuple[int | str | None, str]) -> None:
    assert split_message(argument) == named


def test_completions() -> None:
    assert completions("/re") == ["/reply ", "/react "]
    assert completions("/Q") == ["/quit"]
    assert [each.strip("/ ") for each in completions("/")] == list(NAMES)
    assert completions("re") == completions("/reply x") == completions("") == completions("//") == []
