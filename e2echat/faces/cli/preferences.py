"""``settings`` and ``keep``: what is told to others, and how long messages are kept."""

from dataclasses import asdict

import click

from e2echat.client.settings import Notify, Preview, Settings
from e2echat.faces.changes import kept_words
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
@common()
@click.pass_obj
def settings(
    session: Session,
    read_receipts: str | None,
    typing: str | None,
    keep_days: int | None,
    keep_messages: int | None,
    notify: str | None,
    preview: str | None,
) -> None:
    """Show what holds for all conversations, after changing what is named."""
    with session.open_account(connect=False) as account:
        former = account.settings()
        known = Settings(
            read_receipts=former.read_receipts if read_receipts is None else read_receipts == "on",
            typing=former.typing if typing is None else typing == "on",
            keep_days=former.keep_days if keep_days is None else keep_days,
            keep_messages=former.keep_messages if keep_messages is None else keep_messages,
            notify=former.notify if notify is None else Notify(notify),
            preview=former.preview if preview is None else Preview(preview),
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
