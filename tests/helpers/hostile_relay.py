"""A relay made hostile: our own, without TLS, behind a proxy that does what only a relay can do to its clients.

To them the two are one relay. It loses, keeps back, repeats and makes up envelopes on their way to their owners, and
takes what it likes out of the bundles that it hands out; what clients acknowledge it translates for the honest half.
"""

import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from e2echat.wire import relay_messages as messages
from e2echat.wire.frames import FIRST_CHANNEL, FrameDecoder, Tag, frame
from e2echat.wire.schema import Message
from tests.e2e.conftest import Direction, Recording, RecordingProxy

TLS_HANDSHAKE = 22
Frame = tuple[int, bytes]
"""A channel's tag; 16 bytes of id and the envelope."""


class Fate(Enum):
    """What becomes of an envelope on its way to its owner."""

    GIVEN = "given"
    LOST = "thrown away, though the sender was told that it is safe"
    WITHHELD = "not given out on this connection"
    MADE_UP = "given out, though nobody sent it"


@dataclass
class Wire:
    """One connection: what was read of each direction, and what the owner was given and has acknowledged."""

    down: FrameDecoder = field(default_factory=FrameDecoder)
    up: FrameDecoder = field(default_factory=FrameDecoder)
    fates: list[Fate] = field(default_factory=list)
    acknowledged: int = 0
    told: int = 0
    opaque: bool = False
    """The client began with TLS; it will come again without."""

    def acknowledgement(self) -> bytes:
        """What the honest half is to hear now: that of its envelopes so many, the first ones, are settled."""
        left, settled = self.acknowledged, 0
        for fate in self.fates:
            if fate is Fate.WITHHELD or (fate is not Fate.LOST and not left):
                break
            left -= fate is not Fate.LOST
            settled += fate is not Fate.MADE_UP
        if settled == self.told:
            return b""
        self.told = settled
        return frame(Tag.ACKNOWLEDGE, struct.pack(">Q", settled))


@dataclass
class HostileRelay:
    """Set what it does at any time."""

    proxy: RecordingProxy
    fate: Callable[[Frame], Fate] = lambda _: Fate.GIVEN
    made_up: Callable[[Frame], list[Frame]] = lambda _: []
    """What it gives out in front of an envelope."""
    without_one_time: bool = False
    """Whether it says that nobody has one-time prekeys left."""
    seen: list[Frame] = field(default_factory=list)
    """Every envelope on its way to its owner, as often as it went."""
    _wires: dict[int, Wire] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.proxy.script = self._pass

    def address(self, honest: str) -> str:
        """Where clients find it."""
        return f"{honest.rpartition(':')[0]}:{self.proxy.port}"

    def _pass(self, recording: Recording, direction: Direction, data: bytes) -> bytes:
        with self._lock:
            wire = self._wires.setdefault(id(recording), Wire())
            wire.opaque |= direction == "to_relay" and data[0] == TLS_HANDSHAKE
            if wire.opaque:
                return data
            if direction == "to_relay":
                return b"".join(self._up(wire, tag, body) for tag, body in wire.up.feed(data))
            passed = b"".join(self._down(wire, tag, body) for tag, body in wire.down.feed(data))
            recording.relay.sendall(wire.acknowledgement())
            return passed

    def _up(self, wire: Wire, tag: int, body: bytes) -> bytes:
        if tag != Tag.ACKNOWLEDGE:
            return frame(tag, body)
        (wire.acknowledged,) = struct.unpack(">Q", body)
        return wire.acknowledgement()

    def _down(self, wire: Wire, tag: int, body: bytes) -> bytes:
        if tag < FIRST_CHANNEL:
            return self._said(messages.decode(body)) if tag == Tag.CONTROL else frame(tag, body)
        self.seen.append((tag, body))
        fate = self.fate((tag, body))
        made_up = self.made_up((tag, body)) if fate is Fate.GIVEN else []
        wire.fates += [Fate.MADE_UP] * len(made_up) + [fate]
        given = [*made_up, (tag, body)] if fate is Fate.GIVEN else []
        return b"".join(frame(*one) for one in given)

    def _said(self, message: Message) -> bytes:
        if isinstance(message, messages.Bundle) and self.without_one_time:
            message = replace(message, one_time=None)
        return messages.encode(message)
