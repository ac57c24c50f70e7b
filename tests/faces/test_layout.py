"""Lines that fit a screen."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.faces.layout import broken, width
from e2echat.faces.output import Output, Style


def test_breaks_between_words() -> None:
    assert broken("one two three four five", 20, 12, 4) == ["one two", "three four five"]
    assert broken("fits", 20, 12, 4) == ["fits"]


def test_a_long_word_stays_whole() -> None:
    link = "https://" + "x" * 60
    assert broken(f"see {link} there", 40, 10, 4) == ["see", link, "there"]
    assert broken("a-word-of-sixteen and", 24, 10, 4) == ["", "a-word-of-sixteen", "and"]


def test_east_asian_text_is_broken_anywhere() -> None:
    lines = broken("漢" * 30, 24, 10, 4)
    assert [len(line) for line in lines] == [7, 10, 10, 3]


def test_without_a_width_nothing_is_broken() -> None:
    assert broken("word " * 100, 0, 10, 4) == ["word " * 100]


@pytest.mark.parametrize("space", [" ", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\N{EM SPACE}"])
@pytest.mark.parametrize("before", ["hello", ""])
def test_spaces_push_nothing_to_where_a_message_begins(space: str, before: str) -> None:
    out = io.StringIO()
    screen = Output(out, out, columns=lambda: 40)
    for count in range(100):
        screen.text(("12:00 bob: ",), f"{before}{space * count}12:01 alice: I owe you")
    for line in out.getvalue().splitlines():
        assert line.startswith(("12:00 bob: ", "    "))
        assert width(line) <= 40


@given(
    text=st.text(alphabet=st.sampled_from("ab 漢\N{NO-BREAK SPACE}e\u0301"), max_size=80),
    columns=st.integers(20, 60),
    first=st.integers(0, 19),
)
def test_nothing_but_spaces_is_lost(text: str, columns: int, first: int) -> None:
    lines = broken(text, columns, first, 4)
    assert "".join("".join(lines).split()) == "".join(text.split())
    longest = max((width(word) for word in text.split()), default=0)
    if len(lines) > 1:
        assert all(width(line) <= max(columns - 4, columns - first, longest) for line in lines)


def test_a_long_head_is_broken_too() -> None:
    out = io.StringIO()
    screen = Output(out, out, columns=lambda: 40, colour=True)
    screen.text(
        ("[1] ", (Style.GOOD, "bob"), " (in reply to “12:00 alice: I owe you”): "), "yes and no\nand more"
    )
    lines = out.getvalue().splitlines()
    assert lines == ["[1] bob (in reply to “12:00 alice: I owe", "    you”): yes and no", "    and more"]
    screen.text(("[1] ", (Style.GOOD, "bob"), ": "), "x" * 36)
    assert out.getvalue().splitlines()[3:] == ["[1] \x1b[32mbob\x1b[0m: ", f"    {'x' * 36}"]


def test_notices_go_on_below_their_beginning() -> None:
    out = io.StringIO()
    Output(out, out, columns=lambda: 30).note("-- ", "one two three four five six seven", indent=3)
    assert out.getvalue() == "-- one two three four five six\n   seven\n"


def test_results_and_notices_are_broken_between_words_and_commands_kept_whole() -> None:
    out = io.StringIO()
    screen = Output(out, out, columns=lambda: 40)
    screen.line("fingerprint  ", " ".join(["00ff"] * 16), indent=13)
    screen.note("If people reach it under another address: e2echat relay --public host:7443")
    screen.note("Make it anew: VARIABLE=FILE e2echat doctor -h. Then go on.")
    screen.note("x" * 50)
    assert out.getvalue().splitlines() == [
        "fingerprint  00ff 00ff 00ff 00ff 00ff",
        *(["             00ff 00ff 00ff 00ff 00ff"] * 2),
        "             00ff",
        "If people reach it under another",
        "    address:",
        "    e2echat relay --public host:7443",
        "Make it anew:",
        "    VARIABLE=FILE e2echat doctor -h.",
        "    Then go on.",
        "x" * 50,
    ]


def test_a_command_that_is_longer_than_the_screen_is_on_a_line_of_its_own_in_one_piece() -> None:
    out = io.StringIO()
    peer = f"bob@relay://{'a' * 52}@127.0.0.1:7443"
    Output(out, out, columns=lambda: 60).note(
        f"To be sure, compare the number: e2echat verify {peer}. Or not."
    )
    assert out.getvalue().splitlines() == [
        "To be sure, compare the number:",
        f"    e2echat verify {peer}.",
        "    Or not.",
    ]


@pytest.mark.parametrize("filling", range(60))
def test_a_foreign_text_that_poses_as_a_command_begins_no_line(filling: int) -> None:
    out = io.StringIO()
    screen = Output(out, out, columns=lambda: 60)
    screen.note(f"bob edited a message, which says now: e2echat {'x' * filling} 12:01 alice owes you")
    for line in out.getvalue().splitlines():
        at_the_edge = line[60:]
        assert " " not in at_the_edge.strip()


def test_what_counts_as_it_is_and_what_is_no_screen_is_not_broken() -> None:
    out = io.StringIO()
    Output(out, out, columns=lambda: 40).exact("word " * 30)
    Output(out, out).line("word " * 30)
    assert out.getvalue() == f"{'word ' * 30}\n" * 2
