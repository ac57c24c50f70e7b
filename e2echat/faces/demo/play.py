"""The demo without a terminal: a short conversation between real processes, and what the relay saw of it."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from e2echat.faces.audit_report import print_audit
from e2echat.faces.demo.stage import DemoError, Stage, Talker, open_stage, within
from e2echat.faces.output import Output, Style
from e2echat.relay.audit.auditing import audit
from e2echat.relay.record import RecordReader, Sighting

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
        check(stage, out)


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
    """The envelopes that passed."""
    out.line()
    out.line((Style.STRONG, "What passed through the relay"))
    out.line((Style.FAINT, "  Messages and receipts, which look alike:"))
    for sighting in seen:
        if sighting.is_envelope and sighting.direction == "in":
            size, start = len(sighting.content), sighting.content[:FIRST_BYTES].hex(" ", -4)
            out.line(f"  connection {sighting.connection:>2}  {size:>5,} bytes: {start} ...")


def check(stage: Stage, out: Output, texts: Sequence[str] = TEXTS) -> None:
    """Audit what the relay has written down, and look for ``texts`` there and in all that it has written besides.

    Raises:
        DemoError: it learned what it must not.
    """
    out.line()
    done = audit(stage.record, (text.encode() for text in texts), relay_files(stage))
    print_audit(done, out)
    if not done.holds:
        raise DemoError("The relay learned what it must not.")
    if set(done.learned.names) != {ALICE, BOB}:
        raise DemoError("The audit misses even the names, which the relay has to know.")


def require_unseen(stage: Stage, seen: list[Sighting]) -> None:
    """Look for every text in all that the relay has.

    Raises:
        DemoError: a text is there.
    """
    found = [path.read_bytes() for path in (stage.record, *relay_files(stage))]
    found.append(b"".join(sighting.data for sighting in seen))
    if any(text.encode() in data for text in TEXTS for data in found):
        raise DemoError("The relay holds a text of the conversation.")


def relay_files(stage: Stage) -> list[Path]:
    """Everything that the relay has written beside the record."""
    return [stage.relay_log, *(path for path in stage.relay_data.rglob("*") if path.is_file())]
