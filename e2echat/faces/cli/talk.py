"""``talk``: line by line, on a terminal or through a pipe."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from e2echat.client.settings import Notify
from e2echat.errors import LockedError, NoProfileError, WrongPassphraseError
from e2echat.faces.cli.choosing import chosen_peer
from e2echat.faces.cli.first_run import first_account, inviter, present_peer
from e2echat.faces.cli.options import common, timeout_option, words
from e2echat.faces.cli.passphrase import may_be_asked
from e2echat.faces.cli.preferences import notify_option
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit, sentence_for
from e2echat.faces.suspension import suspend, suspendable

if TYPE_CHECKING:
    from e2echat.client.account import Account


@click.command(short_help="Talk with somebody, line by line.")
@click.option(
    "--peer",
    callback=words,
    metavar="NAME",
    help="With whom; on a terminal, without it the conversations are offered.",
)
@timeout_option(30.0, "With a pipe: how many seconds to wait for deliveries after the last line.")
@notify_option
@click.option(
    "--back-to",
    callback=words,
    metavar="PLACE",
    help="Without --peer: the conversation that talk was in when the profile was locked.",
)
@common()
@click.pass_obj
def talk(
    session: Session, peer: str | None, timeout: float, notify: Notify | None, back_to: str | None
) -> Exit:
    """Talk with somebody: what is typed is sent, what arrives is printed.

    On a terminal, /help says what else there is. With a pipe for standard input, every line is sent as it is, and the
    exit code is 0 once all is delivered, or 3 if it is not within --timeout. Without a profile, makes one first.
    """
    by_hand = session.stdin.is_terminal and not session.out.json
    place = Place(back_to)
    try:
        return _talk(session, peer, place, timeout, notify, by_hand=by_hand)
    except LockedError:
        if not by_hand:
            raise
    # Until the next process asks for the passphrase: whoever types it ahead is not to see it.
    session.stdin.stay_unseen()
    session.out.clear()
    session.out.note("Locked. The passphrase opens it again, Ctrl+C leaves.")
    return session.start_over([] if peer or not place.sealed else ["--back-to", place.sealed])


@dataclass(slots=True)
class Place:
    """The conversation that one is in: to whoever has not the profile open, that says nothing."""

    sealed: str | None

    def note(self, account: "Account", peer: str) -> None:
        """It is the one with ``peer``."""
        self.sealed = account.seal_place(peer)

    def peer(self, account: "Account") -> str | None:
        """With whom that was; None if nobody said."""
        return account.open_place(self.sealed) if self.sealed else None


def _talk(
    session: Session, peer: str | None, place: Place, timeout: float, notify: Notify | None, *, by_hand: bool
) -> Exit:
    with ExitStack() as stack:
        try:
            account = stack.enter_context(_opened(session, by_hand=by_hand))
        except NoProfileError:
            if not by_hand:
                raise
            account, link = first_account(session)
            stack.enter_context(account)
            stack.enter_context(suspendable(lambda: suspend(account)))
            peer = peer or (inviter(session, account, link) if link else None)
        if by_hand:
            peer = peer or place.peer(account) or chosen_peer(session, account)
            peer = present_peer(session, account, peer)
            place.note(account, peer)
        else:
            peer = account.safety(peer or _only_contact(account)).name
            from e2echat.faces.talking.plain import talk_through_pipe  # noqa: PLC0415 - each way of talking loads its own

            return talk_through_pipe(account, peer, session.out, session.stdin, timeout)
        if not session.out.is_screen:
            from e2echat.faces.talking.plain import talk_plainly  # noqa: PLC0415 - see above

            talk_plainly(account, peer, session.out, session.stdin, notify)
        else:
            from e2echat.faces.talking.screen import talk_on_screen  # noqa: PLC0415 - see above

            return talk_on_screen(account, peer, session.out, notify)
        return Exit.DONE


@contextmanager
def _opened(session: Session, *, by_hand: bool) -> "Iterator[Account]":
    """Somebody who mistypes the passphrase is asked again."""
    with ExitStack() as stack:
        account = None
        while account is None:
            try:
                account = stack.enter_context(session.open_account(stays=True))
            except WrongPassphraseError as error:
                if not (by_hand and may_be_asked(session.stdin)):
                    raise
                session.out.error(sentence_for(error))
        yield account


def _only_contact(account: "Account") -> str:
    known = [contact.name for contact in account.contacts() if contact.standing == "contact"]
    if len(known) != 1:
        raise click.UsageError("Say with whom: --peer NAME.")
    return known[0]
