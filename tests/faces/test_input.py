import io
import os

import pytest

from e2echat.errors import InvalidTextError, LockedError, TextTooLongError
from e2echat.faces.input import MAX_INPUT, Input


class Endless(io.BytesIO):
    """Has always as much as is asked for; without a limit it would never return."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= MAX_INPUT + 1
        return b"x" * size

    readline = read


def typed(data: bytes) -> Input:
    return Input(io.BytesIO(data), is_terminal=False)


def test_what_has_no_end_is_not_read_to_it() -> None:
    endless = Input(Endless(), is_terminal=False)
    with pytest.raises(TextTooLongError):
        endless.whole_text()
    with pytest.raises(TextTooLongError):
        next(endless.lines())
    with pytest.raises(TextTooLongError):
        endless.line()


def test_the_longest_that_is_read() -> None:
    assert len(typed(b"x" * MAX_INPUT).whole_text()) == MAX_INPUT
    assert len(next(typed(b"x" * (MAX_INPUT - 1) + b"\nmore").lines())) == MAX_INPUT - 1


def test_only_one_newline_at_the_end_goes() -> None:
    assert typed(b"a\n\n").whole_text() == "a\n"
    assert typed(b"a\r\n").whole_text() == "a"
    assert list(typed(b"a\n\n b \r\nc").lines()) == ["a", " b ", "c"]


def test_the_end() -> None:
    with pytest.raises(EOFError):
        typed(b"").line()
    assert typed(b"\n").line() == ""
    assert list(typed(b"").lines()) == []
    with pytest.raises(InvalidTextError):
        Input(None, is_terminal=False).whole_text()


def test_something_else_ends_waiting_for_a_line() -> None:
    calls = []

    def locked() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise LockedError("locked")

    ours, theirs = os.openpty()
    try:
        with os.fdopen(theirs, "rb") as stdin:
            asking = Input(stdin, is_terminal=True)
            with pytest.raises(LockedError):
                asking.line(locked)
            os.write(ours, b"one\ntwo\n")
            assert [asking.line(calls.clear), asking.line(calls.clear)] == ["one", "two"]
    finally:
        os.close(ours)
