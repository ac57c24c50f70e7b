"""The envelopes of one mailbox that are durable: 20 bytes of memory each. No I/O.

A relay keeps millions, so there is no object an envelope: three arrays side by side, in the order of delivery.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

from e2echat.relay.runs import PREFIX_SIZE
from e2echat.relay.segments import Placed, Stretch, Taken, bytes_of, weight

_MANY = 64
"""Acknowledged envelopes are cut off the arrays when they are as many as those left, and at least so many."""


class Kept:
    """Durable envelopes, the oldest first; the owner's present connection has been given the first ``given``."""

    __slots__ = ("_ids", "_places", "_sizes", "_start", "given")

    def __init__(self) -> None:
        self._ids = bytearray()
        self._places = array("Q")
        self._sizes = array("I")
        self._start = 0
        """What is before it was acknowledged."""
        self.given = 0

    def __len__(self) -> int:
        return len(self._places) - self._start

    def add(self, placed: Placed) -> None:
        """Put more behind the others."""
        first, sizes, prefixes = placed
        if len(sizes) == 1:
            self._places.append(first)
            self._sizes.append(sizes[0])
        else:
            self._places.extend(range(first, first + len(sizes)))
            self._sizes.extend(sizes)
        self._ids += prefixes

    def take(self, count: int) -> Taken:
        """Remove so many from the front."""
        start, end = self._start, self._start + count
        taken = list(zip(self._places[start:end], self._sizes[start:end], strict=True))
        self._start = end
        self.given = max(0, self.given - count)
        if end >= _MANY and end >= len(self):
            self._cut(0, end)
            self._start = 0
        return taken

    def skip(self, count: int) -> Taken:
        """Remove the first ``count`` that the owner has not been given."""
        start = self._start + self.given
        end = start + count
        skipped = list(zip(self._places[start:end], self._sizes[start:end], strict=True))
        self._cut(start, end)
        return skipped

    def _cut(self, start: int, end: int) -> None:
        del (
            self._ids[start * PREFIX_SIZE : end * PREFIX_SIZE],
            self._places[start:end],
            self._sizes[start:end],
        )

    def give(self, count: int) -> int:
        """The owner is given the next ``count``; the sum of their bytes."""
        start = self._start + self.given
        self.given += count
        return weight(self._sizes[start : start + count])

    def next_stretches(self, most_bytes: int, most: int, *, at_least_one: bool) -> list[Stretch]:
        """Where the next ones are that have not been given: as many as fit."""
        stretches: list[Stretch] = []
        behind = -1
        first = self._start + self.given
        for place, size in zip(
            islice(self._places, first, None), islice(self._sizes, first, None), strict=True
        ):
            most_bytes -= bytes_of(size)
            most -= 1
            if (most_bytes < 0 or most < 0) and not (at_least_one and not stretches):
                break
            if place == behind:
                stretches[-1] = Stretch(stretches[-1].place, stretches[-1].envelopes + 1)
            else:
                stretches.append(Stretch(place, 1))
            behind = place + 1
        return stretches

    def next_sizes(self, count: int) -> list[int]:
        """The bytes of the next ones that have not been given."""
        start = self._start + self.given
        return [bytes_of(size) for size in self._sizes[start : start + count]]

    def next_prefixes(self, count: int) -> bytes:
        """The fronts of the ids of the next ones that have not been given."""
        start = (self._start + self.given) * PREFIX_SIZE
        return bytes(self._ids[start : start + count * PREFIX_SIZE])

    def before(self, place: int) -> int:
        """How many there are before a place."""
        return bisect_left(self._places, place, self._start) - self._start

    def sizes(self) -> Iterator[int]:
        """Of all, as in ``segments.Placed``."""
        return islice(self._sizes, self._start, None)

    def prefixes(self) -> Iterator[bytes]:
        """The fronts of the ids of all."""
        for start in range(self._start * PREFIX_SIZE, len(self._ids), PREFIX_SIZE):
            yield bytes(self._ids[start : start + PREFIX_SIZE])
