"""Messages and events as people read them, and as programs do. docs/cli.md, "Objects"."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

from e2echat.client.events import (
    Connected,
    Contact,
    Disconnected,
    Event,
    Found,
    Gap,
    KeyChanged,
    Message,
    MessageState,
    NewStranger,
    Paired,
    PairingFailed,
    Problem,
    Restarted,
    Safety,
    StateChanged,
    Working,
)
from e2echat.faces.changes import change_notice, change_record, content_marks, content_record, duration
from e2echat.faces.output import Part, Style

Json = dict[str, object]
A_TRY = 0.5e-6
"""Seconds that one hash of a relay's puzzle takes, about."""
WORTH_SAYING = 1.0
"""Seconds of work that people wonder about."""


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def short_name(peer: str) -> str:
    """A peer of whom it is clear who is meant: of somebody at another relay without that relay's key."""
    name, at, address = peer.partition("@")
    return f"{name}@{address.rpartition('@')[2]}" if at else name


def local(moment: datetime) -> datetime:
    """``moment`` where the reader is. A peer's clock may claim any year at all."""
    with contextlib.suppress(OverflowError, ValueError, OSError):
        # Near the first or last year the local time may have no date to be written as.
        return moment.astimezone()
    return moment


def clock(moment: datetime, *, with_date: bool = True, seconds: bool = False) -> str:
    """``moment`` where the reader is, to the minute or the second."""
    form = "%H:%M:%S" if seconds else "%H:%M"
    return local(moment).strftime(f"%Y-%m-%d {form}" if with_date else form)


def message_record(message: Message) -> Json:
    """What ``receive`` prints; the text is exact."""
    return {
        "type": "message",
        "id": message.id,
        "from": message.sender,
        "to": message.recipient,
        "sent_at": timestamp(message.sent_at),
        "received_at": timestamp(message.received_at),
        "text": message.text,
        "verified": message.verified,
        "new_key": message.new_key,
        **content_record(message),
        "edited_at": timestamp(message.edited_at),
        "expires_at": timestamp(message.expires_at),
    }


def history_record(message: Message) -> Json:
    """What ``history`` prints: the message, which way it went, and how far it came."""
    return message_record(message) | {"direction": message.direction, "state": message.state.value}


def found_record(found: Found) -> Json:
    """What ``search`` prints: a message of ``history``, and what was said around it."""
    around = {"before": found.before, "after": found.after}
    return {
        **history_record(found.message),
        "type": "found",
        "peer": found.message.peer,
        **{side: [history_record(message) for message in messages] for side, messages in around.items()},
    }


def message_head(
    message: Message,
    *,
    with_date: bool = True,
    with_state: bool = False,
    replied: int | None = None,
    more: Sequence[str] = (),
) -> tuple[Part, ...]:
    """What stands before a message's text: when, who, and how far that can be trusted.

    ``replied``: what the message that it answers is called where it is shown; ``more``: further marks.
    """
    marks: list[str] = []
    if message.direction == "in":
        marks += doubt(message)
        if message.reduced_forward_secrecy:
            marks.append("reduced forward secrecy until the first reply")
        name = message.sender + (" ✓" if message.verified else "")
        style = Style.GOOD if message.verified else Style.STRONG
    else:
        name, style = message.sender, Style.FAINT
        # A deleted one that is queued still has never left, and does not wait to.
        if with_state and not (message.deleted and message.state is MessageState.QUEUED):
            marks.append(message.state.value)
    marks += content_marks(message, replied)
    marks += more
    mark = f" ({'; '.join(marks)})" if marks else ""
    return (Style.FAINT, clock(message.sent_at, with_date=with_date)), " ", (style, name), mark, ": "


def doubt(message: Message) -> list[str]:
    """What is to be said wherever a message's sender is: that nobody has accepted that it is them."""
    if message.standing == "stranger":
        return ["new, unverified"]
    return ["under a new key, not accepted"] if message.new_key else []


def notice(event: Event, inside: str | None = None) -> str | None:
    """What a person should know of ``event``; None if its message says it all, or nothing needs saying.

    ``inside``: the peer of the conversation in which it is said, and where ``/accept`` will do.
    """
    sentence: str | None = None
    match event:
        case Gap(peer, 0):
            sentence = f"The order of {peer}'s messages does not add up."
        case Gap(peer, missing):
            sentence = f"From {peer}, {counted(missing, 'message')} missing here, and may still come."
        case KeyChanged(peer, verified):
            sentence = (
                f"The {'verified key' if verified else 'key'} of {peer} has changed. What you write is held until "
                f"you compare the number again ({_command('verify', peer, inside)}) "
                f"or accept the key ({_command('accept', peer, inside)})."
            )
        case Restarted(peer):
            sentence = f"{peer} restarted without proof: reinstalled, restored or cloned."
        case NewStranger(peer):
            sentence = f"{peer} is new and learns nothing until you answer or accept ({_command('accept', peer, inside)})."
        case Paired() | PairingFailed():
            sentence = paired_words(event, inside)
        case Connected() | Disconnected() | Problem() | Working():
            sentence = _relay_notice(event)
        case _:
            sentence = change_notice(event)
    return sentence


