"""The status line: with whom, how sure, how connected, and what is under way."""

from e2echat.client.events import Contact, MessageState
from e2echat.client.status import Status
from e2echat.faces.wording import short_name

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
    parts = [short_name(peer), _trust(contact), "connected" if status.connected else "not connected"]
    if typing:
        parts.append(f"{short_name(peer)} is typing")
    if busy:
        parts.append("sending")
    elif status.queued:
        parts.append(f"{status.queued} on the way")
    if latest is not None and not busy:
        parts.append(f"[{latest[0]}] {latest[1].value}")
    if status.unread:
        parts.append(f"{status.unread} unread")
    if contact is not None and contact.timer:
        parts.append("disappearing")
    if status.problem and not status.connected:
        parts.append(status.problem)
    return parts


def changes_of(before: Contact | None, now: Contact) -> list[str]:
    """What a decision has changed in how a contact stands, as sentences."""
    sentences = []
    if before is not None and now.standing != before.standing:
        if now.standing == "blocked":
            sentences.append(f"{now.name} is blocked; to undo it: e2echat accept {now.name}")
        elif before.standing == "blocked":
            sentences.append(f"{now.name} is blocked no more.")
        elif now.standing == "contact":
            sentences.append(f"{now.name} is a contact now.")
    if now.verified and not (before is not None and before.verified):
        sentences.append(f"{now.name} is verified.")
    elif before is not None and before.key_changed and not now.key_changed:
        sentences.append(f"The new key of {now.name} is accepted, and not verified; to compare: /verify")
    return sentences


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
