"""What ``/why`` says of a message: how sure its origin is, what protects it, and how far it is known to have come."""

from collections.abc import Iterator
from datetime import datetime

from e2echat.client.events import Message, MessageState, Provenance
from e2echat.faces.changes import duration
from e2echat.faces.wording import clock, local

SHORT = 16
"""Hexadecimal digits by which a session is told from others."""
_SAID_BY = {
    MessageState.STORED: ": the relay says so",
    MessageState.DELIVERED: ": their device says so, inside the session",
    MessageState.READ: ": their device says so, inside the session",
}
_HOW = {
    "number": "by comparing the number",
    "code": "by a code",
    "link": "by their link",
}


def provenance_lines(origin: Provenance) -> Iterator[tuple[str, str]]:
    """What, and how it is; one line each."""
    message = origin.message
    ours = message.direction == "out"
    yield "key", _key(origin)
    if origin.session is None:
        yield (
            "sealed",
            "not: it was deleted before" if message.deleted else "not yet: it waits for their keys",
        )
    else:
        yield "session", f"{origin.session[:SHORT]}…"
        yield "ratchet", f"chain {origin.turn}, counted from 0; a new one with each change of sides"
        yield "post-quantum", _kem(origin.kem_epoch or 0)
        yield "secrecy", _secrecy(origin)
    if origin.size is not None:
        yield "size", f"{origin.size} bytes, as for every text of its class; no more is seen of its length"
    if ours:
        yield from _ways_of_ours(origin)
    else:
        yield from _ways_of_theirs(message)
    if message.timer:
        ends = f"; gone at {_moment(message.expires_at)}" if message.expires_at else ""
        yield "disappears", f"{duration(message.timer)} after it was {'sent' if ours else 'read'}{ends}"


def _key(origin: Provenance) -> str:
    message = origin.message
    if message.direction == "in" and message.new_key:
        return "another than the one you accepted: it may be anybody's"
    now = "not verified: the relay said whose it is"
    if origin.verified_at is not None:
        now = f"verified {_HOW.get(origin.verified_by or '', '')} at {_moment(origin.verified_at)}".replace(
            "  ", " "
        )
    if message.direction == "in" and origin.verified_at is not None and not origin.verified:
        now += ", after this came" if _came_before(origin) else "; it was not when this came"
    return now


def _came_before(origin: Provenance) -> bool:
    came, verified = origin.message.received_at, origin.verified_at
    return came is not None and verified is not None and came <= verified


def _kem(epoch: int) -> str:
    steps = "1 step" if epoch == 1 else f"{epoch} steps"
    return f"ML-KEM at the session's start, and {steps} since"


def _secrecy(origin: Provenance) -> str:
    if origin.reduced_forward_secrecy:
        return "reduced until the first reply: no one-time key was left, so whoever steals the longer-lived one can open it"
    sealed = "sealed" if origin.message.direction == "out" else "opened"
    return f"forward: the key that {sealed} it is gone here"


def _ways_of_ours(origin: Provenance) -> Iterator[tuple[str, str]]:
    sent, stored, delivered = origin.message.sent_at, origin.stored_at, origin.delivered_at
    yield "sent", _moment(sent)
    for what, when in (("stored", stored), ("delivered", delivered), ("read", origin.read_at)):
        if when is not None:
            yield what, _moment(when)
    if stored is not None:
        there = delivered or origin.read_at
        if there is not None:
            yield "at the relay", f"{_span(stored, there)} at most, until their device said that it has it"
        else:
            yield "at the relay", "waits for them there"
    if origin.message.deleted and origin.session is None:
        yield "known to be", "deleted before it left"
        return
    yield "known to be", f"{origin.message.state.value}{_SAID_BY.get(origin.message.state, '')}"


def _ways_of_theirs(message: Message) -> Iterator[tuple[str, str]]:
    yield "sent", f"{_moment(message.sent_at)} by their clock"
    if message.received_at is not None:
        yield "came", f"{_moment(message.received_at)} by yours"
        if message.received_at >= message.sent_at:
            yield (
                "at the relay",
                f"{_span(message.sent_at, message.received_at)} at most, if both clocks are right",
            )
        else:
            yield "at the relay", "unknown: the two clocks disagree"


def _moment(moment: datetime) -> str:
    return clock(moment, with_date=local(moment).date() != datetime.now().astimezone().date(), seconds=True)


def _span(first: datetime, last: datetime) -> str:
    seconds = max((last - first).total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    size, finer = next(each for each in ((86_400, 3_600), (3_600, 60), (60, 1)) if seconds >= each[0])
    whole, rest = divmod(round(seconds), size)
    parts = [duration(whole * size)] + [duration(rest - rest % finer)] * (rest >= finer)
    return " and ".join(parts)
