"""What a typed line asks for: a text to send, a command, or nothing that can be done. docs/cli.md, "talk"."""

import difflib
import re
from dataclasses import dataclass

COMMANDS = (
    ("help", "", "what there is"),
    ("reply", "[N] TEXT", "answer their last message, or message N"),
    ("react", "[N] PICTURE", "react to their last message, or message N; with N alone, take it back"),
    ("edit", "[N] TEXT", "have your last text, or text N, say something else on both sides"),
    ("delete", "N", "delete your message N, here and over there; 'last' is the last one"),
    ("disappear", "TIME", "let new messages disappear TIME after they were read: 10m, 8h, 7d; or off"),
    ("search", "WORDS", "find messages of this conversation"),
    ("why", "[N]", "how the last message, or message N, came or went, and what protected it"),
    ("verify", "", "show the number to compare, and how"),
    ("verify", "NUMBER", "mark as verified, if that is what the other side sees"),
    ("accept", "", "accept a stranger, or a new key"),
    ("block", "", "have no more to do with them, and leave"),
    ("notify", "WAY", "be told of messages by bell, osc9 or desktop, this time; or off"),
    ("status", "", "account, relay, queue"),
    ("lock", "", "close the profile everywhere, and ask for the passphrase"),
    ("quit", "", "leave; so does Ctrl+D"),
)
"""Name, arguments, and what it does."""

NAMES = tuple(dict.fromkeys(name for name, _, _ in COMMANDS))
_INCOMPLETE = {name for name, argument, _ in COMMANDS if argument} - {"why", "verify"}
"""What does nothing without an argument."""
_ALONE = {name for name, argument, _ in COMMANDS if not argument} - {"help", "verify"}
"""What takes nothing behind it, so that a text may have been meant."""
LAST = "last"
_MESSAGE = re.compile(r"\[(\d{1,9})\]|#?(\d{1,9})", re.ASCII)
_LIKE_A_COMMAND = re.compile(r"/([^\W\d_]+)(?=\s|$)")


def known_lines() -> list[tuple[str, str]]:
    """What one may type that is more than a text, and what it does."""
    known = [(f"/{name} {arguments}".rstrip(), why) for name, arguments, why in COMMANDS]
    return [*known, ("//TEXT", "send a text that begins with a slash")]


class UnclearError(ValueError):
    """A line that asks for nothing that can be done; says what would be."""


@dataclass(frozen=True, slots=True)
class Say:
    """A text to send, exactly."""

    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """A command, and what stands behind it."""

    name: str
    argument: str


def understand(line: str) -> Say | Order | None:
    """What ``line`` asks for; None if it is blank.

    Raises:
        UnclearError: it was meant to be a command, and is none.
    """
    if not line.strip():
        return None
    if line.startswith("//"):
        return Say(line[1:])
    if line.startswith("/"):
        word, *rest = line[1:].split(maxsplit=1) if line[1:2].strip() else [""]
        if rest and word.lower() in _ALONE:
            raise UnclearError(f"/{word} takes nothing behind it. To send it as a text: /{line}")
        if word.lower() in NAMES:
            return Order(word.lower(), rest[0].rstrip() if rest else "")
        raise UnclearError(_unknown(word))
    meant = _LIKE_A_COMMAND.match(line.lstrip())
    if meant:
        raise UnclearError(
            f"A command has no space before it. As a command: /{meant[1]}; as a text: //{meant[1]}"
        )
    return Say(line)


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word.lower(), NAMES, 1, cutoff=0.5) if word else []
    near = near or [name for name in NAMES if word and name.startswith(word.lower())][:1]
    instead = f"Did you mean /{near[0]}?" if near else "/help says what there is."
    return f"There is no /{word}. {instead} To send it as a text: //{word}"


def split_message(argument: str) -> tuple[int | str | None, str]:
    """The message that an argument begins with, a number or ``LAST``, and the rest; None if it names none."""
    word, *rest = argument.split(maxsplit=1) if argument else [""]
    behind = rest[0] if rest else ""
    if word.lower() == LAST:
        return LAST, behind
    number = _MESSAGE.fullmatch(word)
    return (int(number[1] or number[2]), behind) if number else (None, argument)


def completions(typed: str) -> list[str]:
    """The commands that a line could become; with a space where something has to follow."""
    if not re.fullmatch(r"/[^\W\d_]*", typed):
        return []
    begun = [name for name in NAMES if f"/{name}".startswith(typed.lower())]
    return [f"/{name} " if name in _INCOMPLETE else f"/{name}" for name in begun]