def _relay_notice(event: Connected | Disconnected | Problem | Working) -> str | None:
    match event:
        case Connected():
            return "Connected."
        case Disconnected(reason):
            return f"Not connected: {reason}. Trying again."
        case Problem(reason):
            return reason
        case Working(_, bits):
            return work_words(bits)


def work_words(bits: int) -> str | None:
    """What is to be said of work: nothing if it is done in a moment."""
    seconds = 2**bits * A_TRY
    if seconds < WORTH_SAYING:
        return None
    return f"Working out the relay's puzzle, which it sets before a first message: some {seconds:.0f} s of this machine's time."


def _command(verb: str, peer: str, inside: str | None) -> str:
    return f"/{verb}" if peer == inside else f"e2echat {verb} {peer}"


def event_record(event: Event) -> Json | None:
    """An event that changes how messages are to be read, or how far one has come, for a program."""
    match event:
        case Gap(peer, missing):
            return {"type": "gap", "peer": peer, "missing": missing}
        case KeyChanged(peer, verified):
            return {"type": "key_changed", "peer": peer, "verified": verified}
        case Restarted(peer):
            return {"type": "restarted", "peer": peer}
        case NewStranger(peer):
            return {"type": "new_stranger", "peer": peer}
        case StateChanged(message):
            return {"type": "state", "id": message.id, "to": message.peer, "state": message.state.value}
        case _:
            return paired_record(event) if isinstance(event, Paired) else change_record(event)


def paired_words(paired: Paired | PairingFailed, inside: str | None = None) -> str:
    """Who has been found, and how sure that is; or why nobody. ``inside``: see ``notice``."""
    if isinstance(paired, PairingFailed):
        return f"{paired.reason[:1].upper()}{paired.reason[1:]}."
    if paired.by == "code" and paired.verified:
        return f"{paired.peer} and you are paired, and {paired.peer} is verified."
    if paired.by == "code":
        return f"{paired.peer} and you are paired; {paired.peer} is verified as soon as the relay has said that the name is theirs."
    if paired.verified and paired.invitation is not None:
        return f"{paired.peer} joined by your link, and was verified before."
    if paired.verified:
        return f"{paired.peer} is added, and verified by the link."
    return (
        f"{paired.peer} joined by your link, and is not verified by that: whoever had the link could use it. "
        f"To be sure, compare the number: {_command('verify', paired.peer, inside)}"
    )


def paired_record(paired: Paired) -> Json:
    """The same for programs."""
    return {"type": "paired", "peer": paired.peer, "by": paired.by, "verified": paired.verified}


def contact_record(contact: Contact) -> Json:
    """One of ``contacts``."""
    return {
        "type": "contact",
        "name": contact.name,
        "address": contact.address,
        "verified": contact.verified,
        "fingerprint": contact.fingerprint,
        "standing": contact.standing,
        "key_changed": contact.key_changed,
        "unread": contact.unread,
        "last_at": timestamp(contact.last_at),
        "timer": contact.timer,
        "verified_by": contact.verified_by,
        "keep_days": contact.keep_days,
        "keep_messages": contact.keep_messages,
    }


_FOUND_BY = {
    "link": " (joined by your link)",
    "code": " (paired; the relay has not said yet that the name is theirs)",
}


def contact_words(contact: Contact, *, news_first: bool = False) -> list[str]:
    """How a contact stands, shortest first, or what is unread."""
    words = ["verified" if contact.verified else "not verified"]
    if contact.verified and contact.verified_by in ("code", "link"):
        words[0] += f" (by {contact.verified_by})"
    elif not (contact.verified or contact.key_changed):
        words[0] += _FOUND_BY.get(contact.verified_by or "", "")
    if contact.standing != "contact":
        words.append(contact.standing)
    if contact.key_changed:
        words.append("key changed, sending is held")
    if contact.timer:
        words.append(f"messages disappear: {duration(contact.timer)}")
    if contact.unread:
        words.insert(0 if news_first else len(words), f"{contact.unread} unread")
    if contact.last_at:
        words.append(f"last {clock(contact.last_at)}")
    return words


def safety_record(safety: Safety) -> Json:
    """What two people compare."""
    return {
        "type": "safety_number",
        "peer": safety.name,
        "fingerprint": safety.fingerprint,
        "safety_number": grouped(safety.number),
        "verified": safety.verified,
    }


def proxy_words(proxy: str | None) -> str:
    """How relays are reached."""
    return "directly" if proxy is None else f"through {proxy}"


def grouped(number: str) -> str:
    """Sixty digits as twelve groups of five."""
    digits = number.replace(" ", "")
    return " ".join(digits[start : start + 5] for start in range(0, len(digits), 5))


def counted(number: int, noun: str) -> str:
    """``1 message is``, ``2 messages are``."""
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def reached(state: MessageState, wanted: MessageState) -> bool:
    """Whether a message of ours in ``state`` has come as far as ``wanted``."""
    order = list(MessageState)
    return order.index(state) >= order.index(wanted)
