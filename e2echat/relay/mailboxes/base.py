"""What the relay needs of whatever keeps its envelopes: small enough for a database on disk or a cluster of caches.

One thread calls, and owns, an implementation. Whatever changes something takes effect with the next ``commit``, all
or none of it; when ``commit`` returns it survives a loss of power.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from e2echat.relay.segments import SegmentRow, Stretch


class Mailboxes(Protocol):
    """Segments of envelopes by number, and how far each mailbox is acknowledged.

    Every method raises ``StorageError`` when the storage fails, and ``DamagedStorageError`` when that will not pass.
    """

    def index(self) -> Iterator[SegmentRow]:
        """Everything that is held, by ascending number: read once, at the start. What is damaged comes as empty."""

    def marks(self) -> Mapping[bytes, int]:
        """For each mailbox that has a mark, the place up to which it is acknowledged: read once, at the start.

        Marks that no relay makes are forgotten.
        """

    def append(self, row: SegmentRow, body: bytes) -> None:
        """Keep a segment under a number that was never used before."""

    def mark(self, places: Sequence[tuple[bytes, int]]) -> None:
        """What these mailboxes have up to these places is acknowledged; one that has a mark further on keeps it."""

    def drop(self, number: int) -> None:
        """Forget a segment; one that is not there is no error."""

    def compact(self, number: int) -> None:
        """Forget what is acknowledged of a segment; all else keeps its place. One that is not there is no error."""

    def read(self, stretch: Stretch) -> bytes:
        """Envelopes of a segment, as they were appended."""

    def give_back(self) -> bool:
        """Give some of the space that nothing occupies any more back, with the next ``commit``; whether there is more."""

    def commit(self) -> None:
        """Make durable what was asked for since the last commit."""

    def rollback(self) -> None:
        """Forget what was asked for since the last commit."""
