"""``init`` and ``status``: the account itself."""

from typing import TYPE_CHECKING

import click

from e2echat.errors import E2EChatError
from e2echat.faces.cli.options import common, words
from e2echat.faces.cli.passphrase import new_passphrase
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Style
from e2echat.faces.wording import status_lines, status_record

if TYPE_CHECKING:
    from e2echat.client.account import Account

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
@common()
@click.pass_obj
def init(session: Session, name: str, relay: str, no_passphrase: bool) -> None:  # noqa: FBT001 - click passes by name
    """Make an account, claim NAME at the relay, and print the fingerprint.

    A passphrase is asked for twice, or read from the file that E2ECHAT_PASSPHRASE_FILE names.
    """
    passphrase = None if no_passphrase else new_passphrase(session.stdin, session.out)
    create(session, name, relay, passphrase).close()


def create(session: Session, name: str, relay: str, passphrase: str | None) -> "Account":
    """Make the account and show it.

    Returns:
        The account, open; to be closed.
    """
    account = session.create_account(name, relay, passphrase)
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
    """Show the account, whether the relay answers, and what is queued.

    What is queued leaves as soon as there is a connection.
    """
    with session.open_account() as account:
        try:
            account.catch_up(CONNECT_TIMEOUT)
            problem = None
        except E2EChatError as error:
            # It is what this command is there to report.
            problem = error
        now = account.status()
        if session.out.json:
            session.out.record(status_record(now))
        else:
            for what, how in status_lines(now):
                session.out.line((Style.FAINT, f"{what:<17}"), how)
        if problem:
            raise problem
