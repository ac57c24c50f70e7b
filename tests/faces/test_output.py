import errno
import io
import json
import threading

import pytest

from e2echat.faces.output import Output, Style


class Full(io.StringIO):
    """A stream that takes nothing."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class Flushed(io.StringIO):
    """Holds back what was not flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.out = ""

    def flush(self) -> None:
        self.out = self.getvalue()


HOSTILE = "\x1b[2J\r\u202eevil\x07"
INERT = "␛[2J␍\\u{202e}evil␇"


def test_every_way_out_is_inert() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    out = Output(stdout, stderr)
    out.line(HOSTILE, (Style.BAD, HOSTILE))
    out.text((HOSTILE,), f"{HOSTILE}\n{HOSTILE}")
    out.result({}, HOSTILE)
    out.note(HOSTILE)
    out.error(HOSTILE, HOSTILE)
    out.prompt(HOSTILE)
    everything = stdout.getvalue() + stderr.getvalue()
    assert everything.count(INERT) == 10
    assert everything.replace("\n", "").isprintable()


def test_colour_is_only_around_what_was_made_inert() -> None:
    stdout = io.StringIO()
    Output(stdout, None, colour=True).line((Style.GOOD, HOSTILE), "\x1b[0m")
    assert stdout.getvalue() == f"\x1b[32m{INERT}\x1b[0m␛[0m\n"


def test_json_is_exact_ascii_on_one_line() -> None:
    stdout = io.StringIO()
    out = Output(stdout, None)
    out.json = True
    value = {"text": HOSTILE + "\n\u2028\x7f\x9b\ud800é😀"}
    out.result(value, "for people")
    line = stdout.getvalue().removesuffix("\n")
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == value


def test_each_call_is_flushed() -> None:
    stdout, stderr = Flushed(), Flushed()
    out = Output(stdout, stderr)
    out.line("a")
    assert stdout.out == "a\n"
    out.record({})
    assert stdout.out == "a\n{}\n"
    out.note("b")
    assert stderr.out == "b\n"


def test_results_that_do_not_get_out_are_an_error_and_notes_are_not() -> None:
    out = Output(Full(), Full())
    out.note("nobody reads this")
    out.error("nor this")
    out.prompt("nor this")
    with pytest.raises(OSError):  # noqa: PT011 - any will do: it must not pass for shown
        out.line("x")
    with pytest.raises(OSError):  # noqa: PT011 - as above
        out.record({})
    with pytest.raises(OSError):  # noqa: PT011 - as above
        out.text((), "x")
    with pytest.raises(OSError):  # noqa: PT011 - as above
        Output(None, None).line("x")
    Output(None, None).note("x")


def test_through_another_stream() -> None:
    stream, other = io.StringIO(), io.StringIO()
    wrapped = Output(stream, None, colour=True).through(lambda own: other if own is stream else own)
    wrapped.line("a")
    wrapped.note((Style.BAD, "b"))
    assert other.getvalue() == "a\n\x1b[31mb\x1b[0m\n"
    assert stream.getvalue() == ""


def test_lines_of_two_threads_do_not_mix() -> None:
    stream = io.StringIO()
    out = Output(stream, stream)

    def write(letter: str) -> None:
        for _ in range(50):
            out.line(letter * 50)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(stream.getvalue().splitlines()) == {"a" * 50, "b" * 50}


def test_a_screen_is_cleared_with_its_scrollback_and_nothing_else_is() -> None:
    for is_screen, written in ((True, "\x1b[H\x1b[2J\x1b[3J"), (False, "")):
        stdout = io.StringIO()
        Output(stdout, io.StringIO(), is_screen=is_screen).clear()
        assert stdout.getvalue() == written
