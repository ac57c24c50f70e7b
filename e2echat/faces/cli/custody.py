"""``lock`` and ``delete-account``: nobody at this machine reads or writes without the passphrase, or ever again."""

from typing import TYPE_CHECKING

import click

from e2echat.errors import RelayUnreachableError
from e2echat.faces.cli.options import common, timeout_option, words
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Style

if TYPE_CHECKING:
    from e2echat.client.status import Status


@click.command(short_help="Have every process forget what opens the profile.")
@common()
@click.pass_obj
def lock(session: Session) -> None:
    """Have every process that has the profile open forget what opens it: reading and writing take the passphrase again.

    What is open in talk goes from the screen. A daemon goes on locked, and opens with the next command that is given the
    passphrase. Nothing arrives meanwhile; it waits at the relay.
    """
    was_open = session.account_class().lock_profile(session.home)
    session.out.result(
        {"type": "locked", "was_open": was_open},
        "Locked." if was_open else "Locked; nobody had it open.",
    )


@click.command("delete-account", short_help="Delete the account, here and at its relay, for good.")
@click.option(
    "--yes", "said", callback=words, metavar="NAME", help="Do not ask: NAME is the account's own name."
)
@click.option(
    "--local-only", is_flag=True, help="Leave the relay alone: the name stays there, and is nobody's."
)
@timeout_option(30.0, "Seconds that the relay has.")
@common()
@click.pass_obj
def delete_account(session: Session, said: str | None, local_only: bool, timeout: float) -> None:  # noqa: FBT001 - click passes by name
    """Take the account's name from its relay, for good, and remove the profile from this disk, its key first.

    Nobody else is told. Backups and exports stay, and so does what others have received. It asks for the account's name.
    """
    if local_only and session.account_class().remove_left_over(session.home):
        session.out.result(
            {"type": "account_deleted", "name": None, "at_relay": False},
            "What was left of a deleted account is removed.",
        )
        return
    with session.open_account(connect=False) as account:
        now = account.status()
        if said is None:
            said = _confirmed(session, now, local_only=local_only)
        try:
            account.delete_account(said, local_only=local_only, timeout=timeout)
        except RelayUnreachableError:
            session.out.note("Nothing was deleted here. To delete only what is here: --local-only")
            raise
    session.out.result(
        {"type": "account_deleted", "name": now.name, "at_relay": not local_only},
        (Style.STRONG, now.name),
        " is deleted here; the name stays at the relay."
        if local_only
        else " is deleted, here and at the relay.",
    )
    if session.home.exists():
        session.out.note(f"Files that are not e2echat's are still in {session.home}.")


def _confirmed(session: Session, now: "Status", *, local_only: bool) -> str:
    """What the person types after having read what goes."""
    out = session.out
    if not session.stdin.is_terminal:
        raise click.UsageError("Without a terminal to ask on, say whose account it is: --yes NAME")
    if local_only:
        out.note(
            f"This deletes what is here of {now.name}. The name stays at its relay, and nobody can use it."
        )
    else:
        out.note(
            f"This deletes {now.name}, here and at its relay. Nobody can have that name there again, you included."
        )
    out.note(
        "All messages, contacts and keys here are gone then; only a backup has them still. Contacts are not told."
    )
    return session.ask("To go on, type the name of the account: ")
