"""What a record holds, put in order: connections, whose they are, and the envelopes on them. One pass, no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord
from e2echat.errors import RemoteError
from e2echat.relay.record import Sighting
from e2echat.wire import records
from e2echat.wire import relay_messages as messages
from e2echat.wire.frames import FIRST_CHANNEL
from e2echat.wire.schema import Message

BEGINNING = b"\1\1"
"""How an envelope begins that carries the handshake. docs/spec/ratchet.md, "Envelopes"."""
MAX_BODIES = 20_000
"""Envelopes whose bytes are kept for the checks: 40 MiB of the smallest; of what goes beyond, sizes and times."""


@dataclass(slots=True)
class Envelope:
    """One submission. ``body``: all of its bytes, or none beyond ``MAX_BODIES``."""

    time: float
    connection: int
    mailbox: bytes = field(repr=False)
    envelope_id: bytes = field(repr=False)
    size: int
    begins: bool
    """A session: it carries the handshake, as all do until the first reply."""
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Traffic:
    """One connection, as the relay sees it."""

    number: int
    address: str
    opened: float
    closed: float | None = None
    own_names: set[str] = field(default_factory=set)
    """That it claimed, or signed in as."""
    asked_names: set[str] = field(default_factory=set)
    """Whose bundles it fetched."""
    channels: dict[int, bytes] = field(default_factory=dict, repr=False)
    """Mailboxes that it may deliver to, by tag."""
    pending: dict[int, messages.Open] = field(default_factory=dict)
    submitted: int = 0
    delivered: int = 0
    junk: int = 0

    @property
    def is_sender(self) -> bool:
        """Whether it delivers and asks, and does not say whose it is."""
        return bool(self.asked_names or self.channels or self.submitted)


@dataclass(slots=True)
class Person:
    """An account that the record names. ``keys``: what its records show, by what each is."""

    name: str
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)


class Collected:
    """Everything in a record."""

    def __init__(self) -> None:
        self.connections: dict[int, Traffic] = {}
        self.people: dict[str, Person] = {}
        self.mailboxes: dict[bytes, str] = {}
        """Whose each is."""
        self.envelopes: list[Envelope] = []
        self.first_time: float | None = None
        self.last_time = 0.0
        self.frames = 0
        self._relay_key = b""

    @classmethod
    def of(cls, sightings: Iterable[Sighting]) -> Self:
        """All of them, in the order of the record."""
        collected = cls()
        for sighting in sightings:
            collected.take(sighting)
        return collected

    def take(self, sighting: Sighting) -> None:
        """The next line."""
        self.first_time = sighting.time if self.first_time is None else self.first_time
        self.last_time = max(self.last_time, sighting.time)
        traffic = self.connections.get(sighting.connection)
        if traffic is None:
            traffic = Traffic(sighting.connection, sighting.address, sighting.time)
            self.connections[traffic.number] = traffic
        if sighting.event == "closed":
            traffic.closed = sighting.time
        elif sighting.event == "junk":
            traffic.junk += 1
        elif sighting.event == "frame":
            self.frames += 1
            self._frame(traffic, sighting)

    def _frame(self, traffic: Traffic, sighting: Sighting) -> None:
        if sighting.tag >= FIRST_CHANNEL:
            self._envelope(traffic, sighting)
            return
        message = sighting.message
        if message is None:
            return
        try:
            self._message(traffic, message)
        except RemoteError:
            # Records that do not check out: the relay refused them, too.
            return

    def _envelope(self, traffic: Traffic, sighting: Sighting) -> None:
        if sighting.direction == "out":
            traffic.delivered += 1
            return
        traffic.submitted += 1
        content = sighting.content
        self.envelopes.append(
            Envelope(
                sighting.time,
                traffic.number,
                traffic.channels.get(sighting.tag, b""),
                sighting.envelope_id,
                len(content),
                content.startswith(BEGINNING),
                content if len(self.envelopes) < MAX_BODIES else b"",
            )
        )

    def _message(self, traffic: Traffic, message: Message) -> None:
        """What a client asks for, or else what the relay answers."""
        match message:
            case messages.Claim():
                identity = self._person(message.identity, message.device)
                claim = ClaimRecord.parse(message.claim, identity, self._relay_key)
                self.people[identity.name].keys["sign-in key"] = claim.key
                traffic.own_names.add(identity.name)
            case messages.Authenticate():
                traffic.own_names.add(AuthRecord.parse(message.record).name)
            case messages.AskPuzzle() | messages.Fetch():
                traffic.asked_names.add(message.name)
            case messages.Open():
                traffic.pending[message.request] = message
            case _:
                self._answer(traffic, message)

    def _answer(self, traffic: Traffic, message: Message) -> None:
        match message:
            case messages.Hello():
                (self._relay_key, *_), _, _ = records.unpack("hello", message.record, (32, 32, 32, 2))
            case messages.Welcome():
                for name in traffic.own_names:
                    self.mailboxes[message.mailbox] = name
            case messages.Bundle():
                self.mailboxes[message.mailbox] = self._person(message.identity, message.device).name
            case messages.Opened():
                opened = traffic.pending.pop(message.request, None)
                if opened is not None:
                    traffic.channels[message.channel] = opened.mailbox

    def _person(self, identity_record: bytes, device_record: bytes) -> Identity:
        identity = Identity.parse(identity_record)
        person = self.people.setdefault(identity.name, Person(identity.name))
        person.keys["account key"] = identity.key
        person.keys["device key"] = Device.parse(device_record, identity).key
        person.keys["identity record"] = identity_record
        return identity
