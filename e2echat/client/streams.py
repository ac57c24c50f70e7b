"""Following a peer's numbered payloads: what is next, what came before, what is missing; pure.

``missing`` and receipts are ranges of sequence numbers, first and last included, ascending and apart.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import TypeAlias

from e2echat.store.rows import StreamRow

Range: TypeAlias = tuple[int, int]

MAX_MISSING = 64
"""Ranges of missing numbers remembered. With more, the oldest become one, and what came between them counts as
missing too: a receipt may leave out what is here, never name what is not."""


class Place(Enum):
    """Where a sequence number falls in a stream."""

    DUPLICATE = auto()
    NEXT = auto()
    EARLY = auto()
    """Later numbers than the next: it waits for those between."""
    LATE = auto()
    """One that had been given up on."""


def place(stream: StreamRow, seq: int) -> Place:
    """Where ``seq`` falls."""
    if seq == stream.next:
        return Place.NEXT
    if seq > stream.next:
        return Place.EARLY
    if any(first <= seq <= last for first, last in missing(stream)):
        return Place.LATE
    return Place.DUPLICATE


def missing(stream: StreamRow) -> list[Range]:
    """The ranges that were given up on."""
    if not stream.missing:
        return []
    pairs = (item.split("-") for item in stream.missing.split(","))
    return [(int(first), int(last)) for first, last in pairs]


def advance(stream: StreamRow, payload_hash: bytes) -> StreamRow:
    """The payload with the next number was taken in."""
    return replace(stream, next=stream.next + 1, last_hash=payload_hash)


def give_up(stream: StreamRow, until: int) -> StreamRow:
    """Everything from the next number up to ``until``, excluded, is missing."""
    ranges = [*missing(stream), (stream.next, until - 1)]
    return replace(stream, next=until, last_hash=None, missing=_join(ranges))


def fill(stream: StreamRow, seq: int) -> StreamRow:
    """A missing number came after all."""
    return replace(stream, missing=_join(without(missing(stream), [seq])))


def received(stream: StreamRow, held: Iterable[int]) -> list[Range]:
    """What the peer can be told has arrived: all before the next but the missing, and what is held."""
    ranges: list[Range] = []
    start = 1
    for first, last in missing(stream):
        if start < first:
            ranges.append((start, first - 1))
        start = last + 1
    if start < stream.next:
        ranges.append((start, stream.next - 1))
    return ranges + ranges_of(held)


def without(ranges: list[Range], numbers: Sequence[int]) -> list[Range]:
    """``ranges`` less some ``numbers``, which ascend."""
    rest: list[Range] = []
    for first, last in ranges:
        start = first
        for number in numbers[bisect_left(numbers, first) : bisect_right(numbers, last)]:
            if start < number:
                rest.append((start, number - 1))
            start = number + 1
        if start <= last:
            rest.append((start, last))
    return rest


def ranges_of(numbers: Iterable[int]) -> list[Range]:
    """Ascending numbers as ranges."""
    ranges: list[Range] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def flat(ranges: list[Range], most: int) -> list[int]:
    """At most ``most`` ranges as a receipt carries them."""
    return [number for pair in ranges[:most] for number in pair]


def _join(ranges: list[Range]) -> str:
    excess = len(ranges) - MAX_MISSING
    if excess > 0:
        ranges = [(ranges[0][0], ranges[excess][1]), *ranges[excess + 1 :]]
    return ",".join(f"{first}-{last}" for first, last in ranges)
