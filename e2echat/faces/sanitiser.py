"""Foreign text made harmless: what is invisible, or acts on a terminal, is spelled out. docs/cli.md, "Foreign text".

Names, messages and errors come from people and machines that nobody vouches for. An escape code could repaint
the screen, a bidi override could turn a number around, a tag or a variation selector could hide a second text.
"""

import unicodedata
from enum import Enum, auto
from functools import lru_cache

MAX_MARKS = 4
"""Combining marks kept on one letter; no script in use needs more, and a pile of them paints over other lines."""

_NO_BASE = "\N{DOTTED CIRCLE}"
_VARIATION_16 = "\N{VARIATION SELECTOR-16}"
_JOINER = "\N{ZERO WIDTH JOINER}"
_KEYCAP = "\N{COMBINING ENCLOSING KEYCAP}"

_BLANKS = frozenset(
    "\u034f"  # combining grapheme joiner
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5"  # Khmer inherent vowels
    "\u180b\u180c\u180d\u180f"  # Mongolian variation selectors
    "\u2800"  # blank Braille pattern
    "\U00016fe4"  # Khitan filler
    "\U0001d159"  # null notehead
)
"""Drawn as nothing, although their category says letter, mark or symbol."""


def visible(text: str) -> str:
    r"""``text`` as one line in which every character can be seen and none acts.

    Controls become their pictures (``␛``), other invisible characters ``\u{202e}``, marks beyond ``MAX_MARKS`` a
    count. A newline is a control here: see ``visible_lines``. Never fails, whatever a ``str`` can hold.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for index, char in enumerate(text):
        kind = _kind(char)
        if kind is _Kind.MARK:
            marks += 1
            if not shown:
                # It would settle on whatever the line begins with.
                shown.append(_NO_BASE)
            if marks <= MAX_MARKS:
                shown.append(char)
            continue
        if marks > MAX_MARKS:
            shown.append(_surplus(marks))
        marks = 0
        harmless = kind is _Kind.SEEN or _draws_emoji(text, index)
        shown.append(char if harmless else _spelled(char))
    if marks > MAX_MARKS:
        shown.append(_surplus(marks))
    return "".join(shown)


def visible_lines(text: str) -> list[str]:
    """``text`` as the lines it was written in, each one ``visible``; at least one."""
    return [visible(line) for line in text.replace("\r\n", "\n").split("\n")]


class _Kind(Enum):
    SEEN = auto()
    """Drawn, or a space that takes room."""
    MARK = auto()
    """Drawn without room of its own: a combining mark, or a Jamo that joins the syllable before it."""
    HIDDEN = auto()
    """Invisible, or acting."""


@lru_cache(maxsize=4096)
def _kind(char: str) -> _Kind:
    if char in _BLANKS or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        # The last two are variation selectors.
        return _Kind.HIDDEN
    if not char.isprintable():
        return _Kind.SEEN if unicodedata.category(char) == "Zs" else _Kind.HIDDEN
    joining_jamo = "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7fb"
    return _Kind.MARK if joining_jamo or unicodedata.category(char).startswith("M") else _Kind.SEEN


def _draws_emoji(text: str, index: int) -> bool:
    """Whether the invisible character there only says how the pictures beside it are drawn.

    One selector after a picture, one joiner between two: nothing can be hidden in that, and without it half of
    the emoji that people send would be unreadable.
    """
    before, char, after = text[index - 1 : index], text[index], text[index + 1 : index + 2]
    if char == _VARIATION_16:
        return _is_picture(before) or (before in tuple("0123456789#*") and after == _KEYCAP)
    if char == _JOINER:
        return _is_picture(after) and (_is_picture(before) or before == _VARIATION_16)
    return False


def _is_picture(char: str) -> bool:
    """Whether an emoji can start there: arrows and symbols of the BMP, or the pictographic planes."""
    in_range = "\u2190" <= char <= "\u2bff" or "\U0001f000" <= char <= "\U0001faff"
    return in_range and _kind(char) is _Kind.SEEN


def _surplus(marks: int) -> str:
    return f"⟨+{marks - MAX_MARKS}⟩"


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"\\u{{{code:x}}}"
