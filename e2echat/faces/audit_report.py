"""An audit as people read it, and as programs do. docs/cli.md, "audit"."""

from collections.abc import Iterator
from datetime import UTC, datetime

from e2echat.faces.output import Output, Style
from e2echat.faces.wording import Json, clock, timestamp
from e2echat.relay.audit.auditing import Audit
from e2echat.relay.audit.learned import Recipient, Sender


def print_audit(audit: Audit, out: Output) -> None:
    """The whole report: what was checked, then what the relay knows all the same."""
    out.line(
        (Style.STRONG, "The record"),
        f"  {clock(_moment(audit.first))} to {clock(_moment(audit.last))}, {audit.frames:,} frames",
    )
    out.line()
    out.line((Style.STRONG, "Checked"))
    for check in audit.checks:
        mark = (Style.GOOD, "  ok     ") if check.holds else (Style.BAD, "  BROKEN ")
        out.line(mark, check.claim, (Style.FAINT, f" ({check.looked_at})"))
        for found in check.found:
            out.line("           ", found)
    out.line()
    out.line((Style.STRONG, "What the relay knows, or can guess"))
    out.line("  These names exist: ", ", ".join(audit.learned.names) or "none seen")
    for recipient in audit.learned.recipients:
        _print_recipient(recipient, out)
    for sender in audit.learned.senders:
        out.line(f"  Connection {sender.connection} from {sender.address} ", *_deeds(sender))
    out.line(
        (Style.FAINT, "  Of the rest it sees that envelopes pass: not from whom, and not what is in them.")
    )


def audit_records(audit: Audit) -> Iterator[Json]:
    """One object for each check, recipient, sender, and one at the end."""
    for check in audit.checks:
        yield {
            "type": "check",
            "name": check.name,
            "holds": check.holds,
            "claim": check.claim,
            "looked_at": check.looked_at,
            "found": list(check.found),
        }
    for recipient in audit.learned.recipients:
        yield {
            "type": "recipient",
            "name": recipient.name,
            "addresses": list(recipient.addresses),
            "envelopes": recipient.envelopes,
            "sizes": {str(size): count for size, count in recipient.sizes.items()},
            "beginnings": recipient.beginnings,
            "first_at": None if recipient.first is None else timestamp(_moment(recipient.first)),
            "last_at": None if recipient.last is None else timestamp(_moment(recipient.last)),
        }
    for sender in audit.learned.senders:
        yield {
            "type": "sender",
            "connection": sender.connection,
            "address": sender.address,
            "opened_at": timestamp(_moment(sender.opened)),
            "recipients": sender.recipients,
            "guesses": list(sender.guesses),
        }
    yield {
        "type": "audit",
        "holds": audit.holds,
        "frames": audit.frames,
        "names": list(audit.learned.names),
        "first_at": timestamp(_moment(audit.first)),
        "last_at": timestamp(_moment(audit.last)),
    }


def _print_recipient(recipient: Recipient, out: Output) -> None:
    where = f", signed in from {', '.join(recipient.addresses)}" if recipient.addresses else ""
    if not recipient.envelopes or recipient.first is None or recipient.last is None:
        out.line((Style.STRONG, f"  {recipient.name}"), f"{where}: received nothing")
        return
    sizes = ", ".join(f"{count:,} of {size:,} bytes" for size, count in recipient.sizes.items())
    out.line(
        (Style.STRONG, f"  {recipient.name}"),
        f"{where}: {recipient.envelopes:,} envelopes, ",
        f"{clock(_moment(recipient.first))} to {clock(_moment(recipient.last))}: {sizes}",
    )
    if recipient.beginnings:
        out.line(f"    beginnings of a conversation among them: {recipient.beginnings:,}")


def _deeds(sender: Sender) -> Iterator[str]:
    parts = [
        f"delivered {count:,} to {name}" if count else f"asked for the keys of {name}"
        for name, count in sender.recipients.items()
    ]
    yield ", ".join(parts) or "did nothing"
    if len(sender.recipients) > 1:
        yield "; so one and the same person knows all of these"
    match sender.guesses:
        case ():
            yield "; nobody was signed in from that address"
        case (name,):
            yield f"; by address and time it could guess that this is {name}"
        case names:
            yield f"; from that address also came {', '.join(names)}"


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)
