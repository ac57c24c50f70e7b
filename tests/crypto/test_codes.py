"""Short codes, as they are made and as people type them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.crypto.codes import LEAST_DIGITS, MOST_DIGITS, Code
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.words import WORDS
from e2echat.errors import InvalidCodeError

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "pairing.md"
CODE = Code("4821", ("guitar", "otter"))


class Fixed(SystemRandomness):
    """Gives the same byte again and again."""

    def __init__(self, byte: int) -> None:
        self.byte = byte

    def octets(self, count: int) -> bytes:
        return bytes([self.byte]) * count


def _distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def test_the_words_are_those_of_the_specification() -> None:
    listed = re.findall(r"```\n(acorn .*?)```", SPEC.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert tuple(listed[0].split()) == WORDS


def test_there_are_256_words_that_nobody_mixes_up() -> None:
    assert len(WORDS) == 256
    assert list(WORDS) == sorted(WORDS)
    assert all(re.fullmatch("[a-z]{4,8}", word) for word in WORDS)
    assert len({word[:3] for word in WORDS}) == 256
    assert min(_distance(a, b) for a in WORDS for b in WORDS if a < b) >= 3


@pytest.mark.parametrize("byte", [0, 127, 255])
@pytest.mark.parametrize("digits", range(LEAST_DIGITS, MOST_DIGITS + 1))
def test_a_made_code_is_a_code(byte: int, digits: int) -> None:
    code = Code.generate(Fixed(byte), digits)
    assert len(code.nameplate) == digits
    assert code.words == (WORDS[byte], WORDS[byte])
    assert Code.parse(str(code)) == code


def test_words_are_drawn_apart() -> None:
    assert len({word for _ in range(40) for word in Code.generate(SystemRandomness()).words}) > 30


@pytest.mark.parametrize(
    "text",
    [
        "4821-guitar-otter",
        " 4821 Guitar OTTER\n",
        "4821, guitar, otter",
        "4821 - guitar - otter",
        "4821\u2013guitar\u2014otter",
        "4821_guitar.otter",
    ],
)
def test_it_is_read_as_people_type_it(text: str) -> None:
    assert Code.parse(text) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4821",
        "4821-guitar",
        "4821-guitar-otter-otter",
        "guitar-4821-otter",
        "482-guitar-otter",
        "4821000000-guitar-otter",
        "0821-guitar-otter",
        "\u0664\u0668\u0662\u0661-guitar-otter",
        "4821-guitar-otters",
        "4821-guitar-",
        "-guitar-otter",
        "4821-\x1b[31m-otter",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidCodeError):
        Code.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    try:
        assert Code.parse(str(Code.parse(text)))
    except InvalidCodeError:
        return


def test_who_mistypes_a_word_is_told_the_likely_one() -> None:
    with pytest.raises(InvalidCodeError) as raised:
        Code.parse("4821-guittar-otter")
    assert "guitar?" in str(raised.value)


def test_the_words_are_not_in_a_repr() -> None:
    assert "guitar" not in repr(CODE)
