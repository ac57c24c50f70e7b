"""The status line: with whom, how sure, how connected, and what is under way."""

from collections.abc import Sequence

from e2echat.client.events import Contact, MessageState
from e2echat.client.status import Status
from e2echat.faces.wording import short_name

SEPARATOR = " | "
LEAST = 24
"""Characters that a part keeps: enough to see what it is about."""


def standing_parts(
    contacts: Sequence[Contact],
    peer: str,
    status: Status,
    latest: tuple[int, MessageState] | None,
    *,
    queued: int,
    busy: bool,
    typing: bool,
) -> list[str]:
    """What to say, what matters most first. Whatever is not of this conversation is said to be of another.

    ``queued``: messages to the peer on their way to the relay; ``busy``: a line is being sent; ``typing``: the peer writes.
    """
    contact = next((each for each in contacts if each.name == peer), None)
    parts = [short_name(peer), _trust(contact), *_connection(status)]
    if typing:
        parts.append(f"{short_name(peer)} is typing")
    if busy:
        parts.append("sending")
    elif queued:
        parts.append(f"{queued} on the way")
    if latest is not None and not busy:
        parts.append(f"[{latest[0]}] {latest[1].value}")
    others = [each for each in contacts if each.name != peer and each.unread and each.standing != "blocked"]
    if others:
        whose = f"from {short_name(others[0].name)}" if len(others) == 1 else "elsewhere"
        parts.append(f"{sum(each.unread for each in others)} unread {whose}")
    if contact is not None and contact.timer:
        parts.append("disappearing")
    return parts


def _connection(status: Status) -> list[str]:
    if status.connected:
        return ["connected"]
    return ["not connected, retrying", status.problem] if status.problem else ["connecting"]


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


def fitted(parts: list[str], last: str, columns: int) -> str:
    """As many of ``parts`` as there is room for, then ``last``, which gives way only to the first three.

    The first is always there whole; what is long among the others is shortened before anything is left out.
    """
    kept = _as_many(parts, columns - len(SEPARATOR) - len(last))
    if len(kept) < min(len(parts), 3):
        return SEPARATOR.join(_as_many(parts, columns))
    return SEPARATOR.join([*kept, last])


def _as_many(parts: list[str], columns: int) -> list[str]:
    excess = max(0, len(SEPARATOR.join(parts)) - columns)
    first, *rest = parts
    kept = [first, *(_shortened(part, max(LEAST, len(part) - excess)) for part in rest)]
    while len(kept) > 1 and len(SEPARATOR.join(kept)) > columns:
        kept.pop()
    return kept


def _shortened(part: str, length: int) -> str:
    return part if len(part) <= length else f"{part[: length - 1]}…"


def _trust(contact: Contact | None) -> str:
    if contact is not None and contact.key_changed:
        return "KEY CHANGED"
    return "verified" if contact is not None and contact.verified else "not verified"
