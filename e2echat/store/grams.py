"""What the search's index holds of a text: every piece of up to three characters, so that any script is searched alike.

docs/spec/storage.md, "The search". Pure.
"""

import re
import unicodedata
from collections.abc import Iterable

EDITION = f"1 {unicodedata.unidata_version}"
"""What is indexed depends on the folding and on Unicode's tables; an index of another edition is made anew."""
GRAM = 3
"""Characters of a piece; the last two of a word begin shorter ones, so that every character begins one."""
MAX_GRAMS = 32
"""Pieces of one word that are looked up; what a longer word has beside them is compared afterwards."""
_OWNER = "\ue000"
"""Begins the token of a conversation; a private character, of which texts are stripped."""
_OPTIONAL = (
    *((0x0300, 0x036F), (0x0591, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F)),
    *((0x0670, 0x0670), (0x06D6, 0x06ED), (0xFE00, 0xFE0F)),
)
"""Marks that people leave out when they search: accents, Hebrew and Arabic points, tatweel, variation selectors."""
_DROPPED = {code: None for first, last in _OPTIONAL for code in range(first, last + 1)}
_INVISIBLE = ("Cc", "Cf", "Co", "Cs")


def fold(text: str) -> str:
    """``text`` without what a search does not tell apart: case, accents and points, width, what is invisible."""
    plain = text.lower() if text.isascii() else _folded(text)
    if plain.isprintable():
        return plain
    return "".join(each for each in plain if each.isspace() or unicodedata.category(each) not in _INVISIBLE)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text).casefold().translate(_DROPPED))


def indexed(text: str, contact: int) -> str:
    """The tokens of a message, joined by spaces, without order or repetition: each one once."""
    tokens = {word[start : start + GRAM] for word in fold(text).split() for start in range(len(word))}
    return " ".join((f"{_OWNER}{contact}", *sorted(tokens)))


def query(words: Iterable[str], contact: int | None) -> str:
    """The FTS5 expression for messages that may have each of the folded ``words`` in them, of one conversation or of all."""
    terms = [] if contact is None else [_quoted(f"{_OWNER}{contact}")]
    for word in words:
        if len(word) < GRAM:
            terms.append(f"{_quoted(word)} *")
        pieces = dict.fromkeys(word[start : start + GRAM] for start in range(len(word) - GRAM + 1))
        terms += map(_quoted, list(pieces)[:MAX_GRAMS])
    return " AND ".join(terms)


def score(folded: str, words: list[str]) -> int:
    """How well a folded text answers: all words as they stand count most, then whole words, then beginnings of words."""
    found = 4 if len(words) > 1 and " ".join(words) in " ".join(folded.split()) else 0
    for word in words:
        start = rf"(?<!\w){re.escape(word)}"
        found += 2 if re.search(rf"{start}(?!\w)", folded) else 1 if re.search(start, folded) else 0
    return found


def _quoted(token: str) -> str:
    return '"' + token.replace('"', '""') + '"'
