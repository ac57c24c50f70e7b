"""``lock``: nobody at this machine reads or writes without the passphrase."""

import click

from e2echat.faces.cli.options import common
from e2echat.faces.cli.session import Session


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
