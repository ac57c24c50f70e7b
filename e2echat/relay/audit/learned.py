"""What the relay did learn, or could guess: the honest half of an audit. No I/O."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from e2echat.relay.audit.traffic import Collected, Envelope, Traffic

TOGETHER = 2.0
"""Seconds within which one program opens both its connections."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What is known of somebody who receives. ``sizes``: how many envelopes of each; ``beginnings``: that begin a session."""

    name: str
    addresses: tuple[str, ...]
    """From where the owner signed in."""
    sizes: dict[int, int]
    beginnings: int
    first: float | None
    last: float | None
    """Unix seconds of the first and the last envelope."""

    @property
    def envelopes(self) -> int:
        """How many in all."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class Sender:
    """A connection that delivers. ``guesses``: whose it could be, by network address and time."""

    connection: int
    address: str
    opened: float
    recipients: dict[str, int]
    """How many envelopes went to whom; none where it only asked."""
    guesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """All of it. ``names``: of accounts that the relay knows to exist."""

    names: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    senders: tuple[Sender, ...]


def learned(seen: Collected) -> Learned:
    """What is in the record in the clear, and what follows from it."""
    by_mailbox: dict[bytes, list[Envelope]] = defaultdict(list)
    for envelope in seen.envelopes:
        by_mailbox[envelope.mailbox].append(envelope)
    named = {_whose(seen, mailbox): envelopes for mailbox, envelopes in by_mailbox.items()}
    owners = [traffic for traffic in seen.connections.values() if traffic.own_names]
    known = {name for traffic in owners for name in traffic.own_names}
    recipients = [_recipient(name, named.get(name, []), owners) for name in sorted(known | set(named))]
    senders = _senders(seen, owners)
    return Learned(tuple(sorted(known | set(seen.people))), tuple(recipients), tuple(senders))


def _recipient(name: str, envelopes: list[Envelope], owners: list[Traffic]) -> Recipient:
    times = [envelope.time for envelope in envelopes]
    sizes = Counter(envelope.size for envelope in envelopes)
    return Recipient(
        name,
        tuple(sorted({traffic.address for traffic in owners if name in traffic.own_names})),
        dict(sorted(sizes.items())),
        sum(envelope.begins for envelope in envelopes),
        min(times, default=None),
        max(times, default=None),
    )


def _senders(seen: Collected, owners: list[Traffic]) -> list[Sender]:
    delivered: dict[int, Counter[str]] = defaultdict(Counter)
    for envelope in seen.envelopes:
        delivered[envelope.connection][_whose(seen, envelope.mailbox)] += 1
    senders = []
    for traffic in seen.connections.values():
        if traffic.is_sender:
            reached = traffic.asked_names | {_whose(seen, mailbox) for mailbox in traffic.channels.values()}
            recipients = dict.fromkeys(sorted(reached), 0) | delivered[traffic.number]
            guesses = _guesses(traffic, owners)
            senders.append(Sender(traffic.number, traffic.address, traffic.opened, recipients, guesses))
    return senders


def _guesses(traffic: Traffic, owners: list[Traffic]) -> tuple[str, ...]:
    """Who signed in from the same address at the same time; of these, who began when this connection did."""
    there = [owner for owner in owners if owner.address == traffic.address and _overlap(owner, traffic)]
    together = [owner for owner in there if abs(owner.opened - traffic.opened) <= TOGETHER]
    return tuple(sorted({name for owner in together or there for name in owner.own_names}))


def _overlap(one: Traffic, other: Traffic) -> bool:
    return (one.closed is None or one.closed >= other.opened) and (
        other.closed is None or other.closed >= one.opened
    )


def _whose(seen: Collected, mailbox: bytes) -> str:
    unnamed = f"mailbox {mailbox.hex()[:8]}" if mailbox else "an unknown mailbox"
    return seen.mailboxes.get(mailbox, unnamed)
