"""``audit``: what a relay's record gives away, and what not."""

from pathlib import Path
from typing import IO

import click

from e2echat.faces.cli.options import common
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit


@click.command(short_help="Check what a relay saw, by its record.")
@click.argument("record", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--texts",
    type=click.File("rb"),
    metavar="FILE",
    help="Look for each line of FILE, say of messages that were sent; - for standard input.",
)
@click.option(
    "--also",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    metavar="PATH",
    help="Look for them here as well: the relay's data directory, its log. May be given several times.",
)
@common()
@click.pass_obj
def audit(session: Session, record: Path, texts: IO[bytes] | None, also: tuple[Path, ...]) -> Exit:
    """Check FILE, which e2echat relay --record has written, for anything that a relay must not learn.

    Then it says what the relay does know, which is not nothing. Ends with 0 if every check holds, else with 4.
    """
    from e2echat.faces.audit_report import audit_records, print_audit  # noqa: PLC0415 - --help needs none of it
    from e2echat.relay.audit import auditing  # noqa: PLC0415 - as above

    wanted = [line.strip(b"\r\n") for line in texts] if texts else []
    done = auditing.audit(record, wanted, also)
    if session.out.json:
        for values in audit_records(done):
            session.out.record(values)
    else:
        print_audit(done, session.out)
    return Exit.DONE if done.holds else Exit.KEY
