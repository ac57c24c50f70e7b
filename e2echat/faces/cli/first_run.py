"""The first run of ``talk``: from nothing to a conversation by questions. An answer that does not do costs no other."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import click

from e2echat.client.events import Paired
from e2echat.errors import (
    E2EChatError,
    InvalidNameError,
    LocalError,
    LockedError,
    MalformedError,
    NoProfileError,
    NoSuchPeerError,
    RefusedError,
    RelayUnreachableError,
    WrongClockError,
    WrongRelayError,
)
from e2echat.faces.cli.account import create, say_clocks_differ
from e2echat.faces.cli.pairing import invited
from e2echat.faces.cli.passphrase import guided_passphrase
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit, advice_for, sentence_for
from e2echat.faces.wording import paired_words

if TYPE_CHECKING:
    from e2echat.client.account import Account
    from e2echat.client.first_steps import Way

Answer = TypeVar("Answer")

LOOK_AGAIN = 3.0
"""Seconds between two questions to the relay whether somebody is there."""
CODE_LIVES = 600.0
"""Seconds that an invitation is waited for: as long as its code is good."""
WAYS = (
    "  their name, if they are at your relay; NAME@ADDRESS, if at another one",
    "  the link or the code that they gave you",
    "  invite, for a link and a code to give to them",
)
"""To name somebody."""
RELAY = "The relay's address, or the link of somebody who invites you: "


def first_account(session: Session) -> tuple["Account", str | None]:
    """Make an account, open and to be closed; also the invitation that its relay was read from, if it was.

    Raises:
        EOFError: the person leaves.
        E2EChatError: nothing that can be asked for would help.
    """
    from e2echat.client.first_steps import checked_name, checked_way  # noqa: PLC0415 - only for the first time

    out = session.out
    out.note(f"There is no account in {session.home} yet. Three answers make one; Ctrl+D leaves.", indent=0)
    name = _answer(session, "The name that others know you by: ", checked_name)
    way = _live_relay(session, _answer(session, RELAY, checked_way))
    out.note(
        "A passphrase keeps what is on this disk from others. Nobody can reset it; Enter alone for none."
    )
    passphrase = guided_passphrase(session.stdin, out, session.ask)
    account: Account | None = None
    while account is None:
        try:
            account = create(session, name, way.relay, passphrase)
        except RefusedError as error:
            _say(session, error)
            if error.reason == "name_taken":
                name = _answer(session, "Another name: ", checked_name)
            elif error.reason == "registration_closed":
                way = _live_relay(session, _answer(session, "The address to join with: ", checked_way))
            else:
                session.ask("Enter tries again: ")
        except InvalidNameError as error:
            _say(session, error)
            name = _answer(session, "Another name: ", checked_name)
        except WrongClockError as error:
            _say(session, error)
            session.ask("Enter tries again: ")
        except (RelayUnreachableError, WrongRelayError, MalformedError) as error:
            _say(session, error)
            account = _kept_account(session, passphrase)
            if account is None:
                way = _live_relay(session, _other_way(session, way))
    return account, way.link


def inviter(session: Session, account: "Account", link: str) -> str | None:
    """Who gave us ``link``, now a contact; None if that fails, for which the account is not to blame."""
    return _tried(session, lambda: _added(session, account, link))


def _live_relay(session: Session, way: "Way") -> "Way":
    """``way``, or another one that is typed instead, once a relay answers there and has proved its key."""
    while True:
        try:
            answer = session.try_relay(way.relay)
        except (RelayUnreachableError, WrongRelayError, MalformedError) as error:
            _say(session, error)
            way = _other_way(session, way)
            continue
        if answer.clocks_agree:
            return way
        say_clocks_differ(session.out, answer)
        if session.ask("Enter looks again; go on leaves it as it is: ").casefold() == "go on":
            return way


def _other_way(session: Session, way: "Way") -> "Way":
    from e2echat.client.first_steps import checked_way  # noqa: PLC0415 - only for the first time

    return _answer(session, "Enter tries again; or another address: ", checked_way, former=way)


def found_peer(session: Session, account: "Account") -> str:
    """Ask with whom somebody wants to talk who knows nobody yet."""
    session.out.note("With whom do you want to talk? Type")
    for line in WAYS:
        session.out.note(line)
    return _peer(session, account, "With whom? ")


def present_peer(session: Session, account: "Account", peer: str) -> str:
    """``peer`` as the conversation will call them, once the relay knows them; or whom the person chooses instead."""
    try:
        return account.safety(peer).name
    except (NoSuchPeerError, RelayUnreachableError) as error:
        session.out.error(
            sentence_for(error), None if isinstance(error, NoSuchPeerError) else advice_for(error)
        )
    session.out.note(f"Enter waits until {peer} is there. invite gives you a link and a code for them.")
    return _peer(session, account, "Enter, invite, or another name, link or code: ", waits_for=peer)


def asked_peer(session: Session, account: "Account", question: str, names: Mapping[str, str]) -> str:
    """Somebody whom the person names, by one of ``names`` or in any other way that names somebody."""
    return _peer(session, account, question, names=names)


def _peer(
    session: Session,
    account: "Account",
    question: str,
    *,
    waits_for: str | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
) -> str:
    while True:
        # What is on the screen is not to stay there once the profile is locked.
        answer = session.ask(question, account.settings)
        if answer in names:
            return names[answer]
        if names and answer.isdecimal():
            session.out.note(
                f"There is no number {answer}. Somebody of that name: e2echat talk --peer {answer}"
            )
            continue
        # Ctrl+C leaves here, and in whatever takes its time it leads back to here.
        found = _tried(
            session,
            lambda: _meant(session, account, answer, waits_for, is_surprise=bool(names)),  # noqa: B023 - called at once
        )
        if found:
            return found


def _meant(
    session: Session, account: "Account", answer: str, waits_for: str | None, *, is_surprise: bool
) -> str | None:
    """``is_surprise``: somebody unknown is rather a slip."""
    from e2echat.client.first_steps import checked_name, is_invitation  # noqa: PLC0415 - as above

    if not answer:
        return waits_for and _awaited(session, account, waits_for)
    if answer.startswith("/"):
        _obey(session, account, answer)
        return None
    if answer == "invite":
        return _guest(session, account)
    if is_invitation(answer):
        return _added(session, account, answer)
    name, at, address = answer.partition("@")
    answer = f"{checked_name(name)}{at}{address}"
    if is_surprise and answer not in {contact.name for contact in account.contacts()}:
        asked = f"You know nobody of the name {answer}. Ask the relay for them? [y/N] "
        if session.ask(asked, account.settings).casefold() not in ("y", "yes"):
            return None
    return present_peer(session, account, answer)


def _obey(session: Session, account: "Account", command: str) -> None:
    """What one may type in a conversation as well."""
    match command.lower():
        case "/quit":
            raise click.exceptions.Exit(Exit.DONE)
        case "/lock":
            account.lock()
            # It is only asked for; once it is done, this says so.
            while True:
                account.next_event(None)
        case "/help":
            for line in (*WAYS, "  /lock closes the profile everywhere; /quit, or Ctrl+D, leaves"):
                session.out.note(line)
        case _:
            session.out.note(f"There is no {command} here. /help says what there is.")


def _awaited(session: Session, account: "Account", peer: str) -> str:
    """Until the relay knows ``peer``, or somebody is paired with us."""
    session.out.note(f"-- Waiting for {peer}. Ctrl+C goes back to the question.")
    while True:
        look = time.monotonic() + LOOK_AGAIN
        while (event := account.next_event(max(0.0, look - time.monotonic()))) is not None:
            if isinstance(event, Paired):
                return event.peer
        try:
            return account.safety(peer).name
        except (NoSuchPeerError, RelayUnreachableError):
            # Neither of them has to stay so.
            continue


def _guest(session: Session, account: "Account") -> str | None:
    paired = invited(account, session.out, CODE_LIVES)
    if paired is None:
        return None
    session.out.note("-- ", paired_words(paired, inside=paired.peer), indent=3)
    return paired.peer


def _added(session: Session, account: "Account", invitation: str) -> str:
    session.out.note("-- Looking for who gave it to you. Ctrl+C goes back to the question.")
    # The conversation that follows says how sure that is.
    return account.add(invitation).peer


def _tried(session: Session, find: Callable[[], str | None]) -> str | None:
    """Somebody; None after what was said of an error, or Ctrl+C."""
    try:
        return find()
    except (LockedError, NoProfileError):
        # There is nothing to ask about any more.
        raise
    except E2EChatError as error:
        _say(session, error)
    except KeyboardInterrupt:
        session.out.note("")
    return None


def _kept_account(session: Session, passphrase: str | None) -> "Account | None":
    """The account that is there although the relay's answer was not heard; its name is claimed in the background."""
    try:
        account = session.account_class().open(session.home, lambda: passphrase or "", stays=True)
    except NoProfileError:
        return None
    session.out.note(
        "The account is kept: the relay may have taken the name already. It is asked again and again."
    )
    return account


def _answer(
    session: Session, question: str, check: Callable[[str], Answer], *, former: Answer | None = None
) -> Answer:
    """What ``check`` makes of an answer; asked for again until it does. Enter alone: ``former``, if there is one."""
    while True:
        text = session.ask(question)
        if not text and former is not None:
            return former
        try:
            return check(text)
        except LocalError as error:
            _say(session, error)


def _say(session: Session, error: E2EChatError) -> None:
    session.out.error(sentence_for(error), advice_for(error))
