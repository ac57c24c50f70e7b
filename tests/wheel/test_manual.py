"""The manual pages: one for each command, all that it offers on it, and nothing that roff complains about."""

import re
import shutil
import subprocess

import click
import pytest

from docs.manual import pages
from e2echat.faces.cli.app import COMMANDS, app
from e2echat.faces.exits import Exit
from e2echat.faces.talking.lines import known_lines

MANUAL = pages.manual()


def plain(page: str) -> str:
    """What a reader sees, roughly: without fonts and escapes."""
    return re.sub(r"\\f[BR]|\\&", "", page).replace("\\-", "-").replace("\\e", "\\")


def test_each_command_has_a_page() -> None:
    relay = app.get_command(click.Context(app), "relay")
    assert isinstance(relay, click.Group)
    names = ["", *(f"-{name}" for name in COMMANDS), *(f"-relay-{name}" for name in relay.commands)]
    assert set(MANUAL) == {f"e2echat{name}.1" for name in names}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_option_and_argument(name: str) -> None:
    page = plain(MANUAL[f"e2echat-{name}.1"])
    command = app.get_command(click.Context(app), name)
    assert command
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in page
        else:
            assert parameter.make_metavar(click.Context(command)) in page
    assert "-h, --help" in page


def test_the_first_page_leads_to_the_others_and_has_what_concerns_all() -> None:
    page = plain(MANUAL["e2echat.1"])
    for name, (_, words) in COMMANDS.items():
        assert f"e2echat-{name}(1)" in page
        assert words in page or name == "relay"
    assert [int(code) for code, _ in pages.exit_codes()] == sorted(Exit)
    assert all(meaning in page for _, meaning in pages.exit_codes())
    assert "e2echat talk --peer bob" in page


def test_the_page_of_talk_has_what_one_may_type_there() -> None:
    page = plain(MANUAL["e2echat-talk.1"])
    for line, meaning in known_lines():
        assert f"{line}\n{meaning[:1].upper()}{meaning[1:]}.\n" in page
    assert "/disappear TIME" in page
    assert not any("/disappear TIME" in plain(text) for name, text in MANUAL.items() if "talk" not in name)


@pytest.mark.parametrize(
    ("text", "written"),
    [(".so /etc/passwd", "\\&.so /etc/passwd"), ("'br", "\\&'br"), ("a\\fBb", "a\\efBb"), ("--x", "\\-\\-x")],
)
def test_text_is_no_roff(text: str, written: str) -> None:
    command = click.Command("dance", help=text)
    page = pages.Page("e2echat-dance", command, click.Context(command, info_name="dance"))
    assert written in list(pages.page_lines(page))


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("name", sorted(MANUAL))
def test_roff_has_no_complaint(name: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Kutf8"],
        input=MANUAL[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_entry_is_without_a_description(name: str) -> None:
    assert not re.search(r"^\.TP\n.*\n\n", MANUAL[f"e2echat-{name}.1"], re.MULTILINE)
