"""``send``: one message, and how far it came."""

import time

import click

from e2echat.client.events import MessageState
from e2echat.errors import KeyChangedError
from e2echat.faces.cli.options import common, timeout_option, words
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit
from e2echat.faces.input import checked_text
from e2echat.faces.wording import reached

MEANINGS = {
    MessageState.STORED: "the relay has it",
    MessageState.DELIVERED: "the other side has it",
    MessageState.READ: "it was shown to the other side",
}


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
        deadline = time.monotonic() + timeout
        try:
            message_id = account.send(peer, text, reply_to=reply_to, timeout=timeout)
            goal = MessageState(wanted)
            state = account.wait(message_id, goal, max(0.0, deadline - time.monotonic()))
        except KeyChangedError as error:
            if error.message_id is not None and session.out.json:
                session.out.record({"type": "sent", "id": error.message_id, "to": peer, "state": "queued"})
            raise
        values = {"type": "sent", "id": message_id, "to": peer, "state": state.value}
        if reached(state, goal):
            session.out.result(values, f"{state.value}: {MEANINGS[state]}")
            return Exit.DONE
        session.out.result(values, f"{state.value}: not {wanted} yet")
        session.out.note(_next_step(state))
        return Exit.QUEUED


def _text(session: Session, text: str | None) -> str:
    if text is None and session.stdin.is_terminal:
        raise click.UsageError("Say what to send, or - to read it from standard input.")
    if text is None or text == "-":
        return session.stdin.whole_text()
    return checked_text(text)


def _next_step(state: MessageState) -> str:
    if state is MessageState.QUEUED:
        return "It is kept in the outbox and leaves with the next command that connects; see: e2echat status"
    return "The other side has not confirmed it yet; somebody new does so only after accepting you."
