"""Segments: what is written as one row. The envelopes of many mailboxes, one behind the other, and a directory. No I/O.

An envelope's *place* is the number of its segment and its ordinal in there. Places ascend in the order of every
mailbox and stay as they are when a segment is compacted, so that one place tells how far a mailbox is acknowledged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct, error, pack, unpack_from
from typing import NamedTuple, Self, TypeAlias

from e2echat.errors import DamagedStorageError
from e2echat.relay.runs import PREFIX_SIZE

_ORDINAL_BITS = 16
MOST_ENVELOPES = (1 << _ORDINAL_BITS) - 1
"""In a segment."""
LAST_NUMBER = (1 << 46) - 1
"""Of a segment: places stay what the storage can count, and no relay ever comes so far."""
NOWHERE, EVERYWHERE = -1, (1 << 63) - 1
"""Before and behind all places: a mailbox's mark at first, and when it is no more."""
FROM_STRANGER = 1 << 31
_BYTES = FROM_STRANGER - 1
_COUNT = Struct(">I")
_PORTION = Struct(">16sHH")
Portion: TypeAlias = tuple[bytes, int, int]
"""Envelopes of a mailbox side by side: mailbox, ordinal of the first, number."""
Taken: TypeAlias = Sequence[tuple[int, int]]
"""Place and size of each envelope; sizes as in ``Placed``."""


Placed: TypeAlias = tuple[int, Sequence[int], bytes]
"""What is remembered of envelopes side by side: the place of the first, the sizes of all, the fronts of their ids.

A size is in bytes of the frame; ``FROM_STRANGER`` is set in that of what came by a knock.
"""


class Stretch(NamedTuple):
    """Envelopes side by side."""

    place: int
    """Of the first."""
    envelopes: int


@dataclass(frozen=True, slots=True)
class Directory:
    """Whose envelopes a segment holds, in the order of its body."""

    portions: Sequence[Portion]
    sizes: Sequence[int]
    """As in ``Placed``, of all."""
    prefixes: bytes
    """As in ``Placed``, of all."""

    def encode(self) -> bytes:
        """As it is kept: the number of portions, the portions, all sizes, all prefixes."""
        portions = b"".join([_PORTION.pack(*portion) for portion in self.portions])
        return (
            _COUNT.pack(len(self.portions))
            + portions
            + pack(f">{len(self.sizes)}I", *self.sizes)
            + self.prefixes
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read one.

        Raises:
            DamagedStorageError: it is none, or its ordinals are in no order.
        """
        try:
            (number,) = _COUNT.unpack_from(data)
            end = _COUNT.size + number * _PORTION.size
            portions = tuple(_PORTION.iter_unpack(data[_COUNT.size : end]))
            behind = count = 0
            for _, ordinal, envelopes in portions:
                if ordinal < behind:
                    raise DamagedStorageError("the relay's database is damaged: a segment is in no order")
                behind = ordinal + envelopes
                if behind > MOST_ENVELOPES:
                    raise DamagedStorageError("the relay's database is damaged: a segment is too long")
                count += envelopes
            sizes = unpack_from(f">{count}I", data, end)
        except error as caught:
            raise DamagedStorageError("the relay's database is damaged: a segment makes no sense") from caught
        prefixes = data[end + 4 * count :]
        if len(prefixes) != count * PREFIX_SIZE:
            raise DamagedStorageError("the relay's database is damaged: a segment makes no sense")
        return cls(portions, sizes, prefixes)

    def placed(self, number: int) -> "Iterator[tuple[bytes, Placed]]":
        """Of the segment of that ``number``: each portion's mailbox, and its envelopes."""
        start, base = 0, place_of(number, 0)
        for mailbox, ordinal, count in self.portions:
            end = start + count
            prefixes = self.prefixes[start * PREFIX_SIZE : end * PREFIX_SIZE]
            yield mailbox, (base + ordinal, self.sizes[start:end], prefixes)
            start = end

    def cut(self, body: bytes, stretch: Stretch) -> bytes:
        """The frames of a stretch, which may reach over portions.

        Raises:
            DamagedStorageError: they are not there.
        """
        first = stretch.place & MOST_ENVELOPES
        ordinals = [ordinal + step for _, ordinal, count in self.portions for step in range(count)]
        try:
            start = ordinals.index(first)
        except ValueError as caught:
            raise DamagedStorageError("stored envelopes are gone") from caught
        end = start + stretch.envelopes
        if ordinals[start:end] != list(range(first, first + stretch.envelopes)):
            raise DamagedStorageError("stored envelopes are gone")
        offset = weight(self.sizes[:start])
        return body[offset : offset + weight(self.sizes[start:end])]

    def compacted(self, number: int, body: bytes, mark: Callable[[bytes], int]) -> "tuple[Directory, bytes]":
        """Directory and body without what is acknowledged; ``mark`` tells up to which place a mailbox is."""
        portions: list[Portion] = []
        sizes: list[int] = []
        prefixes, frames = [], []
        start = offset = 0
        for mailbox, ordinal, count in self.portions:
            gone = min(max(0, mark(mailbox) + 1 - place_of(number, ordinal)), count)
            left, end = start + gone, start + count
            offset += weight(self.sizes[start:left])
            frames.append(body[offset : offset + weight(self.sizes[left:end])])
            offset += len(frames[-1])
            if left < end:
                portions.append((mailbox, ordinal + gone, count - gone))
                sizes += self.sizes[left:end]
                prefixes.append(self.prefixes[left * PREFIX_SIZE : end * PREFIX_SIZE])
            start = end
        return Directory(portions, sizes, b"".join(prefixes)), b"".join(frames)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment as it is kept, but for its body: whole frames, one behind the other."""

    number: int
    created: int
    """Unix seconds."""
    directory: Directory


def place_of(segment: int, ordinal: int) -> int:
    """The place of an envelope."""
    return segment << _ORDINAL_BITS | ordinal


def segment_of(place: int) -> int:
    """The number of the segment that a place is in."""
    return place >> _ORDINAL_BITS


def bytes_of(size: int) -> int:
    """The bytes of a frame, of its size in a directory."""
    return size & _BYTES


def weight(sizes: Sequence[int]) -> int:
    """The bytes of frames, of their sizes in a directory."""
    return sum(map(bytes_of, sizes))


def split(placed: Placed, count: int) -> tuple[Taken, Placed]:
    """The first ``count`` of them, and the rest."""
    place, sizes, prefixes = placed
    taken = list(zip(range(place, place + count), sizes[:count], strict=True))
    return taken, (place + count, sizes[count:], prefixes[count * PREFIX_SIZE :])
