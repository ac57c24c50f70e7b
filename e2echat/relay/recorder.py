"""``--record``: exactly what the relay sees, as JSON lines, for people and audits to look at.

Lines: ``{"time", "event": "opened", "connection", "address"}``, ``{"time", "event": "closed", "connection"}``,
``{"time", "event": "frame", "connection", "direction": "in" | "out", "size", "tag", "bytes"}`` with the whole frame in base64, and
``{"time", "event": "junk", "connection", "direction", "bytes"}`` for what is no frame.
"""

import base64
import json
import os
import time
from pathlib import Path
from typing import IO

from e2echat.errors import MalformedError, RelayDataError
from e2echat.wire.frames import TAG_SIZE, FrameDecoder, frame


class Recorder:
    """Writes the record. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Begin a new record, readable by its owner only.

        Raises:
            RelayDataError: the file cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise RelayDataError(f"{path} cannot be written: {error.strerror}") from error
        self._file: IO[str] = open(descriptor, "w", encoding="ascii")  # noqa: PTH123, SIM115 - kept open
        self._streams: dict[tuple[int, str], FrameDecoder | None] = {}

    def opened(self, connection: int, address: str) -> None:
        """A connection has come about."""
        self._streams[connection, "in"] = FrameDecoder()
        self._streams[connection, "out"] = FrameDecoder()
        self._write("opened", connection, address=address)

    def closed(self, connection: int) -> None:
        """A connection is no more."""
        del self._streams[connection, "in"], self._streams[connection, "out"]
        self._write("closed", connection)

    def passed(self, connection: int, direction: str, data: bytes) -> None:
        """Bytes of frames went ``in`` or ``out``."""
        decoder = self._streams[connection, direction]
        if decoder is None:
            self._write("junk", connection, direction=direction, bytes=_text(data))
            return
        try:
            for tag, body in decoder.feed(data):
                whole = frame(tag, body)
                size = len(body) + TAG_SIZE
                self._write("frame", connection, direction=direction, size=size, tag=tag, bytes=_text(whole))
        except MalformedError:
            self._streams[connection, direction] = None
            self._write("junk", connection, direction=direction, bytes=_text(data))

    def flush(self) -> None:
        """Let readers of the file see what was recorded so far."""
        self._file.flush()

    def close(self) -> None:
        """End the record."""
        self._file.close()

    def _write(self, event: str, connection: int, **fields: str | int) -> None:
        line = {"time": round(time.time(), 6), "event": event, "connection": connection, **fields}
        self._file.write(json.dumps(line) + "\n")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
