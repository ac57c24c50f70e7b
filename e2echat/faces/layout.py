"""Lines that fit a screen: broken between words, and indented where they go on, so that no text can pose as a line of its own.

docs/decisions/0141-lines-are-broken-between-words.md.
"""

import re
import unicodedata

_HAN = "\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff"
_WORDS = re.compile(f"(?:[{_HAN}]|[^ {_HAN}]+)? *")
"""Between the letters of East Asian scripts a line may be broken anywhere."""
_NARROWEST = 20
"""Columns; where there are fewer, the terminal breaks lines as it likes."""


def width(text: str) -> int:
    """Columns that ``text`` takes, as far as that can be known: terminals differ about pictures."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def broken(text: str, columns: int, first: int, indent: int) -> list[str]:
    """``text`` in lines of at most ``columns``; the first has ``first`` of them taken, the others ``indent``.

    Spaces at a break are dropped; a word that fits on no line stays whole on its own, so that it can be copied.
    """
    room, line, used = columns - first, "", 0
    lines: list[str] = []
    if columns < _NARROWEST or width(text) <= room:
        return [text]
    # What takes room and shows nothing could otherwise push the rest to where a line begins.
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    for word in filter(None, _WORDS.findall(spaced)):
        bare = word.rstrip(" ")
        would_fit = not lines and width(bare) <= columns - indent
        if used + width(bare) > room and (line or would_fit):
            lines.append(line.rstrip(" "))
            line, used, room = "", 0, columns - indent
        line += word
        used += width(word)
    return [*lines, line.rstrip(" ")]


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
