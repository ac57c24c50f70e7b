import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.faces.sanitiser import MAX_MARKS, visible, visible_lines

HARMFUL = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}
EMOJI_JOINERS = {"\N{ZERO WIDTH JOINER}", "\N{VARIATION SELECTOR-16}"}


def is_harmful(char: str) -> bool:
    return unicodedata.category(char) in HARMFUL


def test_no_harmful_character_of_unicode_survives() -> None:
    harmful = [char for char in map(chr, range(sys.maxunicode + 1)) if is_harmful(char)]
    assert len(harmful) > 900_000
    shown = visible("".join(harmful))
    assert shown.isprintable()
    # None is dropped: 33 controls have pictures, the rest is spelled.
    assert shown.count("\\u{") == len(harmful) - 33


def test_variation_selectors_and_blank_letters_are_spelled() -> None:
    codes = [
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
        0x34F,
        0x115F,
        0x1160,
        0x3164,
        0xFFA0,
        0x17B4,
        0x180B,
        0x2800,
    ]
    for code in codes:
        assert visible(f"a{chr(code)}b") == f"a\\u{{{code:x}}}b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 100 %", "plain text, 100 %"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("over\rwritten\b\x7f", "over␍written␈␡"),
        ("a\tb\nc\0", "a␉b␊c␀"),
        ("\x9b2J", "\\u{9b}2J"),
        ("user\u202etxt.exe", "user\\u{202e}txt.exe"),
        ("\u2066a\u2069\u200b\ufeff\u00ad", "\\u{2066}a\\u{2069}\\u{200b}\\u{feff}\\u{ad}"),
        ("\u2028\u2029", "\\u{2028}\\u{2029}"),
        ("\ud800\ue000\uffff", "\\u{d800}\\u{e000}\\u{ffff}"),
        ("x\U000e0041\U000e007f", "x\\u{e0041}\\u{e007f}"),
        ("à la carte, עברית, हिन्दी, 中文, 한국어", "à la carte, עברית, हिन्दी, 中文, 한국어"),
        ("non\u00a0breaking\u3000spaces", "non\u00a0breaking\u3000spaces"),
        ("", ""),
    ],
)
def test_known_cases(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("emoji", ["👩‍💻", "👩🏽‍💻", "❤️", "1️⃣", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🇩🇪"])
def test_emoji_stay_whole(emoji: str) -> None:
    assert visible(f"so {emoji} so") == f"so {emoji} so"


@pytest.mark.parametrize(
    "text",
    [
        "a\u200db",
        "👩\u200da",
        "a\u200d👩",
        "👩\u200d\u200d👩",
        "👩\ufe0f\ufe0f",
        "a\ufe0f",
        "1\ufe0f",
        "\u200d👩",
        "👩\u200d",
        "\ufe0f",
    ],
)
def test_joiners_and_selectors_elsewhere_are_spelled(text: str) -> None:
    assert "\\u{" in visible(text)


def test_piled_marks_are_counted() -> None:
    assert visible("a" + "\u0301" * 60_000 + "b") == "a" + "\u0301" * MAX_MARKS + "⟨+59996⟩b"
    assert visible("a" + "\u0301" * MAX_MARKS) == "a" + "\u0301" * MAX_MARKS
    assert visible("\u1112" + "\u1161" * 50).endswith("⟨+46⟩")


def test_a_mark_without_a_letter_does_not_settle_on_what_stands_before() -> None:
    assert visible("\u0301a") == "◌\u0301a"
    assert visible_lines("a\n\u0338b") == ["a", "◌\u0338b"]


def test_lines_are_those_of_the_writer() -> None:
    assert visible_lines("a\r\nb\n\nc\rd") == ["a", "b", "", "c␍d"]
    assert visible_lines("") == [""]
    assert visible_lines("a\u2028b\x0bc\x85d") == ["a\\u{2028}b␋c\\u{85}d"]


@given(st.text(st.characters(), max_size=200))
def test_any_text_is_inert_and_bounded(text: str) -> None:
    shown = visible(text)
    assert not any(is_harmful(char) and char not in EMOJI_JOINERS for char in shown)
    assert len(shown) <= 10 * len(text) + 20


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0x24FF), max_size=50))
def test_ordinary_text_is_left_alone(text: str) -> None:
    ordinary = "".join(char for char in text if not "\u115f" <= char <= "\u11ff")
    assert visible(ordinary) == ordinary
