"""``init``, ``status``, ``move`` and ``proxy``: the account itself, and how its relay is reached."""

from typing import TYPE_CHECKING

import click

from e2echat.errors import E2EChatError, WrongClockError
from e2echat.faces.cli.options import common, timeout_option, words
from e2echat.faces.cli.passphrase import new_passphrase
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import advice_for, sentence_for
from e2echat.faces.output import Output, Style
from e2echat.faces.status import status_lines, status_record
from e2echat.faces.wording import proxy_words

if TYPE_CHECKING:
    from e2echat.client.account import Account
    from e2echat.client.status import RelayAnswer

CONNECT_TIMEOUT = 5.0
"""Seconds that `status` gives the relay before it reports it as out of reach."""


@click.command(short_help="Make an account and claim its name at a relay.")
@click.argument("name", callback=words)
@click.option(
    "--relay",
    required=True,
    callback=words,
    metavar="ADDRESS",
    help="As the relay prints it: relay://PIN@HOST:PORT.",
)
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Encrypt the profile with a key that lies beside it: whoever can read the files can read everything.",
)
@click.option(
    "--proxy",
    callback=words,
    metavar="PROXY",
    help="Reach every relay through it, always: socks5h://HOST:PORT.",
)
@common()
@click.pass_obj
def init(session: Session, name: str, relay: str, no_passphrase: bool, proxy: str | None) -> None:  # noqa: FBT001 - click passes by name
    """Make an account, claim NAME at the relay, and print the fingerprint.

    A passphrase is asked for twice, or read from the file that E2ECHAT_PASSPHRASE_FILE names.
    """
    passphrase = None if no_passphrase else new_passphrase(session.stdin, session.out)
    answer = session.try_relay(relay, proxy)
    if not answer.clocks_agree:
        say_clocks_differ(session.out, answer)
    create(session, name, relay, passphrase, proxy).close()


def say_clocks_differ(out: Output, answer: "RelayAnswer") -> None:
    """With what to do about it; whose clock is wrong, only a person can know."""
    error = WrongClockError(f"a clock is wrong: {answer.clock_words}")
    out.error(sentence_for(error), advice_for(error))


def create(
    session: Session, name: str, relay: str, passphrase: str | None, proxy: str | None = None
) -> "Account":
    """Make the account and show it.

    Returns:
        The account, open; to be closed.
    """
    account = session.create_account(name, relay, passphrase, proxy)
    out = session.out
    values = {
        "type": "account",
        "name": account.name,
        "address": account.address,
        "fingerprint": account.fingerprint,
        "home": str(session.home),
        "passphrase": passphrase is not None,
    }
    out.result(values, (Style.STRONG, account.name), f" is yours. Fingerprint: {account.fingerprint}")
    if passphrase is None:
        out.note(
            f"Without a passphrase, whoever can read {session.home} can read everything and write as you."
        )
    return account


@click.command(short_help="Show the account, the relay, and what is queued.")
@common()
@click.pass_obj
def status(session: Session) -> None:
    """Show the account, whether the relay answers and how soon, what is queued, and what all of it is made of.

    What is queued leaves as soon as there is a connection. What is wrong, and what mends it: e2echat doctor.
    """
    with session.open_account() as account:
        try:
            account.catch_up(CONNECT_TIMEOUT)
            problem = None
        except E2EChatError as error:
            # It is what this command is there to report.
            problem = error
        answer, now = _answer(account), account.status()
        if session.out.json:
            session.out.record(status_record(now, answer))
        else:
            for what, how in status_lines(now, answer):
                session.out.line((Style.FAINT, f"{what:<17}"), how, indent=17)
        if problem:
            raise problem


def _answer(account: "Account") -> "RelayAnswer | None":
    """How the relay answers, if it does."""
    if not account.status().connected:
        return None
    try:
        return account.ask_relay(timeout=CONNECT_TIMEOUT)
    except E2EChatError:
        # It has gone since, which the connection notices by itself.
        return None


@click.command(short_help="Say where a relay has moved to.")
@click.argument("address", callback=words)
@timeout_option(30.0, "Seconds to wait for the relay there.")
@common()
@click.pass_obj
def move(session: Session, address: str, timeout: float) -> None:
    """Say that a relay is reached at ADDRESS from now on: one's own, or that of contacts.

    ADDRESS has the PIN that the relay always had, and the relay proves it there; else nothing changes.
    """
    with session.open_account() as account:
        moved = account.move(address, timeout=timeout)
        values = {
            "type": "moved",
            "address": moved.address,
            "own": moved.own,
            "contacts": moved.contacts,
        }
        if moved.own:
            session.out.result(values, "Your relay is at ", (Style.STRONG, moved.address), " now.")
            if moved.contacts:
                session.out.note(f"Contacts at other relays who are told: {moved.contacts}.")
        else:
            session.out.result(
                values,
                (Style.STRONG, moved.address),
                f" is where contacts are reached now: {moved.contacts}.",
            )


@click.command(short_help="Choose the proxy through which relays are reached.")
@click.argument("proxy", callback=words)
@common()
@click.pass_obj
def proxy(session: Session, proxy: str) -> None:
    """Reach every relay through PROXY from now on, socks5h://HOST:PORT; or directly, if it is "none".

    The proxy looks up the relay's name, too. Nothing leaves this machine on another way.
    """
    with session.open_account(connect=False) as account:
        account.go_through(proxy)
        chosen = account.status().proxy
        session.out.result(
            {"type": "proxy", "proxy": chosen}, "Relays are reached ", proxy_words(chosen), "."
        )
