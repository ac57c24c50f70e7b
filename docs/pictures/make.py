"""``make pictures``: draws talk.svg from a real session of two terminals and a relay.

Nothing in it is made up: two ``e2echat talk`` run on pseudo-terminals, somebody types into them, and what the terminals
then show is drawn, with the relay's own record of the same minutes below.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import pexpect
import pyte
from pyte.screens import Char

from e2echat.faces.demo.screen import HEADING, sighting_line
from e2echat.faces.demo.stage import Stage, open_stage
from e2echat.relay.record import RecordReader, Sighting

PICTURE = Path(__file__).with_name("talk.svg")
COLUMNS, ROWS = 61, 15
RELAY_COLUMNS, RELAY_ROWS = 117, 11
WIDTH, HEIGHT = 8.4, 19.0
"""Of a character, in pixels at a font size of 14."""
MARGIN, PADDING, BAR = 14.0, 12.0, 30.0
"""Around the whole, inside a window, and a window's title."""
PATIENCE = 30.0
PAPER, INK, FAINT = "#0e1420", "#d5dbe6", "#8793a8"
COLOURS = {
    "default": INK,
    "brightblack": FAINT,
    "red": "#f2777a",
    "green": "#7fd88f",
    "brown": "#e6c07b",
    "blue": "#6cb6ff",
    "magenta": "#d2a8ff",
    "cyan": "#67d4e8",
}
STYLE = """
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.b { font-weight: bold }
"""


class Run(NamedTuple):
    """Neighbouring characters that look alike."""

    column: int
    text: str
    ink: str
    paper: str | None = None
    bold: bool = False


class Screen(pyte.Screen):
    """A terminal that answers when it is asked where its cursor is, and draws faint as grey."""

    answer: Callable[[str], object]

    def write_process_input(self, data: str) -> None:
        """What a terminal says to its program."""
        self.answer(data)

    def select_graphic_rendition(self, *attributes: int, **more: Any) -> None:  # noqa: ANN401 - pyte's signature
        """As pyte has it, which knows of no faint."""
        super().select_graphic_rendition(*(90 if one == 2 else one for one in attributes), **more)


class Terminal:
    """One person's, with ``e2echat talk`` on it."""

    def __init__(self, stage: Stage, name: str, peer: str) -> None:
        environment = own_environment() | {"E2ECHAT_HOME": str(stage.home(name))}
        command = ["-m", "e2echat", "talk", "--peer", peer]
        size = (ROWS, COLUMNS)
        self.child = pexpect.spawn(
            sys.executable, command, env=environment, dimensions=size, encoding="utf-8", timeout=PATIENCE
        )
        self.name, self.peer = name, peer
        self.screen = Screen(COLUMNS, ROWS)
        self.screen.answer = self.child.send
        self._stream = pyte.Stream(self.screen)
        self._stream.feed(f"\x1b[90m$\x1b[0m e2echat talk --peer {peer}\r\n")

    def type(self, text: str) -> None:
        """As on a keyboard."""
        self.child.send(text)

    def until(self, text: str) -> None:
        """Wait for ``text`` to be shown, and the prompt to be back in its place below it."""
        while not all(part in "\n".join(self.screen.display) for part in (text, "> ", "| /help")):
            self._stream.feed(self.child.read_nonblocking(4096, timeout=PATIENCE))

    def runs(self) -> list[list[Run]]:
        """What it shows, row by row."""
        return [list(self._row(self.screen.buffer[row])) for row in range(ROWS)]

    def _row(self, cells: dict[int, Char]) -> Iterator[Run]:
        def look(column: int) -> tuple[str, str | None, bool]:
            cell = cells[column]
            ink, paper = COLOURS[cell.fg], None if cell.bg == "default" else COLOURS[cell.bg]
            return (PAPER, ink, cell.bold) if cell.reverse else (ink, paper, cell.bold)

        for (ink, paper, bold), columns in groupby(range(COLUMNS), look):
            row = list(columns)
            yield Run(row[0], "".join(cells[column].data for column in row), ink, paper, bold)


