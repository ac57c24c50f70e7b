"""The status line: with whom, how sure, how connected, and what is under way."""

from e2echat.client.events import Contact, MessageState
from e2echat.client.status import Status
from e2echat.faces.status import connection_words

SEPARATOR = " | "


def standing_parts(
    peer: str,
    contact: Contact | None,
    status: Status,
    latest: tuple[int, MessageState] | None,
    *,
    busy: bool,
    typing: bool,
) -> list[str]:
    """What to say, what matters most first. ``busy``: a line is being sent; ``typing``: the peer writes."""
    parts = [peer, _trust(contact), connection_words(status)]
    if typing:
        parts.append(f"{peer} is typing")
    if busy:
        parts.append("sending")
    elif status.queued:
        parts.append(f"{status.queued} on the way")
    if latest is not None and not busy:
        parts.append(f"[{latest[0]}] {latest[1].value}")
    if contact is not None and contact.timer:
        parts.append("disappearing")
    if status.unread:
        parts.append(f"{status.unread} unread")
    return parts


def fitted(parts: list[str], columns: int) -> str:
    """As many of ``parts`` as there is room for; the first one is always there."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(SEPARATOR) + len(part) > columns:
            break
        line += SEPARATOR + part
    return line


def _trust(contact: Contact | None) -> str:
    if contact is not None and contact.key_changed:
        return "KEY CHANGED"
    return "verified" if contact is not None and contact.verified else "not verified"
