"""The demo on a terminal: Alice, Bob, and beside them what the relay sees, live."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from prompt_toolkit.application import Application, get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Point
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyBindingsBase, KeyPressEvent, merge_key_bindings
from prompt_toolkit.key_binding.bindings.focus import focus_next
from prompt_toolkit.layout import (
    AnyContainer,
    Dimension,
    DynamicContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.styles import Style as Look
from prompt_toolkit.widgets import Frame, TextArea

from e2echat.errors import InvalidTextError
from e2echat.faces.demo.play import ALICE, BOB, LOOK, check
from e2echat.faces.demo.stage import Talker, open_stage
from e2echat.faces.input import checked_text
from e2echat.faces.output import CONTINUED, Output
from e2echat.faces.sanitiser import visible, visible_lines
from e2echat.faces.sequences import sequence_keys
from e2echat.relay.record import RecordReader, Sighting

WIDE = 110
"""Columns from which on the relay has room beside the people; below that, it goes under them."""
KEPT = 500
"""Lines of a pane."""
LONGEST_TEXT = 4_000
"""Characters of one message here; a talk through a pipe ends at what fits into no message."""
BYTES_SHOWN = 48
SIGHTING = "{:<8} {:>4} {:<3} {:>5} {:<12} {}"
"""Time, connection, direction, bytes of the frame, kind, how it begins."""
HEADING = SIGHTING.format("time", "conn", "way", "bytes", "kind", "begins with")
SO_FAR = "Making two accounts took {:,} frames, {:,} bytes."
OPENING = "All that it gets to see, as it sees it."
REDRAWN = 0.1
ESCAPE = 0.1
"""Seconds until a lone Escape is taken for what it is."""
HINT = " Tab: the other person   Enter: send   Esc, Ctrl+C or Ctrl+D: leave"
LOOKS = Look.from_dict(
    {
        "frame.border": "ansibrightblack",
        "alice": "ansicyan",
        "bob": "ansimagenta",
        "note": "ansibrightblack",
        "envelope": "ansigreen",
        "hint": "reverse",
    }
)


class Pane:
    """Lines that begin at the top and move up when it is full. ``wrap``: a long line goes on, instead of being cut."""

    def __init__(self, *, wrap: bool) -> None:
        self.lines: deque[StyleAndTextTuples] = deque(maxlen=KEPT)
        # A window scrolls to its cursor, which nobody sees.
        control = FormattedTextControl(
            self._drawn, show_cursor=False, get_cursor_position=lambda: Point(0, max(0, len(self.lines) - 1))
        )
        self.window = Window(control, wrap_lines=wrap)

    def add(self, *parts: tuple[str, str]) -> None:
        """One line of (style, text), which is not foreign or has been made visible."""
        self.lines.append(list(parts))

    def _drawn(self) -> StyleAndTextTuples:
        drawn: StyleAndTextTuples = []
        for line in self.lines:
            drawn += [*line, ("", "\n")]
        return drawn[:-1]


class Person:
    """One side of the conversation: what it shows, and where one types."""

    def __init__(self, talker: Talker, opening: str) -> None:
        self.talker = talker
        self.pane = Pane(wrap=True)
        self.pane.add(("class:note", opening))
        self.typed: asyncio.Queue[str] = asyncio.Queue()
        self.said: list[str] = []
        self.input = TextArea(multiline=False, prompt=f"{talker.name}> ", accept_handler=self._enter)
        self.frame = Frame(HSplit([self.pane.window, self.input]), title=self._title)

    def _title(self) -> StyleAndTextTuples:
        focus = " reverse" if get_app().layout.has_focus(self.input) else ""
        return [(f"class:{self.talker.name} bold{focus}", f" {self.talker.name.capitalize()} ")]

    async def send(self) -> None:
        """Pass on what is typed, for ever."""
        while True:
            await self.talker.say(await self.typed.get())

    async def listen(self) -> None:
        """Show what arrives, for ever."""
        while True:
            printed = await self.talker.shown()
            match printed["type"]:
                case "message":
                    self._show(printed["from"], printed["text"])
                case "new_stranger":
                    self.pane.add(("class:note", f"-- {visible(printed['peer'])} is new, not verified"))
                case "state":
                    # What the relay sees beside it says more.
                    pass
                case other:
                    self.pane.add(("class:note", f"-- {visible(other.replace('_', ' '))}"))

    def _enter(self, buffer: Buffer) -> bool:
        for line in buffer.text.split("\n"):
            if line.strip():
                self._take(line)
        return False

    def _take(self, line: str) -> None:
        try:
            text = _typed_text(line)
        except ValueError as error:
            self.pane.add(("class:note", f"-- not sent: {visible(str(error))}"))
            return
        self.typed.put_nowait(text)
        self.said.append(text)
        self._show(self.talker.name, text)

    def _show(self, name: str, text: str) -> None:
        first, *more = visible_lines(text)
        self.pane.add((f"class:{name}", f"{visible(name)}: "), ("", first))
        for line in more:
            self.pane.add(("", CONTINUED + line))


def _typed_text(line: str) -> str:
    """What to send; as in ``talk``, but there are no commands.

    Raises:
        ValueError: it is no text, or too long, or looks like a command.
    """
    if line.startswith("/") and not line.startswith("//"):
        raise ValueError(f"there are no commands in the demo; as a text: /{line}")
    text = line.removeprefix("/") if line.startswith("//") else line
    try:
        checked_text(text)
    except InvalidTextError as error:
        raise ValueError("no text") from error
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"more than {LONGEST_TEXT:,} characters")
    return text


def sighting_line(sighting: Sighting) -> tuple[str, str]:
    """(style, text) of what the relay saw; the pane cuts it where it ends."""
    clock = time.strftime("%H:%M:%S", time.localtime(sighting.time))
    size = str(len(sighting.data)) if sighting.data else ""
    start = sighting.content[:BYTES_SHOWN].hex(" ", -4)
    style = "class:envelope" if sighting.is_envelope else "class:note"
    return style, SIGHTING.format(
        clock, sighting.connection, sighting.direction, size, visible(sighting.kind), start
    )


def _application(people: list[Person], relay: Pane) -> Application[None]:
    alice, bob = (person.frame for person in people)
    heading = HSplit([_line("class:note", OPENING), _line("class:note underline", HEADING), relay.window])
    seen = Frame(heading, title=[("class:envelope bold", " What the relay sees ")])
    beside = VSplit([_share(alice, 3), _share(bob, 3), _share(seen, 4)])
    below = HSplit([_share(VSplit([_share(alice, 1), _share(bob, 1)]), 3), _share(seen, 2)])

    def arranged() -> AnyContainer:
        return beside if get_app().output.get_size().columns >= WIDE else below

    app: Application[None] = Application(
        Layout(
            HSplit([DynamicContainer(arranged), _line("class:hint", HINT)]), focused_element=people[0].input
        ),
        key_bindings=_keys(),
        style=LOOKS,
        full_screen=True,
        refresh_interval=REDRAWN,
    )
    # Escape is a key of its own here; nobody should have to wait for it.
    app.timeoutlen = app.ttimeoutlen = ESCAPE
    return app


def _line(style: str, text: str) -> Window:
    return Window(FormattedTextControl([(style, text)]), height=1, style=style)


def _share(content: AnyContainer, weight: int) -> AnyContainer:
    """``content`` with its part of the room, however much of it there would be to show."""
    size = Dimension(preferred=0, weight=weight)
    return HSplit([content], width=size, height=size)


def _keys() -> KeyBindingsBase:
    keys = KeyBindings()
    keys.add("tab")(focus_next)
    keys.add("s-tab")(focus_next)

    @keys.add("escape")
    @keys.add("c-c")
    @keys.add("c-d")
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit()

    return merge_key_bindings([sequence_keys(), keys])


async def show(out: Output, record: Path | None = None) -> None:
    """Until the person at the keyboard leaves; then audit it. ``record``: where the relay's record is to stay.

    Raises:
        DemoError: one of the processes failed.
    """
    out.note("Starting a relay on loopback, and making two accounts ...")
    async with open_stage(ALICE, BOB, record=record) as stage:
        people = [
            Person(await stage.talk(ALICE, BOB), "Type as Alice; Enter sends."),
            Person(await stage.talk(BOB, ALICE), "Tab, then type as Bob."),
        ]
        relay = Pane(wrap=False)
        app = _application(people, relay)
        with closing(RecordReader(stage.record)) as reader:
            watching = _watch(reader, relay, lambda: any(person.said for person in people))
            work = [asyncio.create_task(watching), asyncio.create_task(stage.relay_ends())]
            work += [
                asyncio.create_task(step()) for person in people for step in (person.send, person.listen)
            ]
            await _until_left(app, work)
        await stage.end()
        check(stage, out, [text for person in people for text in person.said])


async def _watch(reader: RecordReader, relay: Pane, has_begun: Callable[[], bool]) -> None:
    """Show what the relay sees, for ever; until somebody has written, how much it is."""
    frames = size = 0
    while True:
        new = reader.new()
        if has_begun():
            for sighting in new:
                relay.add(sighting_line(sighting))
        elif new:
            frames += sum(bool(sighting.data) for sighting in new)
            size += sum(len(sighting.data) for sighting in new)
            relay.lines.clear()
            relay.add(("class:note", SO_FAR.format(frames, size)))
        await asyncio.sleep(LOOK)


async def _until_left(app: Application[None], work: list[asyncio.Task[None]]) -> None:
    """Raises whatever ended one of ``work``."""
    screen = asyncio.create_task(app.run_async(handle_sigint=False))
    try:
        done, _ = await asyncio.wait([screen, *work], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (screen, *work):
            task.cancel()
        await asyncio.wait([screen, *work])
    for task in done:
        task.result()
