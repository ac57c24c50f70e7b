"""What is said of a number that is not the right one."""

import pytest

from e2echat.client.comparing import difference, typed_number
from e2echat.errors import LocalError

NUMBER = "".join(f"{group:05d}" for group in range(11111, 11123))
OWN = " ".join(["00ff"] * 16)
THEIRS = " ".join(["ab12"] * 16)
PRINTS = {"your own": OWN, "bob's": THEIRS}


@pytest.mark.parametrize("typed", [NUMBER, f" {NUMBER[:7]} {NUMBER[7:]}\n"])
def test_sixty_digits_however_they_are_grouped(typed: str) -> None:
    assert typed_number(typed, PRINTS) == NUMBER


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (OWN, "your own fingerprint"),
        (THEIRS.upper().replace(" ", ""), "bob's fingerprint"),
        (NUMBER[:55], "55 of sixty"),
        (NUMBER + "1", "61 of sixty"),
        ("x" * 60, "twelve groups of five digits"),
        ("٣" * 60, "twelve groups of five digits"),
        ("", "twelve groups of five digits"),
    ],
)
def test_what_is_no_number(typed: str, sentence: str) -> None:
    with pytest.raises(LocalError, match=sentence):
        typed_number(typed, PRINTS)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("2" * 60, "the number of you and carol, not of you and bob"),
        (NUMBER[5:10] + NUMBER[:5] + NUMBER[10:], "in another order"),
        (NUMBER[:-1] + "9", "number 12 is another one"),
        ("99999" + NUMBER[5:55] + "99999", "number 1 and 12 is another one"),
        ("1" * 60, "not the one of you and bob"),
    ],
)
def test_why_another_number_is_not_it(typed: str, sentence: str) -> None:
    assert sentence in difference(typed, NUMBER, "bob", {"carol": "2" * 60})


def test_a_number_that_is_far_off_is_not_explained_away() -> None:
    assert (
        difference("99999" * 3 + NUMBER[15:], NUMBER, "bob", {}) == "the number is not the one of you and bob"
    )