def own_environment() -> dict[str, str]:
    """Ours without what would change the picture from one machine to another."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("E2ECHAT_", "NO_COLOR"))
    }
    return kept | {"TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8"}


def run(stage: Stage, name: str, *arguments: str) -> str:
    """One command to its end; what it prints."""
    command = [sys.executable, "-m", "e2echat", "--home", str(stage.home(name)), *arguments]
    output, code = pexpect.run(
        " ".join(command), env=own_environment(), withexitstatus=True, timeout=PATIENCE
    )
    if code:
        raise RuntimeError(output)
    return str(output.decode())


def converse(stage: Stage) -> tuple[list[list[Run]], list[list[Run]], list[list[Run]]]:
    """The session: what Alice's terminal shows at its end, what Bob's does, and what the relay saw."""
    run(stage, "alice", "send", "--peer", "bob", "'Dinner at eight?'")
    run(stage, "bob", "receive")
    run(stage, "bob", "send", "--peer", "alice", "'Gladly! My place or yours?'")
    run(stage, "alice", "receive")
    number = run(stage, "alice", "fingerprint", "bob", "--json").split('"safety_number":"')[1].split('"')[0]
    alice, bob = Terminal(stage, "alice", "bob"), Terminal(stage, "bob", "alice")
    for one in (alice, bob):
        one.until("| connected |")
    say(alice, bob, "Mine. First read me our number, by phone.")
    say(bob, alice, "Calling you.")
    for one in (alice, bob):
        one.type(f"/verify {number}\r")
        one.until(f"{one.peer} is verified.")
    with closing(RecordReader(stage.record)) as reader:
        reader.new()
        say(alice, bob, "All twelve groups match.", " ✓")
        say(bob, alice, "So nobody sits between us. Where is the key?", " ✓")
        say(alice, bob, "Under the blue flowerpot.", " ✓")
        bob.type("On my way")
        bob.until("> On my way")
        for one in (alice, bob):
            one.until(f"{one.peer} | verified | connected | last one read | /help")
        shown = alice.runs(), bob.runs()
        for one in (alice, bob):
            # Clear the line, leave.
            one.type("\x15\x04")
            one.child.expect(pexpect.EOF)
            one.child.close()
        return *shown, list(relay_rows(reader.new()))


def say(speaker: Terminal, hearer: Terminal, text: str, mark: str = "") -> None:
    """Type a line, and wait until it stands on both screens."""
    speaker.type(text + "\r")
    hearer.until(f"{speaker.name}{mark}: {text}")
    speaker.until(f"{speaker.name}: {text}")


def relay_rows(seen: list[Sighting]) -> Iterator[list[Run]]:
    """What the relay saw, from the first envelope on, in the colours of the demo."""
    yield [Run(0, HEADING, FAINT)]
    frames = [sighting for sighting in seen if sighting.data]
    start = next(index for index, sighting in enumerate(frames) if sighting.is_envelope)
    for sighting in frames[start : start + RELAY_ROWS - 1]:
        _, text = sighting_line(sighting)
        yield [Run(0, text[:RELAY_COLUMNS], COLOURS["green"] if sighting.is_envelope else FAINT)]


def window(left: float, top: float, width: float, title: str, rows: list[list[Run]]) -> Iterator[str]:
    """The SVG of one terminal window."""
    height = room(len(rows))
    yield f'<g transform="translate({left:g} {top:g})">'
    yield f'<rect width="{width:g}" height="{height:g}" rx="9" fill="{PAPER}" stroke="#2b3547"/>'
    for index, colour in enumerate(("#f2777a", "#e6c07b", "#7fd88f")):
        yield f'<circle cx="{18 + 18 * index}" cy="{BAR / 2 + 1:g}" r="5" fill="{colour}"/>'
    yield f'<text x="{width / 2:g}" y="{BAR / 2 + 6:g}" text-anchor="middle" fill="{FAINT}">{escape(title)}</text>'
    for index, row in enumerate(rows):
        top_of_row = BAR + PADDING + index * HEIGHT
        for part in row:
            yield from drawn(part, top_of_row)
    yield "</g>"


def drawn(part: Run, top: float) -> Iterator[str]:
    """The SVG of one run; its length is given, so that columns stay columns in any font."""
    x = PADDING + part.column * WIDTH
    if part.paper:
        yield f'<rect x="{x:g}" y="{top:g}" width="{len(part.text) * WIDTH:g}" height="{HEIGHT:g}" fill="{part.paper}"/>'
    look = (' class="b"' if part.bold else "") + ("" if part.ink == INK else f' fill="{part.ink}"')
    for words in re.finditer(r"\S+(?: \S+)*", part.text):
        # No two spaces in a row: not every program that draws an SVG would keep them.
        x = PADDING + (part.column + words.start()) * WIDTH
        length = f'textLength="{len(words.group()) * WIDTH:g}"'
        yield f'<text{look} x="{x:g}" y="{top + 14:g}" {length}>{escape(words.group())}</text>'


def room(rows: int) -> float:
    """The height of a window with so many rows."""
    return rows * HEIGHT + BAR + 2 * PADDING


async def main() -> None:
    """Hold the session and draw it."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    async with open_stage("alice", "bob") as stage:
        alice, bob, relay = await asyncio.to_thread(converse, stage)
    person = COLUMNS * WIDTH + 2 * PADDING
    right, below = 2 * MARGIN + person, 2 * MARGIN + room(ROWS)
    width, height = right + person + MARGIN, below + room(RELAY_ROWS) + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" fill="{INK}" role="img">',
        "<title>Two people talk through a relay that sees sizes and ciphertext</title>",
        f"<style>{STYLE}</style>",
        *window(MARGIN, MARGIN, person, "alice", alice),
        *window(right, MARGIN, person, "bob", bob),
        *window(MARGIN, below, width - 2 * MARGIN, "the relay between them: all that it sees", relay),
        "</svg>",
    ]
    PICTURE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
