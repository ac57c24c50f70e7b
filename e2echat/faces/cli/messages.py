"""What can be done to messages that are there: ``edit``, ``delete``, ``react``, ``disappear``, ``search``."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from e2echat.client.events import MessageState
from e2echat.faces.changes import message_text, parsed_duration
from e2echat.faces.cli.options import common, peer_argument, timeout_option, words
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit
from e2echat.faces.input import checked_text
from e2echat.faces.wording import found_record, message_head, reached

if TYPE_CHECKING:
    from e2echat.client.account import Account

_timeout = timeout_option(30.0, "How many seconds to wait until the relay has the change.")
_message = click.argument("message_id", metavar="ID", callback=words)


@click.command(short_help="Have a text of one's own say something else.")
@_message
@click.argument("text", required=False)
@_timeout
@common()
@click.pass_obj
def edit(session: Session, message_id: str, text: str | None, timeout: float) -> Exit:
    """Have the text of one's own with that ID say TEXT, or with - what comes on standard input, on both sides."""
    said = session.stdin.whole_text() if text in (None, "-") else checked_text(text or "")
    return _change(session, timeout, lambda account: account.edit(message_id, said))


@click.command(short_help="Delete a message of one's own, here and over there.")
@_message
@_timeout
@common()
@click.pass_obj
def delete(session: Session, message_id: str, timeout: float) -> Exit:
    """Delete the message of one's own with that ID, and ask the other side's program to.

    What was read, copied or backed up over there is out of reach.
    """
    return _change(session, timeout, lambda account: account.delete(message_id))


@click.command(short_help="React to a message.")
@_message
@click.argument("reaction", required=False, callback=words)
@_timeout
@common()
@click.pass_obj
def react(session: Session, message_id: str, reaction: str | None, timeout: float) -> Exit:
    """React to the message with that ID, instead of the last time; without REACTION, take it back."""
    return _change(session, timeout, lambda account: account.react(message_id, reaction or ""))


@click.command(short_help="Let messages with somebody disappear after a time.")
@peer_argument
@click.argument("lasting", metavar="TIME", callback=words)
@_timeout
@common()
@click.pass_obj
def disappear(session: Session, peer: str, lasting: str, timeout: float) -> Exit:
    """Let new messages with PEER, of both sides, disappear once they were read for TIME: 30s, 10m, 8h, 7d, 4w, or off."""
    seconds = parsed_duration(lasting)
    return _change(session, timeout, lambda account: account.set_timer(peer, seconds))


@click.command(short_help="Search in all that was said.")
@click.argument("sought", metavar="WORDS", nargs=-1, required=True)
@click.option("--peer", callback=words, metavar="NAME", help="Only with NAME.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="The N best."
)
@click.option(
    "--context",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Also the N messages before each, and after.",
)
@common()
@click.pass_obj
def search(session: Session, sought: tuple[str, ...], peer: str | None, limit: int, context: int) -> None:
    """Print the messages that have all WORDS in them, or pieces of words, in any case: the best of the latest thousand first."""
    said = checked_text(" ".join(sought))
    with session.open_account(connect=False) as account:
        for found in account.search(said, peer=peer, limit=limit, context=context):
            if session.out.json:
                session.out.record(found_record(found))
                continue
            for message in (*found.before, found.message, *found.after):
                mark = "> " if message is found.message and context else ""
                where = f"[{message.peer}] "
                session.out.text((mark, where, *message_head(message)), message_text(message))
            if context:
                session.out.line("")


def _change(session: Session, timeout: float, make: "Callable[[Account], str]") -> Exit:
    """Queue a change, and wait until the relay has it."""
    with session.open_account() as account:
        deadline = time.monotonic() + timeout
        change = make(account)
        state = account.wait(change, MessageState.STORED, max(0.0, deadline - time.monotonic()))
        session.out.result({"type": "changed", "id": change, "state": state.value}, f"done; {state.value}")
        return Exit.DONE if reached(state, MessageState.STORED) else Exit.QUEUED
