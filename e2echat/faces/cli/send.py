"""``send``: one message, and how far it came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from e2echat.client.events import MessageState, Problem, Working
from e2echat.errors import E2EChatError, KeyChangedError
from e2echat.faces.cli.options import common, timeout_option, words
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit
from e2echat.faces.feed import TURN
from e2echat.faces.input import checked_text
from e2echat.faces.output import Output
from e2echat.faces.wording import reached, work_words

if TYPE_CHECKING:
    from e2echat.client.account import Account

MEANINGS = {
    MessageState.STORED: "the relay has it",
    MessageState.DELIVERED: "the other side has it",
    MessageState.READ: "it was shown to the other side",
}

_RECENT = 100
"""Messages in which a sign of the other side is looked for."""


@click.command(short_help="Send one message.")
@click.option("--peer", required=True, callback=words, metavar="NAME", help="To whom.")
@click.argument("text", required=False)
@click.option(
    "--wait",
    "wanted",
    type=click.Choice([state.value for state in MEANINGS]),
    default=MessageState.STORED.value,
    show_default=True,
    help="How far it is to come before the command ends.",
)
@click.option("--reply-to", callback=words, metavar="ID", help="The message that it answers.")
@timeout_option(30.0, "How many seconds to wait for that.")
@common()
@click.pass_obj
def send(
    session: Session, peer: str, text: str | None, wanted: str, reply_to: str | None, timeout: float
) -> Exit:
    """Send TEXT, or with - what comes on standard input.

    Ends with 0 once the message has come as far as --wait says, and with 3 if it has not yet: then it is kept in the
    outbox, and leaves with the next command that connects.
    """
    text = _text(session, text)
    with session.open_account() as account:
        try:
            with told_of_work(account, session.out):
                message_id = account.send(peer, text, reply_to=reply_to, timeout=timeout)
            goal = MessageState(wanted)
            # Whoever is a contact is in no need of being looked up: then all of the time is for this.
            state = account.wait(message_id, goal, timeout)
        except KeyChangedError as error:
            if error.message_id is not None and session.out.json:
                session.out.record({"type": "sent", "id": error.message_id, "to": peer, "state": "queued"})
            raise
        values = {"type": "sent", "id": message_id, "to": peer, "state": state.value}
        if reached(state, goal):
            session.out.result(values, f"{state.value}: {MEANINGS[state]}")
            return Exit.DONE
        session.out.result(values, f"{state.value}: not {wanted} yet")
        session.out.note(_next_step(state, heard_from=_heard_from(account, peer)))
        return Exit.QUEUED


@contextmanager
def told_of_work(account: "Account", out: Output) -> Iterator[None]:
    """Inside, a person at a terminal hears of work that takes long, and of what is wrong."""
    over = threading.Event()

    def tell() -> None:
        with suppress(E2EChatError):  # whatever is wrong is said where the message is sent
            while not over.is_set():
                event = account.next_event(TURN)
                match event:
                    case Problem(reason):
                        out.note("-- ", reason, indent=3)
                    case Working(_, bits) if words := work_words(bits):
                        out.note("-- ", words, indent=3)

    if not out.is_screen or out.json:
        yield
        return
    teller = threading.Thread(target=tell, name="e2echat-teller", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()


def _text(session: Session, text: str | None) -> str:
    if text is None and session.stdin.is_terminal:
        raise click.UsageError("Say what to send, or - to read it from standard input.")
    if text is None or text == "-":
        return session.stdin.whole_text()
    return checked_text(text)


def _heard_from(account: "Account", peer: str) -> bool:
    """Whether the other side has let us in: it wrote, or confirmed something."""
    confirmed = (MessageState.RECEIVED, MessageState.DELIVERED, MessageState.READ)
    return any(message.state in confirmed for message in account.history(peer, limit=_RECENT))


def _next_step(state: MessageState, *, heard_from: bool) -> str:
    if state is MessageState.QUEUED:
        return "It is kept in the outbox and leaves with the next command that connects; see: e2echat status"
    if state is MessageState.DELIVERED:
        return "It was not shown over there yet, or the other side does not tell what it has read."
    if heard_from:
        return "The relay keeps it until the other side connects; nothing is left to do here."
    return "The other side has not confirmed it yet; somebody new does so only after accepting you."
