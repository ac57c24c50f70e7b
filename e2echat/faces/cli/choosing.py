"""With whom to talk: the conversations, those with something new first, and a number to type."""

from typing import TYPE_CHECKING

from e2echat.client.events import Contact
from e2echat.faces.cli.first_run import asked_peer, found_peer
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Style
from e2echat.faces.wording import contact_words

if TYPE_CHECKING:
    from e2echat.client.account import Account

OFFERED = 20
"""Conversations that are listed."""


def chosen_peer(session: Session, account: "Account") -> str:
    """Whom the person chooses: the only one there is, or by number, or by whatever names somebody.

    Raises:
        EOFError: the person leaves.
    """
    offered = offered_contacts(account.contacts())
    if not offered:
        return found_peer(session, account)
    if len(offered) == 1:
        return offered[0].name
    out = session.out
    out.note("Your conversations:")
    shown = offered[:OFFERED]
    widest = min(max(len(contact.name) for contact in shown), 24)
    for number, contact in enumerate(shown, 1):
        style = Style.GOOD if contact.verified else Style.STRONG
        name = (style, f"{contact.name:<{widest}}")
        out.note(f"{number:>4}  ", name, "  ", ", ".join(contact_words(contact, news_first=True)))
    if len(offered) > OFFERED:
        out.note(f"      and {len(offered) - OFFERED} more: e2echat contacts")
    names = {str(number): contact.name for number, contact in enumerate(shown, 1)}
    return asked_peer(
        session, account, "With whom? A number, a name, a link, a code or invite; /help, /quit: ", names
    )


def offered_contacts(contacts: list[Contact]) -> list[Contact]:
    """Who may be talked with: unread ones first, then by when something last was said."""
    known = [contact for contact in contacts if contact.standing != "blocked"]
    known.sort(key=lambda each: each.last_at.timestamp() if each.last_at else 0.0, reverse=True)
    return sorted(known, key=lambda each: each.unread == 0)
