"""The relay's own record of what it saw, read as it grows. ``e2echat.relay.recorder`` writes it."""

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

KINDS = ("control", "acknowledge", "accepted", "refused", "ping", "pong")
"""What a frame of a low tag is; every higher tag is a channel, and its frames carry envelopes."""
FIRST_CHANNEL = 256
CONTROL = 0
HEADER = 8
"""Bytes of a frame before its body: size, tag."""
ENVELOPE_ID = 16
_CONTROL_KIND = re.compile(rb"dkind([\x61-\x77])")
"""A control frame is CBOR in the clear, for the relay to obey: the key ``kind``, and the length of its value."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One line of the record. ``data``: the whole frame, or empty for an opened or closed connection."""

    time: float
    event: str
    connection: int
    direction: str
    tag: int
    data: bytes = field(repr=False)

    @classmethod
    def parse(cls, line: str) -> Self:
        """From a line as the relay writes it."""
        values = json.loads(line)
        data = base64.b64decode(values.get("bytes", ""))
        direction, tag = values.get("direction", ""), values.get("tag", CONTROL)
        return cls(values["time"], values["event"], values["connection"], direction, tag, data)

    @property
    def is_envelope(self) -> bool:
        """Whether it is a sealed envelope on its way."""
        return self.event == "frame" and self.tag >= FIRST_CHANNEL

    @property
    def kind(self) -> str:
        """What the relay takes it for."""
        if self.event != "frame":
            return self.event
        if self.is_envelope:
            return "envelope"
        found = _CONTROL_KIND.search(self.data) if self.tag == CONTROL else None
        if found:
            length = found.group(1)[0] - 0x60
            return self.data[found.end() : found.end() + length].decode("ascii", "replace")
        return KINDS[self.tag] if self.tag < len(KINDS) else f"tag {self.tag}"

    @property
    def content(self) -> bytes:
        """What the frame carries: an envelope's ciphertext, or what the relay reads and obeys."""
        return self.data[HEADER + (ENVELOPE_ID if self.is_envelope else 0) :]

    def names(self, *known: str) -> set[str]:
        """Which of ``known`` it carries in the clear: a name stands behind its length, in CBOR and in records alike."""
        return {
            name
            for name in known
            if bytes([0x60 + len(name)]) + name.encode() in self.data
            or len(name).to_bytes(4, "big") + name.encode() in self.data
        }


class RecordReader:
    """Reads a record from its beginning, and goes on where it stopped."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open(encoding="ascii")
        self._unfinished = ""

    def new(self) -> list[Sighting]:
        """What has been added since the last time. A line that is still being written waits for its end."""
        *lines, self._unfinished = (self._unfinished + self._file.read()).split("\n")
        return [Sighting.parse(line) for line in lines]

    def close(self) -> None:
        """Read no more."""
        self._file.close()
