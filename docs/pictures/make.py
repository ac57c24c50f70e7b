"""``make pictures``: draws what e2echat shows, from real sessions of real processes on pseudo-terminals, through a real relay.

Nothing in the pictures is made up: somebody types, and what the terminals then show is drawn, light and dark. What a relay saw
is from its own record of the same minutes. ``--all DIRECTORY``: also the widths that no document shows, to be looked at.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.pictures.drawing import DARK, LIGHT, Shot, Theme, picture
from docs.pictures.terminal import Run, Terminal, run
from e2echat.faces.demo.screen import HEADING, sighting_line
from e2echat.faces.demo.stage import Stage, open_stage
from e2echat.relay.record import RecordReader, Sighting

HERE = Path(__file__).parent
COLUMNS, ROWS = 61, 16
RELAY_COLUMNS, RELAY_ROWS = 117, 11
WIDTHS = (60, 100, 200)
KEPT = {"talk": (LIGHT, DARK), "first-run": (LIGHT,), "verify": (LIGHT,), "strange-100": (LIGHT,)}
"""The pictures that documents show."""
LONG_NAME = "maximiliane-von-und-zu-hohenburg"
STRANGE = (
    "The meeting is at eight, in the old library behind the market; bring the papers, an umbrella, and whoever wants to come.",
    "明日の会議は八時からです。図書館の裏の古い建物に来てください。傘を忘れないように。",
    "Ça va ? Tout est prêt 🎉, même le café ☕️ — à toute à l'heure 👩\u200d🚀!",
    "الاجتماع غدا في الساعة الثامنة، في المكتبة القديمة. פגישה מחר בשמונה.",
    "\x1b[2J\x1b]0;owned\x07 harmless \u202egnp.exe\u202c \u200b\u2066evil\u2069 \U000e0041\U000e0042",
    "two lines\n12:34 bank ✓: please send the money",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324 piles up",
)


def converse(stage: Stage) -> list[list[Shot]]:
    """A session: what Alice's terminal shows at its end, what Bob's does, and what the relay saw."""
    home = {name: str(stage.home(name)) for name in ("alice", "bob")}
    run(home["alice"], "send", "--peer", "bob", "Dinner at eight?")
    run(home["bob"], "receive")
    run(home["bob"], "send", "--peer", "alice", "Gladly! My place or yours?")
    run(home["alice"], "receive")
    number = run(home["alice"], "fingerprint", "bob", "--json").split('"safety_number":"')[1].split('"')[0]
    alice = Terminal(home["alice"], COLUMNS, ROWS, "talk", "--peer", "bob")
    bob = Terminal(home["bob"], COLUMNS, ROWS, "talk", "--peer", "alice")
    for one in (alice, bob):
        one.until("| connected")
    say(alice, bob, "Mine. First read me our number, by phone.")
    say(bob, alice, "Calling you.")
    for one in (alice, bob):
        one.type(f"/verify {number}\r")
        one.until("| verified |")
    with closing(RecordReader(stage.record)) as reader:
        reader.new()
        say(alice, bob, "All twelve groups match.")
        say(bob, alice, "So nobody sits between us. Where is the key?")
        say(alice, bob, "Under the blue flowerpot.")
        bob.type("On my way")
        bob.until("> On my way")
        for one in (alice, bob):
            one.until("] read")
        shots = [Shot("alice", COLUMNS, alice.rows_shown()), Shot("bob", COLUMNS, bob.rows_shown())]
        for one in (alice, bob):
            one.leave()
        relay = Shot(
            "the relay between them: all that it sees", RELAY_COLUMNS, list(relay_rows(reader.new()))
        )
        return [shots, [relay]]


def say(speaker: Terminal, hearer: Terminal, text: str) -> None:
    """Type a line, and wait until it stands on both screens."""
    speaker.type(text + "\r")
    hearer.until(text)
    speaker.until(text)


def relay_rows(seen: list[Sighting]) -> Iterator[list[Run]]:
    """What the relay saw, from the first envelope on, in the colours of the demo."""
    frames = [sighting for sighting in seen if sighting.data]
    start = next(index for index, sighting in enumerate(frames) if sighting.is_envelope)
    yield list(_line(HEADING, "brightblack"))
    for sighting in frames[start : start + RELAY_ROWS - 1]:
        _, text = sighting_line(sighting)
        yield list(_line(text[:RELAY_COLUMNS], "green" if sighting.is_envelope else "brightblack"))


def _line(text: str, ink: str) -> Iterator[Run]:
    # No two spaces in a row: not every program that draws an SVG would keep them.
    for words in re.finditer(r"\S+(?: \S+)*", text):
        yield Run(words.start(), words.group(), len(words.group()), ink, "default")


def begin(stage: Stage, directory: Path) -> list[list[Shot]]:
    """The first run of somebody who is invited by nobody, through a mistyped address and a name that is taken."""
    relay = stage.address
    carol = Terminal(str(directory / "carol"), 100, 24, "talk")
    carol.answer("know you by:", "alice")
    carol.answer("invites you:", relay.replace("relay://", ""))
    carol.answer("invites you: ", relay)
    for question in ("New passphrase:", "Once more:"):
        carol.answer(question, "correct horse battery")
    carol.answer("Another name:", "carol")
    carol.answer("With whom?", "alice")
    carol.until("alice | not verified | connected")
    say_alone(carol, "Hello Alice, it is me.")
    shot = Shot("carol", 100, carol.rows_shown())
    carol.leave()
    return [[shot]]


def compare(stage: Stage) -> list[list[Shot]]:
    """What is shown to somebody who wants to verify."""
    alice = Terminal(str(stage.home("alice")), 92, 22, "talk", "--peer", "bob")
    alice.until("| connected")
    alice.type("/verify\r")
    alice.until("The number of you and bob", "such codes")
    shot = Shot("alice", 92, alice.rows_shown())
    alice.leave()
    return [[shot]]


def say_alone(speaker: Terminal, text: str) -> None:
    """Type a line, and wait until the relay has it."""
    speaker.type(text + "\r")
    speaker.until("] stored")


def strange(stage: Stage, name: str, columns: int) -> list[list[Shot]]:
    """What ``name`` shows of messages in all scripts, and of some that would do harm."""
    terminal = Terminal(str(stage.home(name)), columns, 24, "talk", "--peer", LONG_NAME)
    terminal.until("| connected")
    shot = Shot(f"{columns} columns", columns, terminal.rows_shown())
    terminal.leave()
    return [[shot]]


def write(directory: Path, name: str, drawn: tuple[str, list[list[Shot]]], themes: Iterable[Theme]) -> None:
    """One file a theme."""
    label, shelves = drawn
    for theme in themes:
        (directory / f"{name}-{theme.name}.svg").write_text(picture(label, theme, shelves), encoding="utf-8")


async def main() -> None:
    """Hold the sessions and draw them."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    everything = Path(sys.argv[2]) if sys.argv[1:2] == ["--all"] else None
    with TemporaryDirectory() as homes:
        async with open_stage("alice", "bob") as stage:
            verify = await asyncio.to_thread(compare, stage)
            talk = await asyncio.to_thread(converse, stage)
            first = await asyncio.to_thread(begin, stage, Path(homes))
        async with open_stage("alice", LONG_NAME) as stage:
            for text in STRANGE:
                await asyncio.to_thread(run, str(stage.home(LONG_NAME)), "send", "--peer", "alice", text)
            await asyncio.to_thread(run, str(stage.home("alice")), "receive")
            shots = {columns: await asyncio.to_thread(strange, stage, "alice", columns) for columns in WIDTHS}
    pictures = {
        "talk": ("Two people talk through a relay that sees sizes and ciphertext", talk),
        "verify": ("The number to compare, and what to do with it", verify),
        "first-run": ("From nothing to a conversation, by questions", first),
    }
    for columns, shelves in shots.items():
        pictures[f"strange-{columns}"] = ("Long, East Asian, right-to-left and hostile texts", shelves)
    for name, drawn in pictures.items():
        write(HERE, name, drawn, KEPT.get(name, ()))
        if everything:
            everything.mkdir(parents=True, exist_ok=True)
            write(everything, name, drawn, (LIGHT, DARK))


if __name__ == "__main__":
    asyncio.run(main())
