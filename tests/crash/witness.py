"""What a relay has promised, told from the frames that passed on its connections."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from e2echat.crypto.keys import Identity
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.schema import Message


@dataclass
class Lane:
    """A channel: what was submitted on it, and how much of that is settled."""

    mailbox: bytes
    ids: list[bytes] = field(default_factory=list)
    settled: int = 0
    refused: set[int] = field(default_factory=set)


@dataclass
class Line:
    """One connection."""

    asked: dict[int, Message] = field(default_factory=dict)
    acknowledged_before: dict[int, int] = field(default_factory=dict)
    """Envelopes that were acknowledged when a request was made."""
    acknowledged: int = 0
    given: list[bytes] = field(default_factory=list)
    lanes: dict[int, Lane] = field(default_factory=dict)


@dataclass(frozen=True)
class Promise:
    """Something that the relay has answered for. One of ``proofs`` must be on the disk by then."""

    what: str
    proofs: tuple[bytes, ...]


class Witness:
    """Hears every frame, in either direction, and every word with the operator."""

    def __init__(self) -> None:
        self._lines: dict[object, Line] = {}
        self.bodies: dict[bytes, bytes] = {}
        """All that was submitted, by id, in that order."""
        self.mailbox_of: dict[bytes, bytes] = {}
        self.accepted: set[bytes] = set()
        self.acknowledged: set[bytes] = set()
        self.forgotten: set[bytes] = set()
        """Acknowledged before something that is durable: never to be seen again."""
        self.asked: dict[str, list[messages.Claim]] = {}
        """The claims of each name."""
        self.claimed: dict[str, messages.Claim] = {}
        """The last one of each that was answered."""
        self.offered: set[bytes] = set()
        """One-time prekeys that somebody wanted to publish."""
        self.published: set[bytes] = set()
        self.fetching = 0
        """One-time prekeys that were asked for and not seen."""
        self.handed_out: list[bytes] = []
        self.removing: set[str] = set()
        self.removed: set[str] = set()

    def to_relay(self, connection: object, tag: int, body: bytes) -> None:
        """A frame may reach the relay."""
        line = self._lines.setdefault(connection, Line())
        if tag >= frames.FIRST_CHANNEL:
            envelope_id, envelope = frames.parse_envelope(body)
            lane = line.lanes[tag]
            lane.ids.append(envelope_id)
            self.bodies[envelope_id] = envelope
            self.mailbox_of[envelope_id] = lane.mailbox
        elif tag == frames.Tag.ACKNOWLEDGE:
            line.acknowledged = frames.parse_count(body)
            self.acknowledged.update(line.given[: line.acknowledged])
        elif tag == frames.Tag.CONTROL:
            message: Any = messages.decode(body)
            line.asked[message.request] = message
            line.acknowledged_before[message.request] = line.acknowledged
            if isinstance(message, messages.Claim):
                self.asked.setdefault(Identity.parse(message.identity).name, []).append(message)
            if isinstance(message, messages.Publish):
                self.offered.update(message.one_time)
            self.fetching += isinstance(message, messages.Fetch) and message.prekeys

    def from_relay(self, connection: object, tag: int, body: bytes) -> list[Promise]:
        """A frame has left the relay: what it promises."""
        line = self._lines.setdefault(connection, Line())
        if tag >= frames.FIRST_CHANNEL:
            line.given.append(frames.parse_envelope(body)[0])
        elif tag == frames.Tag.REFUSED:
            channel, index, _ = frames.parse_refusal(body)
            line.lanes[channel].refused.add(index)
        elif tag == frames.Tag.ACCEPTED:
            channel, count = frames.parse_channel_count(body)
            lane = line.lanes[channel]
            settled = [lane.ids[index] for index in range(lane.settled, count) if index not in lane.refused]
            lane.settled = count
            self.accepted.update(settled)
            return [Promise("accepted", (each,)) for each in settled if each not in self.acknowledged]
        elif tag == frames.Tag.CONTROL:
            return list(self._answered(line, messages.decode(body)))
        return []

    def _answered(self, line: Line, answer: Any) -> Iterator[Promise]:
        request = line.asked.get(getattr(answer, "request", 0))
        match answer, request:
            case messages.Done(), messages.Claim():
                self.claimed[Identity.parse(request.identity).name] = request
                yield Promise("claimed", _parts(request.claim))
            case messages.Done(), messages.Publish():
                self.published.update(request.one_time)
                self.forgotten.update(line.given[: line.acknowledged_before[request.request]])
                yield Promise("published", _parts(request.one_time[-1]))
            case messages.Opened(), messages.Open():
                line.lanes[answer.channel] = Lane(request.mailbox)
            case messages.Bundle(), messages.Fetch() if request.prekeys:
                self.fetching -= 1
                if answer.one_time is not None:
                    self.handed_out.append(answer.one_time)

    def operator_asks(self, request: dict[str, Any]) -> None:
        """The operator wants something."""
        if request["do"] == "remove":
            self.removing.add(request["name"])

    def operator_told(self, request: dict[str, Any], reply: dict[str, Any]) -> None:
        """The operator was answered."""
        if reply.get("removed"):
            self.removed.add(request["name"])


def _parts(record: bytes) -> tuple[bytes, ...]:
    """A record may lie across two pages of a database: most of its parts do not."""
    return tuple(record[start : start + 16] for start in range(len(record) % 16, len(record), 64))
