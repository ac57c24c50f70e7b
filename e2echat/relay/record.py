"""A relay's record of what it saw, read back: one ``Sighting`` a line. ``recorder`` writes it."""

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from e2echat.errors import BadRecordError, MalformedError
from e2echat.wire import relay_messages
from e2echat.wire.frames import (
    CHANNEL_OVERHEAD,
    ENVELOPE_ID_SIZE,
    FIRST_CHANNEL,
    MAX_FRAME,
    SIZE_AND_TAG,
    Tag,
)
from e2echat.wire.schema import Message

_LONGEST_LINE = 8 * MAX_FRAME
"""Characters: far more than a frame in base64 with what stands around it, even of several frames' worth of junk."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One line of the record. ``data``: the whole frame, or empty for an opened or closed connection."""

    time: float
    event: str
    connection: int
    direction: str
    tag: int
    data: bytes = field(repr=False)
    address: str = ""

    @classmethod
    def parse(cls, line: str) -> Self:
        """From a line as the relay writes it.

        Raises:
            BadRecordError: it is none.
        """
        try:
            values = json.loads(line)
            data = base64.b64decode(values.get("bytes", ""), validate=True)
            return cls(
                _finite(values["time"]),
                _text(values, "event"),
                int(values["connection"]),
                _text(values, "direction", ""),
                int(values.get("tag", Tag.CONTROL)),
                data,
                _text(values, "address", ""),
            )
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise BadRecordError("this is no record of a relay: a line of it is something else") from error

    @property
    def is_envelope(self) -> bool:
        """Whether it is a sealed envelope on its way."""
        return self.event == "frame" and self.tag >= FIRST_CHANNEL and len(self.data) > CHANNEL_OVERHEAD

    @property
    def message(self) -> Message | None:
        """The control message that it is, if it is one."""
        if self.event != "frame" or self.tag != Tag.CONTROL:
            return None
        try:
            return relay_messages.decode(self.data[SIZE_AND_TAG.size :])
        except MalformedError:
            return None

    @property
    def kind(self) -> str:
        """What the relay takes it for."""
        if self.event != "frame":
            return self.event
        if self.tag >= FIRST_CHANNEL:
            return "envelope"
        message = self.message
        if message is not None:
            return message.KIND
        return Tag(self.tag).name.lower() if self.tag in list(Tag) else f"tag {self.tag}"

    @property
    def envelope_id(self) -> bytes:
        """The 16 bytes that name an envelope."""
        return self.data[SIZE_AND_TAG.size : SIZE_AND_TAG.size + ENVELOPE_ID_SIZE]

    @property
    def content(self) -> bytes:
        """What the frame carries: an envelope's ciphertext, or what the relay reads and obeys."""
        return self.data[CHANNEL_OVERHEAD if self.is_envelope else SIZE_AND_TAG.size :]

    def names(self, *known: str) -> set[str]:
        """Which of ``known`` it carries in the clear: a name stands behind its length, in CBOR and in records alike."""
        return {
            name
            for name in known
            if bytes([0x60 + len(name)]) + name.encode() in self.data
            or len(name).to_bytes(4) + name.encode() in self.data
        }


class RecordReader:
    """Reads a record from its beginning, and goes on where it stopped."""

    def __init__(self, path: Path) -> None:
        """Open the record.

        Raises:
            OSError: it cannot be read.
        """
        self._file: IO[str] = path.open(encoding="ascii", errors="replace")
        self._unfinished = ""

    def new(self) -> list[Sighting]:
        """All that has been added since the last time.

        Raises:
            BadRecordError: the file is no record.
        """
        return list(self.sightings())

    def sightings(self) -> Iterator[Sighting]:
        """What has been added since the last time, one by one. A line that is still being written waits for its end.

        Raises:
            BadRecordError: the file is no record.
        """
        while part := self._file.readline(_LONGEST_LINE):
            self._unfinished += part
            if self._unfinished.endswith("\n"):
                line, self._unfinished = self._unfinished, ""
                yield Sighting.parse(line)
            elif len(self._unfinished) > _LONGEST_LINE:
                raise BadRecordError("this is no record of a relay: a line of it has no end")

    def close(self) -> None:
        """Read no more."""
        self._file.close()


def _finite(value: Any) -> float:  # noqa: ANN401 - whatever JSON it is
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _text(values: dict[str, Any], key: str, default: str | None = None) -> str:
    value = values[key] if default is None else values.get(key, default)
    if not isinstance(value, str):
        raise TypeError(key)
    return value
