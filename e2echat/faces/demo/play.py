"""The demo without a terminal: a short conversation between real processes, and what the relay saw of it."""

import asyncio
from contextlib import closing
from pathlib import Path

from e2echat.faces.demo.record import RecordReader, Sighting
from e2echat.faces.demo.stage import DemoError, Stage, Talker, open_stage, within
from e2echat.faces.output import Output, Style

ALICE, BOB = "alice", "bob"
LEFT_FOR_BOB = "Bob? The spare key is under the blue flowerpot."
LINES = (
    (BOB, "Just came in. Who else can read this?"),
    (ALICE, "You and I. The relay only carries sealed envelopes."),
    (BOB, "Then I can say it: the surprise party starts at eight."),
    (ALICE, "I bring the cake. Grüße an alle! 🎂"),
)
TEXTS = (LEFT_FOR_BOB, *(text for _, text in LINES))
LOOK = 0.05
"""Seconds between two looks at the record."""
FIRST_BYTES = 16


async def play(out: Output, record: Path | None = None) -> None:
    """Play it, and check it. ``record``: where the relay's record is to stay.

    Raises:
        DemoError: something did not work, or the relay learned what it must not.
    """
    out.note("Starting a relay on loopback, and making two accounts ...")
    async with open_stage(ALICE, BOB, record=record) as stage:
        with closing(RecordReader(stage.record)) as reader:
            seen = await _converse(stage, reader, out)
        _show(seen, out)
        check(stage, seen, out)


async def _converse(stage: Stage, reader: RecordReader, out: Output) -> list[Sighting]:
    """The conversation, and all that the relay saw of it until everything had ended."""
    out.line((Style.STRONG, "The conversation"))
    alice = await stage.talk(ALICE, BOB)
    await alice.say(LEFT_FOR_BOB)
    seen = await within(_until_kept(reader), "The relay did not take the first message")
    # Now it lies on the relay's disk, and on its way nowhere else.
    require_unseen(stage, seen)
    bob = await stage.talk(BOB, ALICE)
    await _heard(bob, LEFT_FOR_BOB, out)
    out.line((Style.FAINT, "  (the relay kept that until Bob came)"))
    people = {ALICE: (alice, bob), BOB: (bob, alice)}
    for name, text in LINES:
        speaker, hearer = people[name]
        await speaker.say(text)
        await _heard(hearer, text, out)
    await within(asyncio.gather(alice.leave(), bob.leave()), "Not everything was delivered")
    await stage.end()
    return seen + reader.new()


async def _heard(hearer: Talker, text: str, out: Output) -> None:
    """Print what ``hearer`` has received, which must be ``text``."""
    heard = await within(hearer.hears(), f"Nothing arrived for {hearer.name}")
    if heard != text:
        raise DemoError(f"Something else arrived for {hearer.name} than was sent.")
    out.text(((Style.GOOD, f"  {hearer.peer} -> {hearer.name}"), ": "), heard)


async def _until_kept(reader: RecordReader) -> list[Sighting]:
    """Look until the relay has said that it keeps an envelope."""
    seen: list[Sighting] = []
    while not any(sighting.kind == "accepted" for sighting in seen):
        await asyncio.sleep(LOOK)
        seen += reader.new()
    return seen


def _show(seen: list[Sighting], out: Output) -> None:
    """What the relay saw."""
    out.line()
    out.line((Style.STRONG, "What the relay saw"))
    for connection, carried in names_by_connection(seen).items():
        frames = sum(sighting.connection == connection and sighting.data != b"" for sighting in seen)
        words = ", ".join(sorted(carried)) or "none"
        out.line(f"  connection {connection:>2}  frames: {frames:>2}  names in them: {words}")
    out.line(
        (
            Style.FAINT,
            "  It knows times, network addresses, and whose mailbox each of these envelopes went to.",
        )
    )
    out.line((Style.FAINT, "  They are messages and receipts, which look alike:"))
    for sighting in seen:
        if sighting.is_envelope and sighting.direction == "in":
            size, start = len(sighting.content), sighting.content[:FIRST_BYTES].hex(" ", -4)
            out.line(f"  connection {sighting.connection:>2}  {size:>5,} bytes: {start} ...")


def check(stage: Stage, seen: list[Sighting], out: Output) -> None:
    """State what must hold, each as it is found to.

    Raises:
        DemoError: it does not.
    """
    out.line()
    out.line((Style.STRONG, "Checked"))
    names = names_by_connection(seen).values()
    if any(len(carried) > 1 for carried in names):
        raise DemoError("One connection carried the names of both.")
    out.line((Style.GOOD, "  ok  "), "No connection carried the names of both.")
    size = require_unseen(stage, seen)
    out.line(
        (Style.GOOD, "  ok  "),
        f"None of the {len(TEXTS)} texts is in the relay's record, log or files: {size:,} bytes searched.",
    )
    if set().union(*names) != {ALICE, BOB}:
        raise DemoError("The search misses even the names, which the relay has to know.")
    out.line((Style.GOOD, "  ok  "), "The names are found there: the relay has to know them.")


def names_by_connection(seen: list[Sighting]) -> dict[int, set[str]]:
    """Which of the two names each connection carried in the clear."""
    carried: dict[int, set[str]] = {}
    for sighting in seen:
        carried.setdefault(sighting.connection, set()).update(sighting.names(ALICE, BOB))
    return carried


def require_unseen(stage: Stage, seen: list[Sighting]) -> int:
    """Look for every text in all that the relay has.

    Returns:
        How many bytes were searched.

    Raises:
        DemoError: a text is there.
    """
    found = [path.read_bytes() for path in relay_files(stage)]
    found.append(b"".join(sighting.data for sighting in seen))
    if any(text.encode() in data for text in TEXTS for data in found):
        raise DemoError("The relay holds a text of the conversation.")
    return sum(map(len, found))


def relay_files(stage: Stage) -> list[Path]:
    """Everything that the relay has written."""
    kept = (path for path in stage.relay_data.rglob("*") if path.is_file())
    return [stage.record, stage.relay_log, *kept]
