"""What the relay needs of whatever keeps its envelopes: small enough for a database on disk or a cluster of caches.

One thread calls, and owns, an implementation. Appends, marks and drops take effect with the next ``commit``, all
or none of them; when ``commit`` returns they survive a loss of power.
"""

from collections.abc import Iterator
from typing import Protocol

from e2echat.relay.work import SegmentRow


class Mailboxes(Protocol):
    """Segments of envelopes by number.

    Every method raises ``StorageError`` when the storage fails, and ``DamagedStorageError`` when that will not pass.
    """

    def index(self) -> Iterator[SegmentRow]:
        """Everything that is held, by ascending number: read once, at the start."""

    def append(self, row: SegmentRow, body: bytes) -> None:
        """Keep a segment under a number that was never used before."""

    def mark(self, number: int, done: int) -> None:
        """The first ``done`` envelopes of a segment are acknowledged."""

    def drop(self, number: int) -> None:
        """Forget a segment; one that is not there is no error."""

    def read(self, number: int) -> bytes:
        """The body of a segment, as it was appended."""

    def give_back(self) -> bool:
        """Give some of the space that nothing occupies any more back, with the next ``commit``; whether there is more."""

    def commit(self) -> None:
        """Make durable what was asked for since the last commit."""

    def rollback(self) -> None:
        """Forget what was asked for since the last commit."""
