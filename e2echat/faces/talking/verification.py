"""What ``/verify`` shows: the number, what to do with it, and its picture beside it where there is room."""

from e2echat.faces.layout import broken
from e2echat.faces.output import Part, Style
from e2echat.faces.wording import grouped

GAP = 3
"""Columns between the picture and the words."""
NARROWEST = 36
"""Columns in which the words still read well."""
WIDEST = 60


def verification_rows(peer: str, number: str, picture: list[str], columns: int) -> list[tuple[Part, ...]]:
    """Lines of a screen ``columns`` wide; ``picture``: rows of one width, or none."""
    side = max(map(len, picture), default=0)
    room = columns - side - GAP
    beside = bool(picture) and room >= NARROWEST
    words = _words(peer, number, min(room if beside else columns or WIDEST, WIDEST), pictured=bool(picture))
    if not beside:
        return [*words, *(((Style.PICTURE, row),) for row in picture)]
    height = max(len(words), len(picture))
    above = (height - len(words)) // 2
    words = [*((("",),) * above), *words]
    words += [("",)] * (height - len(words))
    drawn: list[tuple[Part, ...]] = [((Style.PICTURE, row),) for row in picture]
    drawn += [(" " * side,)] * (height - len(drawn))
    return [(*left, " " * GAP, *right) for left, right in zip(drawn, words, strict=True)]


def _words(peer: str, number: str, columns: int, *, pictured: bool) -> list[tuple[Part, ...]]:
    # Whatever else it might be is at least shown in one piece.
    groups = grouped(number).split() if number.isdecimal() else [number]
    rows = [" ".join(groups[start : start + 4]) for start in range(0, len(groups), 4)]
    what_to_do = [
        f"Call {peer}, or meet: by voice, not in writing.",
        "One of you reads the number out, the other types /verify and what was heard. Then the other way round.",
        "If it is the same on both sides, nobody is in between.",
    ]
    if pictured:
        what_to_do.append("The picture holds the same digits, for a phone that reads such codes.")
    words: list[tuple[Part, ...]] = [
        (line,) for line in broken(f"The number of you and {peer}:", columns, 0, 0)
    ]
    words += [("",), *(((Style.STRONG, f"    {row}"),) for row in rows)]
    words.append(("",))
    for sentence in what_to_do:
        words += [(line,) for line in broken(sentence, columns, 0, 0)]
    return words
