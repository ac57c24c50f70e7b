"""``contacts`` and ``history``: what the profile holds. Neither needs the relay."""

import click

from e2echat.faces.changes import message_text
from e2echat.faces.cli.options import common, peer_argument, words
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Style
from e2echat.faces.wording import contact_record, contact_words, history_record, message_head


@click.command(short_help="List the people this profile knows.")
@common()
@click.pass_obj
def contacts(session: Session) -> None:
    """List the people this profile knows, and how each stands."""
    with session.open_account(connect=False) as account:
        known = account.contacts()
        for contact in known:
            style = Style.GOOD if contact.verified else Style.STRONG
            session.out.result(
                contact_record(contact),
                (style, f"{contact.name:<16}"),
                " ",
                ", ".join(contact_words(contact)),
            )
        if not known:
            session.out.note("Nobody yet. Write to somebody: e2echat talk --peer NAME")


@click.command(short_help="Print what was said with somebody.")
@peer_argument
@click.option(
    "--search",
    callback=words,
    metavar="WORDS",
    help="Only messages that have all WORDS in them, in any case.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the last N, or the first after ID."
)
@click.option("--before", callback=words, metavar="ID", help="Only what was said before the message ID.")
@click.option("--ids", is_flag=True, help="Show each message's ID, which edit, delete and react take.")
@click.option("--after", callback=words, metavar="ID", help="Only what was said after the message ID.")
@common()
@click.pass_obj
def history(
    session: Session,
    *,
    peer: str,
    search: str | None,
    limit: int | None,
    before: str | None,
    after: str | None,
    ids: bool,
) -> None:
    """Print what was said with PEER, oldest first."""
    with session.open_account(connect=False) as account:
        for message in account.history(peer, search=search, limit=limit, before=before, after=after):
            if session.out.json:
                session.out.record(history_record(message))
            else:
                head = ((Style.FAINT, f"{message.id} "),) if ids else ()
                session.out.text((*head, *message_head(message, with_state=True)), message_text(message))
