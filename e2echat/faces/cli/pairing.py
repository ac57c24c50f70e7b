"""``invite`` and ``add``: two people find each other, and know that it is them."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from e2echat.client.events import Invitation, Paired, PairingFailed, Problem
from e2echat.errors import InvalidCodeError, PairingError, RelayUnreachableError
from e2echat.faces.cli.options import common, timeout_option
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit, sentence_for
from e2echat.faces.output import Output, Style
from e2echat.faces.qr import draw_qr
from e2echat.faces.wording import clock, paired_record, paired_words, timestamp

if TYPE_CHECKING:
    from e2echat.client.account import Account

OUTAGE = 10.0
"""Seconds for which a relay that is away is waited for."""
AGAIN = 0.5


@click.command(short_help="Invite somebody, with a link or a short code.")
@click.option("--qr", is_flag=True, help="Draw the link as a QR code, too.")
@timeout_option(600.0, "How many seconds to wait for whoever is invited.")
@common()
@click.pass_obj
def invite(session: Session, qr: bool, timeout: float) -> Exit:  # noqa: FBT001 - click passes by name
    """Make a link and a short code, and wait until somebody has used one.

    The link is for one person and some days, and goes on being good when this ends. The code is for one attempt and ten
    minutes, and ends with this. Whoever uses the code is verified on both sides.
    """
    out = session.out
    with session.open_account() as account:
        paired = invited(account, out, timeout, qr=qr)
        if paired is None:
            return Exit.QUEUED
        out.result(paired_record(paired), paired_words(paired))
        return Exit.DONE


def invited(account: "Account", out: Output, timeout: float, *, qr: bool = False) -> Paired | None:
    """Show a link and a code, and wait for whoever uses one; None if nobody does in ``timeout`` seconds.

    Raises:
        PairingError: somebody tried with a wrong code.
        RelayUnreachableError, WrongRelayError: there is no code to be had.
    """
    invitation = account.invite()
    try:
        _show(out, invitation, qr=qr)
        return _wait(account, invitation, out, time.monotonic() + timeout)
    finally:
        account.withdraw(invitation.code)


def _show(out: Output, invitation: Invitation, *, qr: bool) -> None:
    if out.json:
        given = {"type": "invitation", "link": invitation.link, "code": invitation.code}
        ends = {
            "link_ends": timestamp(invitation.link_ends),
            "code_ends": timestamp(invitation.code_ends),
        }
        out.record({**given, **ends})
        return
    out.note(
        f"For one person, until {clock(invitation.link_ends)}; send it where nobody else reads along:",
        indent=0,
    )
    out.line("    ", invitation.link)
    if qr:
        draw_qr(invitation.link, out)
    out.note(
        "Or read this to them, as long as this runs; it is good for one attempt and ten minutes:", indent=0
    )
    out.line("    ", (Style.STRONG, invitation.code))
    out.note("They type: e2echat add, and then the link or the code.")
    out.note(
        "Who has no account yet types: e2echat talk, and pastes the link where it asks for the relay.",
        indent=0,
    )
    out.note("-- Waiting. Ctrl+C ends the code; the link stays good.")


def _wait(account: "Account", invitation: Invitation, out: Output, deadline: float) -> Paired | None:
    known: list[str] = []
    while (left := deadline - time.monotonic()) > 0:
        match account.next_event(left):
            case Paired(invitation=invitation.id) as paired:
                for reason in known:
                    _note_problem(out, reason)
                return paired
            case Problem(reason):
                # A pairing that fails says it itself.
                known.append(reason)
            case PairingFailed(invitation.code, reason, expired=True):
                out.note(f"-- {reason[:1].upper()}{reason[1:]}. The link stays good.")
                return None
            case PairingFailed(invitation.code, reason):
                raise PairingError(reason)
    out.note("-- Nobody used it yet. The link stays good.")
    return None


def _note_problem(out: Output, reason: str) -> None:
    """As that somebody else had used the name."""
    out.note(f"-- {reason[:1].upper()}{reason[1:]}.", indent=3)


def patiently(
    attempt: Callable[[], Paired],
    out: Output,
    patience: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Paired:
    """``attempt``, made again for ``patience`` seconds as long as the relay is not there, which is said once.

    Raises:
        RelayUnreachableError: it has not come.
    """
    deadline, told = clock() + patience, False
    while True:
        try:
            return attempt()
        except RelayUnreachableError as error:
            if clock() >= deadline:
                raise
            if not told:
                out.note(f"-- {sentence_for(error)}; trying for another {patience:.0f} s.", indent=3)
                told = True
            sleep(AGAIN)


@click.command(short_help="Add whoever gave you a link or a short code.")
@click.argument("code", nargs=-1, metavar="CODE|LINK")
@timeout_option(120.0, "How many seconds to wait for the other side.")
@common()
@click.pass_obj
def add(session: Session, code: tuple[str, ...], timeout: float) -> None:
    """Add the person who made CODE or LINK, and mark them as verified.

    Without one it is asked for, so that it need not stand among the arguments. A code made at another relay is CODE@ADDRESS.
    """
    text = " ".join(code) or session.ask("The link or the code that you were given: ")
    if not text:
        raise InvalidCodeError("there is nothing to add")
    with session.open_account() as account:
        paired = patiently(lambda: account.add(text, timeout=timeout), session.out, min(timeout, OUTAGE))
        while (event := account.next_event(0)) is not None:
            if isinstance(event, Problem):
                _note_problem(session.out, event.reason)
        session.out.result(paired_record(paired), paired_words(paired))
        session.out.note(f"Write to them: e2echat talk --peer {paired.peer}")
