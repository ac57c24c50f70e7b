"""What a checkup finds."""

from dataclasses import dataclass
from enum import Enum

from e2echat.errors import E2EChatError


class State(Enum):
    """How a thing was found. ``WRONG`` is what keeps e2echat from working, ``WARNING`` what may cost something one day."""

    FINE = "fine"
    MENDED = "mended"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``command`` mends it, ``error`` says of what kind it is."""

    check: str
    state: State
    words: str
    command: str | None = None
    error: E2EChatError | None = None
