"""A terminal with ``e2echat`` on it: a real pseudo-terminal and a real process, and what a person would see there."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

import pexpect
import pyte
from pyte.screens import Char

PATIENCE = 10.0
SHOWN_TO_THE_READER = "\x1b[90m$\x1b[0m "
_JOINED = re.compile("[\u200d\ufe0e\ufe0f]")


class Run(NamedTuple):
    """Neighbouring characters that look alike. ``columns``: how many they take. ``ink`` and ``paper`` are pyte's names."""

    column: int
    text: str
    columns: int
    ink: str
    paper: str
    bold: bool = False


class Screen(pyte.Screen):
    """A terminal that answers when it is asked where its cursor is, draws faint as grey, and joins emoji."""

    answer: Callable[[str], object]

    def write_process_input(self, data: str) -> None:
        """What a terminal says to its program."""
        self.answer(data)

    def select_graphic_rendition(self, *attributes: int, **more: Any) -> None:  # noqa: ANN401 - pyte's signature
        """As pyte has it, which knows of no faint."""
        super().select_graphic_rendition(*(90 if one == 2 else one for one in attributes), **more)

    def draw(self, data: str) -> None:
        """As pyte has it, which gives up at what has no width."""
        for piece in re.split(f"({_JOINED.pattern})", data):
            if _JOINED.fullmatch(piece):
                self._join(piece)
            elif piece:
                super().draw(piece)

    def _join(self, char: str) -> None:
        line = self.buffer[self.cursor.y]
        last = max(0, self.cursor.x - 1)
        last -= not line[last].data
        line[last] = line[last]._replace(data=line[last].data + char)


class Terminal:
    """One person's, so wide and high. ``until`` and ``type`` are what the person does."""

    def __init__(self, home: str, columns: int, rows: int, *arguments: str) -> None:
        environment = own_environment() | {"E2ECHAT_HOME": home}
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "e2echat", *arguments],
            env=environment,
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=PATIENCE,
        )
        self.columns, self.rows = columns, rows
        self.screen = Screen(columns, rows)
        self.screen.answer = self.child.send
        self._stream = pyte.Stream(self.screen)
        self._stream.feed(f"{SHOWN_TO_THE_READER}e2echat {' '.join(arguments)}\r\n")

    def type(self, text: str) -> None:
        """As on a keyboard."""
        self.child.send(text)

    def until(self, *texts: str) -> None:
        """Wait for all of ``texts`` to be shown."""
        while not all(self._shows(text) for text in texts):
            try:
                self._stream.feed(self.child.read_nonblocking(4096, timeout=PATIENCE))
            except pexpect.TIMEOUT as error:
                raise RuntimeError("\n".join(self.screen.display)) from error

    def answer(self, question: str, text: str) -> None:
        """Type what is asked for."""
        self.until(question)
        self.type(f"{text}\r")

    def leave(self) -> None:
        """Clear the line, and end."""
        self.type("\x15\x04")
        self.child.expect(pexpect.EOF)
        self.child.close()

    def rows_shown(self) -> list[list[Run]]:
        """What it shows, row by row."""
        return [list(self._row(self.screen.buffer[row])) for row in range(self.rows)]

    def _shows(self, text: str) -> bool:
        # A long word goes on in the next row.
        return text in "\n".join(self.screen.display) or text in "".join(self.screen.display)

    def _row(self, cells: dict[int, Char]) -> Iterator[Run]:
        def look(column: int) -> tuple[str, str, bool]:
            cell = cells[column]
            if not cell.data and column:
                # The second half of what is two columns wide.
                return look(column - 1)
            ink, paper = (cell.bg, cell.fg) if cell.reverse else (cell.fg, cell.bg)
            return (f"on {ink}", f"as {paper}", cell.bold) if cell.reverse else (ink, paper, cell.bold)

        for (ink, paper, bold), columns in groupby(range(self.columns), look):
            row = list(columns)
            if paper != "default":
                yield Run(row[0], "", len(row), ink, paper)
            for start, end in _words([cells[column].data for column in row]):
                text = "".join(cells[column].data for column in row[start:end])
                yield Run(row[start], text, end - start, ink, paper, bold)


def _words(cells: list[str]) -> Iterator[tuple[int, int]]:
    """From where to where there are words to be drawn each on its own: what is wide, and what is read the other way."""
    text = "".join(cell[:1] or "\0" for cell in cells)
    plain = r"[\x21-\u02ff\u2010-\u2bff]"
    for found in re.finditer(rf"{plain}+(?: {plain}+)*|[^\x20\0]\0?", text):
        yield found.span()


def own_environment() -> dict[str, str]:
    """Ours without what would change the picture from one machine to another."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("E2ECHAT_", "NO_COLOR"))
    }
    return kept | {"TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8"}


def run(home: str, *arguments: str) -> str:
    """One command to its end; what it prints."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "e2echat", "--home", home, *arguments],
        env=own_environment(),
        dimensions=(50, 400),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    child.expect(pexpect.EOF)
    child.close()
    if child.exitstatus:
        raise RuntimeError(child.before)
    return str(child.before)
