"""Short codes that two people read to each other: ``4821-guitar-otter``. docs/spec/pairing.md, "Codes"."""

import re
from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.primitives import Randomness
from e2echat.crypto.words import WORDS
from e2echat.errors import InvalidCodeError

LEAST_DIGITS, MOST_DIGITS = 4, 9
_SEPARATORS = re.compile(r"[\s\-–—_.,/]+")  # noqa: RUF001 - what an editor makes of a hyphen


@dataclass(frozen=True, slots=True)
class Code:
    """``nameplate``: where at the relay the two meet, digits without a leading zero. ``words``: what only they know."""

    nameplate: str
    words: tuple[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        digits = self.nameplate
        if not (digits.isascii() and digits.isdigit() and digits[0] != "0"):
            raise InvalidCodeError("a code begins with a number, as in 4821-guitar-otter")
        if not LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
            raise InvalidCodeError(f"a code's number has at least {LEAST_DIGITS} digits")
        for word in self.words:
            if word not in WORDS:
                raise InvalidCodeError(f"no code has the word {word!r} in it{_suggestion(word)}")

    @classmethod
    def generate(cls, randomness: Randomness, digits: int = LEAST_DIGITS) -> Self:
        """A fresh one, every number and word as likely."""
        least = 10 ** (digits - 1)
        # 64 bits reduced to 9,000 numbers favour some by one part in 2^50.
        number = least + int.from_bytes(randomness.octets(8)) % (9 * least)
        first, second = randomness.octets(2)
        return cls(str(number), (WORDS[first], WORDS[second]))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a code as a person types it: in any case, with hyphens, spaces or the like.

        Raises:
            InvalidCodeError: it is none.
        """
        parts = _SEPARATORS.split(text.strip().casefold())
        if len(parts) != 3:
            raise InvalidCodeError("a code is a number and two words, as in 4821-guitar-otter")
        return cls(parts[0], (parts[1], parts[2]))

    def __str__(self) -> str:
        return "-".join((self.nameplate, *self.words))


def is_code(text: str) -> bool:
    """Whether ``text`` means to be a code, perhaps a mistyped one: a number and two words."""
    parts = _SEPARATORS.split(text.strip())
    return len(parts) == 3 and parts[0].isdigit()


def _suggestion(word: str) -> str:
    """The word that begins like this one: three letters decide."""
    similar = [known for known in WORDS if len(word) >= 3 and known.startswith(word[:3])]
    return f"; {similar[0]}?" if similar else ""
