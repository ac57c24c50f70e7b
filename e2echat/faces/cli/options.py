"""Options that many commands share, and checks of their values."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from e2echat.errors import InvalidTextError
from e2echat.faces.cli.session import Session
from e2echat.faces.input import checked_text

Command = TypeVar("Command", bound=Callable[..., object])

LONGEST_WAIT = 366 * 86400.0
"""Seconds; nobody waits longer, and the system's timers take no more than some centuries."""


def seconds(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """A time to wait; click takes ``nan`` and ``inf`` for numbers."""
    # Not a number compares as false, so it fails here too.
    if value is not None and not 0 <= value <= LONGEST_WAIT:
        raise click.BadParameter(f"{value} is no time to wait, in seconds.")
    return value


def words(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An argument that is text, as what a shell passes on need not be."""
    if value is not None:
        try:
            checked_text(value)
        except InvalidTextError as error:
            raise click.BadParameter("it is empty, or no text.") from error
    return value


def common(*, envvar: str | None = None) -> Callable[[Command], Command]:
    """``--home`` and ``--json``, which may stand before the command or after it; the last one counts."""

    def decorate(command: Command) -> Command:
        with_json = click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=_choose_json,
            help="Print objects for programs, one a line.",
        )
        with_home = click.option(
            "--home",
            type=click.Path(file_okay=False, path_type=Path),
            envvar=envvar,
            expose_value=False,
            callback=_choose_home,
            metavar="DIR",
            help="The profile to use, instead of the usual one or E2ECHAT_HOME.",
        )
        return with_home(with_json(command))

    return decorate


def peer_argument(command: Command) -> Command:
    """The peer, as the first argument."""
    return click.argument("peer", callback=words)(command)


def timeout_option(default: float, help_text: str) -> Callable[[Command], Command]:
    """``--timeout`` in seconds."""
    return click.option(
        "--timeout",
        type=float,
        default=default,
        callback=seconds,
        show_default=True,
        metavar="S",
        help=help_text,
    )


def _choose_home(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Session).chosen_home = value


def _choose_json(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value:
        context.ensure_object(Session).out.json = True
