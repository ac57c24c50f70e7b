"""``settings`` and ``keep``: what is told to others, and how long messages are kept."""

from dataclasses import asdict, replace
from typing import Any

import click

from e2echat.client.settings import Notify, Preview
from e2echat.faces.changes import duration, kept_words, parsed_duration
from e2echat.faces.cli.options import Command, common, peer_argument
from e2echat.faces.cli.session import Session

_SWITCH = click.Choice(["on", "off"])
_NUMBER = click.IntRange(min=0)
_WAY = click.Choice([each.value for each in Notify])


def notify_option(command: Command) -> Command:
    """``--notify``: for this time."""
    return click.option(
        "--notify",
        type=_WAY,
        callback=_chosen_way,
        help="How to be told that a message came, this time; see settings.",
    )(command)


def _chosen_way(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Notify | None:
    return None if value is None else Notify(value)


def _lock_after(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    return None if value is None else parsed_duration(value)


def _meant(value: str | int, former: Any) -> Any:  # noqa: ANN401 - of the one type that the setting has
    return value == "on" if isinstance(former, bool) else type(former)(value)


@click.command(short_help="Show or change what holds for all conversations.")
@click.option("--read-receipts", type=_SWITCH, help="Tell others when their messages were shown.")
@click.option("--typing", type=_SWITCH, help="Tell others when one is writing.")
@click.option("--keep-days", type=_NUMBER, metavar="N", help="Delete messages after N days; 0: never.")
@click.option(
    "--keep-messages", type=_NUMBER, metavar="N", help="Keep the last N of each conversation; 0: all."
)
@click.option("--notify", type=_WAY, help="How to be told that a message came.")
@click.option(
    "--preview", type=click.Choice([each.value for each in Preview]), help="How much a notification says."
)
@click.option(
    "--lock-after",
    callback=_lock_after,
    metavar="TIME",
    help="Lock when nobody has used the profile for so long: 10m, 1h, or off.",
)
@common()
@click.pass_obj
def settings(session: Session, /, **chosen: str | int | None) -> None:
    """Show what holds for all conversations, after changing what is named."""
    with session.open_account(connect=False) as account:
        former = account.settings()
        wishes = {name: value for name, value in chosen.items() if value is not None}
        known = replace(
            former, **{name: _meant(value, getattr(former, name)) for name, value in wishes.items()}
        )
        if known != former:
            account.change_settings(known)
    if session.out.json:
        session.out.record({"type": "settings", **asdict(known)})
        return
    session.out.line(f"read receipts  {'on' if known.read_receipts else 'off'}")
    session.out.line(f"typing         {'on' if known.typing else 'off'}")
    session.out.line(f"messages       {kept_words(known.keep_days, known.keep_messages)}")
    session.out.line(f"notifications  {known.notify}, preview {known.preview}")
    session.out.line(
        f"lock           {f'after {duration(known.lock_after)} unused' if known.lock_after else 'never by itself'}"
    )


@click.command(short_help="Say how long messages with somebody are kept.")
@peer_argument
@click.option("--days", type=_NUMBER, metavar="N", help="Delete messages after N days; 0: never.")
@click.option("--messages", type=_NUMBER, metavar="N", help="Keep the last N; 0: all.")
@common()
@click.pass_obj
def keep(session: Session, peer: str, days: int | None, messages: int | None) -> None:
    """Say how long messages with PEER are kept here; what is not said is as in the settings."""
    with session.open_account(connect=False) as account:
        account.keep(peer, days, messages)
        known = account.settings()
    session.out.result(
        {"type": "kept", "peer": peer, "days": days, "messages": messages},
        kept_words(
            known.keep_days if days is None else days, known.keep_messages if messages is None else messages
        ),
    )
