"""The manual pages, made from the commands themselves: nothing is said twice, so nothing can differ."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from e2echat import __version__
from e2echat.faces.cli.app import app, grouped
from e2echat.faces.cli.talk import talk
from e2echat.faces.talking.lines import known_lines

REFERENCE = Path(__file__).parents[1] / "cli.md"
ENVIRONMENT = {
    "E2ECHAT_HOME": "The directory of the profile, where --home does not say another.",
    "E2ECHAT_PASSPHRASE_FILE": "A file that holds the passphrase on one line, for scripts.",
    "E2ECHAT_PROXY": "A SOCKS5 proxy for one command, socks5h://HOST:PORT, or none.",
    "E2ECHAT_RELAY_DATA": "The data directory of a relay, where --data does not say another.",
    "NO_COLOR": "If it is set, nothing is coloured.",
}


class Page(NamedTuple):
    """A command and the name of its page, such as ``e2echat-relay-users``."""

    name: str
    command: click.Command
    context: click.Context


def manual() -> dict[str, str]:
    """File name: page, in roff, for every command there is."""
    root = Page("e2echat", app, click.Context(app, info_name="e2echat", **app.context_settings))
    return {f"{page.name}.1": "".join(f"{line}\n" for line in page_lines(page)) for page in _below(root)}


def _below(page: Page) -> Iterator[Page]:
    yield page
    if isinstance(page.command, click.Group):
        for name in page.command.list_commands(page.context):
            command = page.command.get_command(page.context, name)
            if command:
                context = click.Context(command, parent=page.context, info_name=name)
                yield from _below(Page(f"{page.name}-{name}", command, context))


def page_lines(page: Page) -> Iterator[str]:
    """The lines of one page."""
    command, context = page.command, page.context
    yield f'.TH "{page.name.upper()}" "1" "" "e2echat {__version__}" "e2echat"'
    # Commands are to be copied: not broken at their hyphens, nor spread over the line.
    yield from (".nh", ".ad l")
    yield ".SH NAME"
    yield f"{_text(page.name)} \\- {_text(command.get_short_help_str(200).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    pieces = (_text(piece) for piece in command.collect_usage_pieces(context))
    yield f"\\fB{_text(context.command_path)}\\fR {' '.join(pieces)}"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.help or "")
    if command is app:
        for heading, names in grouped():
            yield f".SS {heading}"
            yield from _commands(page, names)
    elif isinstance(command, click.Group):
        yield ".SH COMMANDS"
        yield from _commands(page, command.list_commands(context))
    if command is talk:
        yield ".SH LINES"
        yield _text(
            "On a terminal a line that begins with a slash is not sent. N is the number before a message."
        )
        for line, meaning in known_lines():
            yield from _entry(line, f"{meaning[:1].upper()}{meaning[1:]}.")
    yield ".SH OPTIONS"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        # Arguments are in the synopsis, and the description says what they are.
        if record and isinstance(parameter, click.Option):
            yield from _entry(*record)
    if command is app:
        yield from _whole(command.epilog or "")
    yield ".SH SEE ALSO"
    yield ", ".join(f"\\fB{_text(name)}\\fR(1)" for name in _related(page))


def _commands(page: Page, names: list[str]) -> Iterator[str]:
    assert isinstance(page.command, click.Group)  # noqa: S101 - for mypy: only groups are listed
    for name in names:
        command = page.command.get_command(page.context, name)
        if command:
            yield from _entry(f"{page.name}-{name}(1)", command.get_short_help_str(200))


def _whole(examples: str) -> Iterator[str]:
    """What concerns all commands alike: the page of ``e2echat`` itself has it."""
    yield ".SH ENVIRONMENT"
    for name, meaning in ENVIRONMENT.items():
        yield from _entry(name, meaning)
    yield ".SH EXIT STATUS"
    for code, meaning in exit_codes():
        yield from _entry(code, meaning)
    yield ".SH EXAMPLES"
    yield from _paragraphs(examples.replace("Examples:\n", ""))


def exit_codes() -> list[tuple[str, str]]:
    """Code and meaning, as the reference has them."""
    chapter = REFERENCE.read_text(encoding="utf-8").partition("## Exit codes\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", chapter, flags=re.MULTILINE)
    return [(code, meaning.replace("`", "")) for code, meaning in rows]


def _related(page: Page) -> list[str]:
    if page.command is app:
        return ["e2echat-talk", "e2echat-relay"]
    above = page.name.rpartition("-")[0]
    return ["e2echat"] if above == "e2echat" else ["e2echat", above]


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith("\b"):
            yield from (".PP", ".nf")
            yield from (_text(line) for line in paragraph.removeprefix("\b\n").splitlines())
            yield ".fi"
        else:
            yield ".PP"
            yield _text(" ".join(paragraph.split()))


def _entry(term: str, meaning: str) -> Iterator[str]:
    yield from (".TP", f"\\fB{_text(term)}\\fR", _text(meaning))


def _text(text: str) -> str:
    """As it is: no escape, no request, and hyphens that can be copied."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
