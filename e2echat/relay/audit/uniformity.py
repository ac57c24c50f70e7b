"""Does it look like ciphertext? Tests whose false alarms are rarer than one in a thousand million envelopes."""

import re
from collections import Counter

_SUSPICIOUS = 6.5
"""Standard deviations: a random envelope exceeds this once in 2·10¹⁰."""
_WORDS = re.compile(rb"[\t\n\x20-\x7e]{32,}")
"""Random bytes are printable with probability 97/256, 32 in a row once in 10¹³ places."""


def unevenness(data: bytes) -> float:
    """How unlike uniform bytes ``data`` is, in standard deviations of the normal distribution; 0 is as expected.

    Pearson's chi-squared over the 256 values, brought to a normal one by the cube root of Wilson and Hilferty, PNAS 17 (1931).
    """
    expected = len(data) / 256
    counts = Counter(data)
    squares = sum(count * count for count in counts.values())
    chi_squared = squares / expected - len(data)
    spread = 2 / (9 * 255)
    return float(((chi_squared / 255) ** (1 / 3) - (1 - spread)) / spread**0.5)


def looks_sealed(data: bytes) -> bool:
    """Whether nothing distinguishes ``data``, of at least 1,024 bytes, from random ones."""
    return unevenness(data) < _SUSPICIOUS and not _WORDS.search(data)
