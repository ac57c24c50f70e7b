"""What became of messages, as people read it and as programs do. docs/cli.md, "Objects"."""

import re

from e2echat.client.events import (
    ContactChanged,
    Event,
    Message,
    MessageDeleted,
    MessageEdited,
    MessagesExpired,
    Reacted,
    TimerChanged,
    TypingChanged,
)
from e2echat.errors import LocalError

EXCERPT = 40
"""Characters of a message that are enough to know it again."""
_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_LETTERS = {name[0]: size for name, size in _UNITS}


def message_text(message: Message) -> str:
    """What stands where a message's text does."""
    if message.deleted:
        return "[deleted]"
    if message.kind != "text":
        return "[a message of a kind that this version does not know]"
    return message.text


def content_marks(message: Message, replied: int | None = None) -> list[str]:
    """What a reader should know of a message beside its text. ``replied``: the number of the one that it answers."""
    marks = []
    if message.reply_to is not None:
        quoted = message.reply_to.text
        which = f"[{replied}]" if replied else message.reply_to.sender
        marks.append(f"in reply to {which} “{excerpt(quoted)}”" if quoted else "in reply")
    if message.edited_at is not None:
        marks.append("edited")
    if message.timer:
        marks.append(f"disappears: {duration(message.timer)}")
    marks += [f"{each.sender}: {each.text}" for each in message.reactions]
    return marks


def content_record(message: Message) -> dict[str, object]:
    """The same for a program; times are the caller's to write."""
    return {
        "kind": message.kind,
        "reply_to": None if message.reply_to is None else message.reply_to.id,
        "reactions": [{"from": each.sender, "text": each.text} for each in message.reactions],
        "deleted": message.deleted,
        "timer": message.timer,
    }


def change_notice(event: Event) -> str | None:
    """What the other side did to a message or a conversation, as a sentence; None where nothing needs saying."""
    sentence: str | None = None
    match event:
        case MessageEdited(message) if message.direction == "in":
            sentence = f"{message.peer} edited a message, which says now: {message.text}"
        case MessageDeleted(message) if message.direction == "in":
            sentence = f"{message.peer} deleted a message."
        case Reacted(message, sender, text) if sender == message.peer:
            what = f"reacted with {text}" if text else "took back a reaction"
            sentence = f"{sender} {what} to: {excerpt(message_text(message))}"
        case TimerChanged(peer, sender, seconds):
            lasting = f"disappear {duration(seconds)} after they were read" if seconds else "stay"
            wish = f"{sender} wants new messages to" if sender == peer else f"New messages with {peer}"
            sentence = f"{wish} {lasting}."
        case _:
            pass
    return sentence


def change_record(event: Event) -> dict[str, object] | None:
    """What either side did to a message or a conversation, for a program."""
    match event:
        case MessageEdited(message):
            return {"type": "edited", **_about(message), "text": message.text}
        case MessageDeleted(message):
            return {"type": "deleted", **_about(message)}
        case Reacted(message, sender, text):
            return {"type": "reaction", **_about(message), "from": sender, "text": text}
        case TimerChanged(peer, sender, seconds):
            return {"type": "timer", "peer": peer, "from": sender, "seconds": seconds}
        case _:
            return None


def peer_of_change(event: Event) -> str | None:
    """Whose conversation a change belongs to; None for other events."""
    match event:
        case MessageEdited(message) | MessageDeleted(message) | Reacted(message):
            return message.peer
        case TimerChanged(peer) | TypingChanged(peer) | MessagesExpired(peer) | ContactChanged(peer):
            return peer
        case _:
            return None


def duration(seconds: int) -> str:
    """``1 hour``, ``90 minutes``, ``2 weeks``: in the largest unit that is exact."""
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return "no time"


def parsed_duration(text: str) -> int:
    """The seconds that ``30s``, ``10m``, ``8h``, ``7d``, ``4w`` or ``off`` stand for.

    Raises:
        LocalError: it stands for none.
    """
    if text == "off":
        return 0
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text, re.ASCII)
    if match is None:
        raise LocalError("TIME is a number with s, m, h, d or w behind it, as in 8h; or off.")
    return int(match[1]) * _LETTERS[match[2]]


def kept_words(days: int, messages: int) -> str:
    """How long messages are kept."""
    parts = [f"for {duration(days * 86_400)}"] if days else []
    parts += [f"the last {messages}"] if messages else []
    return f"kept {', '.join(parts)}" if parts else "kept for ever"


def excerpt(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"


def _about(message: Message) -> dict[str, object]:
    return {"id": message.id, "peer": message.peer, "direction": message.direction}
