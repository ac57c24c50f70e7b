"""``e2echat relay users``, ``remove`` and ``token``: looking after a relay. docs/cli.md."""

from pathlib import Path

import click

from e2echat.faces.cli.options import common, words
from e2echat.faces.cli.session import Session


def default_data() -> Path:
    """The platform's directory for a relay."""
    from platformdirs import user_data_path  # noqa: PLC0415 - only for who does not say where

    return user_data_path("e2echat-relay", appauthor=False)


_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The relay's data directory; may stand before the command as well.",
)


def _directory(context: click.Context, data: Path | None) -> Path:
    """The data directory of a command, given behind it, before it, or not at all."""
    before = context.parent.params.get("data") if context.parent else None
    return data or before or default_data()


@click.command()
@_data
@common()
@click.pass_context
def users(context: click.Context, data: Path | None) -> None:
    """List who has a name at the relay, and how much waits for whom."""
    from e2echat.relay import operating  # noqa: PLC0415 - --help needs none of it

    out = context.ensure_object(Session).out
    for user in operating.users(_directory(context, data)):
        here = "connected" if user["connected"] else "away"
        out.result({"type": "user", **user}, f"{user['name']:<32}  {here:<9}  {user['waiting']:>5} waiting")


@click.command()
@click.argument("name", callback=words)
@_data
@common()
@click.pass_context
def remove(context: click.Context, name: str, data: Path | None) -> None:
    """Remove NAME with all that waits for it. The name is never given out again."""
    from e2echat.relay import operating  # noqa: PLC0415 - --help needs none of it

    removed = operating.remove(_directory(context, data), name)
    context.ensure_object(Session).out.result({"type": "removed", "name": removed}, f"{removed} is removed.")


@click.command()
@click.option(
    "--uses",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    metavar="N",
    help="Names it is good for.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3_660),
    default=7,
    show_default=True,
    metavar="N",
    help="Days it is good for.",
)
@_data
@common()
@click.pass_context
def token(context: click.Context, uses: int, days: int, data: Path | None) -> None:
    """Print an address to join with, for a relay with --registration token.

    Whoever has it may claim a name: send it as you would a key.
    """
    from e2echat.relay import operating  # noqa: PLC0415 - --help needs none of it

    address = operating.make_token(_directory(context, data), uses, days)
    context.ensure_object(Session).out.result(
        {"type": "join_address", "address": address, "uses": uses, "days": days}, address
    )
