"""The relay's log: one line an event, for people and programs, on standard error. No name, key, address or text is in it."""

import json
import logging
import time
from collections.abc import Mapping


class OneLine(logging.Formatter):
    """``ts=2026-01-02T03:04:05Z level=info event="drained" seconds=0.1``: values as in JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; ``fields`` of the record come last."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        fields: Mapping[str, object] = getattr(record, "fields", {})
        parts = [
            f"ts={moment}",
            f"level={record.levelname.lower()}",
            f"event={json.dumps(record.getMessage())}",
        ]
        return " ".join([*parts, *(f"{key}={json.dumps(value)}" for key, value in fields.items())])


def log_to_stderr(level: str) -> logging.Handler:
    """Let the relay's events of at least ``level`` appear on standard error; to be removed with ``stop_logging``."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logger = logging.getLogger("e2echat.relay")
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """Undo ``log_to_stderr``."""
    logger = logging.getLogger("e2echat.relay")
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
