"""``backup``, ``restore``, ``passphrase``: the account on its disk and beyond."""

from functools import cache
from pathlib import Path

import click

from e2echat.faces.cli.account import CONNECT_TIMEOUT
from e2echat.faces.cli.options import common
from e2echat.faces.cli.passphrase import (
    changed_passphrase,
    known_backup_passphrase,
    known_passphrase,
    new_backup_passphrase,
    new_passphrase,
)
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Style

_INTERRUPTED_CHANGE = "The change had begun: in a second either the new passphrase holds, or still the former. Try the new one first."
_INTERRUPTED_REMOVAL = "The change had begun: in a second the profile has no passphrase any more, or still the one it had. Look with: e2echat status"


@click.command(short_help="Keep the account in one sealed file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common()
@click.pass_obj
def backup(session: Session, file: Path) -> None:
    """Keep account, contacts, verification, settings and history in FILE, under a passphrase of its own.

    It is asked for twice, or read from the file that E2ECHAT_BACKUP_PASSPHRASE_FILE names. An earlier backup of that name
    is replaced.
    """
    with session.stdin.unseen(), session.open_account(connect=False) as account:
        passphrase = new_backup_passphrase(session.stdin, session.out)
        size = account.backup(str(file.absolute()), passphrase)
    session.out.result(
        {"type": "backup", "file": str(file.absolute()), "size": size},
        (Style.STRONG, str(file)),
        f": {size:,} bytes. Without its passphrase nobody opens it, you included.",
    )


@click.command(short_help="Make the profile anew from a backup.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Encrypt the profile with a key that lies beside it: whoever can read the files can read everything.",
)
@common()
@click.pass_obj
def restore(session: Session, file: Path, no_passphrase: bool) -> None:  # noqa: FBT001 - click passes by name
    """Make the profile anew from FILE. All contacts are told, in one line; who was verified still is.

    What was said since the backup was made is not in it. An installation that still runs elsewhere is signed out.
    """
    stdin, out = session.stdin, session.out
    with (
        stdin.unseen(),
        session.account_class().restore(
            session.home,
            file,
            lambda: known_backup_passphrase(stdin, out),
            lambda: None if no_passphrase else new_passphrase(stdin, out),
        ) as account,
    ):
        here = account.catch_up(CONNECT_TIMEOUT)
        values = {"type": "restored", "name": account.name, "address": account.address, "connected": here}
        out.result(values, (Style.STRONG, account.name), " is back, with all that the backup held.")
        if not here:
            out.note("The relay does not answer yet; contacts are told as soon as it does.")


@click.command(short_help="Change the profile's passphrase.")
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Encrypt the profile with a key that lies beside it: whoever can read the files can read everything.",
)
@common()
@click.pass_obj
def passphrase(session: Session, no_passphrase: bool) -> None:  # noqa: FBT001 - click passes by name
    """Give the profile another passphrase, or one if it has none. Processes that have it open go on.

    The former one is asked for, or read from the file that E2ECHAT_PASSPHRASE_FILE names; then the new one, twice, or from the
    file that E2ECHAT_NEW_PASSPHRASE_FILE names. Killed at any moment, one of the two opens the profile.
    """
    stdin, out = session.stdin, session.out
    former = cache(lambda: known_passphrase(stdin, out))
    begun = False
    try:
        with stdin.unseen(), session.open_account(connect=False, ask=former) as account:
            known = former() if account.status().passphrase else None
            new = None if no_passphrase else changed_passphrase(stdin, out)
            begun = True
            account.change_passphrase(known, new)
    except KeyboardInterrupt:
        if begun:
            # Whoever has the profile open goes on with it, and it takes about a second.
            out.note(_INTERRUPTED_REMOVAL if no_passphrase else _INTERRUPTED_CHANGE)
        raise
    done = "The profile has no passphrase now." if no_passphrase else "The new passphrase holds from now on."
    out.result({"type": "passphrase", "passphrase": not no_passphrase}, done)
    if no_passphrase:
        out.note(f"Whoever can read {session.home} can read everything and write as you.")
    out.note("Copies of the profile from before still open as they did; delete those that you know of.")
