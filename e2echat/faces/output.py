"""The one way from e2echat to a terminal, a pipe or a file: sanitised for people, exact and escaped as JSON."""

import contextlib
import errno
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from typing import Protocol, Self, TypeAlias

from e2echat.faces.layout import broken, width
from e2echat.faces.sanitiser import visible, visible_lines

CONTINUED = "    "
"""Before every line of a text but its first, so that no text can pose as a message of its own."""
_COMMAND = re.compile(r"(?:\b[A-Z0-9_]+=\S+ )?\be2echat .*?(?=[,;:.]? *$|[,;:.)] | \()")
_HELD = "\ufdd0"
"""A space that no line is broken at: in no text that was made visible."""


class Style(Enum):
    """How a part of a line looks where the terminal has colours: an SGR parameter."""

    STRONG = "1"
    FAINT = "2"
    GOOD = "32"
    WARNING = "33"
    BAD = "31"
    PICTURE = "97;40"


class Writable(Protocol):
    """As much of a text file as output needs."""

    def write(self, data: str, /) -> object:
        """Take ``data``."""

    def flush(self) -> object:
        """Return once it is out."""


Part: TypeAlias = str | tuple[Style, str]
"""Text, or text in a style. Either is sanitised, so foreign text needs no care."""


class Output:
    """Results on ``stdout``, everything else on ``stderr``; each call is one write, flushed before it returns.

    ``json`` turns results into objects, one a line. ``is_screen``: both are a terminal that obeys escape codes.
    Any thread may call.

    Raises (all that write results):
        OSError: the line did not get out, and must not count as shown.
    """

    def __init__(
        self,
        stdout: Writable | None,
        stderr: Writable | None,
        *,
        colour: bool = False,
        is_screen: bool = False,
        columns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.json = False
        self.is_screen = is_screen
        self._stdout = stdout
        self._stderr = stderr
        self._colour = colour
        self._columns = columns
        self._lock = threading.Lock()

    @classmethod
    def standard(cls) -> Self:
        """On the process's own streams, in colour if they are a terminal that wants it."""
        streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
        for stream in streams:
            if isinstance(stream, io.TextIOWrapper):
                # What the locale cannot spell is better escaped than lost.
                stream.reconfigure(errors="backslashreplace")
        is_screen = (
            len(streams) == 2  # either may be closed
            and all(stream.isatty() for stream in streams)
            and os.environ.get("TERM", "dumb") != "dumb"
        )
        return cls(
            sys.stdout,
            sys.stderr,
            colour=is_screen and not os.environ.get("NO_COLOR"),
            is_screen=is_screen,
            columns=_columns if is_screen else lambda: 0,
        )

    @property
    def columns(self) -> int:
        """Of the screen, now; 0 if there is none."""
        return self._columns()

    def through(self, wrap: Callable[[Writable], Writable]) -> Self:
        """The same with both results and notes on a stream made of this one's own for results."""
        if self._stdout is None:
            return self
        stream = wrap(self._stdout)
        return type(self)(
            stream, stream, colour=self._colour, is_screen=self.is_screen, columns=self._columns
        )

    def line(self, *parts: Part, indent: int = len(CONTINUED)) -> None:
        """One line of results for people; broken to fit a screen, it goes on ``indent`` to the right."""
        self._write_result(self._drawn_to_fit(parts, indent) + "\n")

    def exact(self, *parts: Part) -> None:
        """One line of what counts as it is: a script, a file, a picture."""
        self._write_result(self._drawn(parts) + "\n")

    def text(self, head: tuple[Part, ...], text: str) -> None:
        """A foreign text of any number of lines behind ``head``."""
        first, *more = visible_lines(text)
        columns, indent = self._columns(), len(CONTINUED)
        plain = "".join(map(_plain, head))
        lines = broken(plain + first, columns, 0, indent)
        if len(lines[0]) >= len(plain.rstrip()):
            # Only a head that fits keeps its styles.
            lines[0] = self._drawn(head) + lines[0][len(plain) :]
        for line in more:
            lines += broken(line, columns, indent, indent)
        self._write_result(f"\n{CONTINUED}".join(lines) + "\n")

    def record(self, values: Mapping[str, object]) -> None:
        """One object on one line of ASCII: exact for a program, inert on a terminal."""
        import json  # noqa: PLC0415 - most commands of most people never print JSON

        line = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
        self._write_result(line + "\n")

    def result(self, values: Mapping[str, object], *parts: Part) -> None:
        """What a command has to say: ``values`` for a program, or ``parts`` as a line for people."""
        if self.json:
            self.record(values)
        else:
            self.line(*parts)

    def note(self, *parts: Part, indent: int = len(CONTINUED)) -> None:
        """One line beside the results. That nobody can read it is no reason to stop working.

        Broken to fit a screen, it goes on ``indent`` to the right.
        """
        self.notes([parts], indent=indent)

    def notes(self, lines: Iterable[tuple[Part, ...]], *, indent: int = len(CONTINUED)) -> None:
        """Lines that nothing comes between; each as by ``note``."""
        drawn = "".join(self._drawn_to_fit(parts, indent) + "\n" for parts in lines)
        with contextlib.suppress(OSError):
            self._write(self._stderr, drawn)

    def error(self, sentence: str, advice: str | None = None) -> None:
        """What went wrong, and what to do next."""
        self.note((Style.BAD, "e2echat:"), " ", sentence, indent=len(CONTINUED))
        if advice:
            self.note(advice, indent=0)

    def clear(self) -> None:
        """Wipe the screen, and what has scrolled out of it where the terminal keeps that and lets go of it."""
        self._signal("\x1b[H\x1b[2J\x1b[3J")

    def prompt(self, question: str) -> None:
        """Ask for a line of input, on the line where it is typed."""
        with contextlib.suppress(OSError):
            self._write(self._stderr, visible(question))

    def ring(self) -> None:
        """The terminal's bell, if this is a screen."""
        self._signal("\a")

    def announce(self, text: str) -> None:
        """Have the terminal show ``text`` as a notification, if this is a screen: OSC 9, as iTerm2 has it."""
        # Nothing that ends or begins a sequence is left in it. Our own word goes first: a text that begins with a
        # digit could be a command of those that ConEmu has under the same number.
        self._signal(f"\x1b]9;e2echat: {visible(text)}\x1b\\")

    def _signal(self, data: str) -> None:
        if self.is_screen:
            with contextlib.suppress(OSError):
                self._write(self._stdout, data)

    def abandon(self) -> None:
        """Send what is still buffered for a reader that has gone to nowhere, so that the exit stays silent."""
        if self._stdout is None:
            return
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

    def _drawn(self, parts: tuple[Part, ...]) -> str:
        return "".join(self._styled(part) for part in parts)

    def _drawn_to_fit(self, parts: tuple[Part, ...], indent: int) -> str:
        columns = self._columns()
        plain = _COMMAND.sub(partial(_held, columns - indent), "".join(map(_plain, parts)))
        lines = broken(plain, columns, 0, indent)
        if len(lines) > 1:
            # Only what fits keeps its styles.
            return f"\n{' ' * indent}".join(lines).replace(_HELD, " ")
        return self._drawn(parts)

    def _styled(self, part: Part) -> str:
        if isinstance(part, str):
            return visible(part)
        style, text = part
        return f"\x1b[{style.value}m{visible(text)}\x1b[0m" if self._colour else visible(text)

    def _write_result(self, data: str) -> None:
        if self._stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        self._write(self._stdout, data)

    def _write(self, stream: Writable | None, data: str) -> None:
        if stream is None:
            return
        with self._lock:
            stream.write(data)
            stream.flush()


def _held(room: int, found: re.Match[str]) -> str:
    """A command, to be copied, in one piece on a line.

    One may be too long for that, as with another relay's address; then the terminal breaks it. But only its last word, like any
    word that is too long: else a foreign text could have a line of its own begin where messages do.
    """
    but_the_last, _, _ = found[0].rpartition(" ")
    return found[0].replace(" ", _HELD) if width(but_the_last) <= room else found[0]


def _plain(part: Part) -> str:
    return visible(part if isinstance(part, str) else part[1])


def _columns() -> int:
    """Of the terminal that standard output is, now."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 0
