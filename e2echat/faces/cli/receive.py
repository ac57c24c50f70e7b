"""``receive``: whatever nobody has shown yet."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from e2echat.client.events import AllIn, Connected, Disconnected, Message
from e2echat.client.settings import Notify
from e2echat.errors import RelayUnreachableError
from e2echat.faces.cli.options import common, timeout_option
from e2echat.faces.cli.preferences import notify_option
from e2echat.faces.cli.session import Session
from e2echat.faces.feed import Feed, show_event, show_message
from e2echat.faces.notify import Notifier

if TYPE_CHECKING:
    from e2echat.client.account import Account

CATCH_UP = 10.0
"""Seconds that the relay has to hand over what waits there."""


@click.command(short_help="Print what nobody has shown yet.")
@click.option("--follow", is_flag=True, help="Go on until stopped.")
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="End after N messages.")
@timeout_option(0.0, "How many seconds to wait for more.")
@notify_option
@common()
@click.pass_obj
def receive(
    session: Session,
    follow: bool,  # noqa: FBT001 - by name
    most: int | None,
    timeout: float,
    notify: Notify | None,
) -> None:
    """Print the messages that neither receive nor talk has shown yet, whoever sent them.

    A message counts as shown once its line is out. Ends with 5 if the relay could not be asked what waits there.
    """
    with session.open_account(stays=follow) as account:
        notifier = Notifier(session.out, account.settings, notify)
        messages = _messages(session, account, None if follow else timeout, notifier)
        for number, message in enumerate(messages, start=1):
            show_message(account, session.out, message)
            if number == most:
                return


def _messages(
    session: Session, account: "Account", timeout: float | None, notifier: Notifier
) -> Iterator[Message]:
    """Every message as it is to be shown; what happens between them is said on the way."""
    deadline = None if timeout is None else time.monotonic() + timeout
    feed = Feed(account)
    yield from feed.waiting()
    answered = timeout is None or account.catch_up(CATCH_UP)
    for event in feed.until(deadline):
        if isinstance(event, Message):
            notifier.arrived(event)
            yield event
            continue
        answered = answered or isinstance(event, AllIn)
        if timeout is None or not isinstance(event, Connected | Disconnected):
            show_event(session.out, event)
    if not answered:
        account.require_connection()
        raise RelayUnreachableError("The relay does not answer.")
