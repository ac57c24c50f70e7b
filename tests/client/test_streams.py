"""Streams against a model of plain sets: what was taken in, what was given up on."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from e2echat.client import streams
from e2echat.client.streams import MAX_MISSING, Place
from e2echat.store.rows import StreamRow

EMPTY = StreamRow(1, bytes(32))


def _numbers(ranges: list[streams.Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


class Model:
    """The same, the obvious way."""

    def __init__(self) -> None:
        self.next = 1
        self.missing: set[int] = set()

    def place(self, seq: int) -> Place:
        if seq == self.next:
            return Place.NEXT
        if seq > self.next:
            return Place.EARLY
        return Place.LATE if seq in self.missing else Place.DUPLICATE

    def take(self, seq: int) -> None:
        """What arrives is taken in at once; what it skips is given up on."""
        self.missing |= set(range(self.next, seq))
        self.missing.discard(seq)
        self.next = max(self.next, seq + 1)

    def received(self) -> set[int]:
        return set(range(1, self.next)) - self.missing


def _take(stream: StreamRow, seq: int) -> StreamRow:
    match streams.place(stream, seq):
        case Place.EARLY:
            return streams.advance(streams.give_up(stream, seq), bytes(32))
        case Place.NEXT:
            return streams.advance(stream, bytes(32))
        case Place.LATE:
            return streams.fill(stream, seq)
    return stream


@given(st.lists(st.integers(0, 60), max_size=60), st.integers(0, 70))
def test_streams_agree_with_the_model(arrivals: list[int], probe: int) -> None:
    stream, model = EMPTY, Model()
    for seq in arrivals:
        assert streams.place(stream, seq) is model.place(seq)
        if model.place(seq) is not Place.DUPLICATE:
            stream = _take(stream, seq)
            model.take(seq)
    assert stream.next == model.next
    assert streams.place(stream, probe) is model.place(probe)
    assert _numbers(streams.missing(stream)) == model.missing
    assert _numbers(streams.received(stream, [])) == model.received()


@given(st.lists(st.integers(1, 2000), max_size=300), st.sets(st.integers(2001, 2100)))
def test_however_many_holes_nothing_is_said_to_be_there_that_is_not(
    arrivals: list[int], held: set[int]
) -> None:
    stream = EMPTY
    for seq in arrivals:
        stream = _take(stream, seq)
    ranges = streams.received(stream, sorted(held))
    assert _numbers(ranges) <= set(arrivals) | held
    assert len(streams.missing(stream)) <= MAX_MISSING
    flat = [number for pair in ranges for number in pair]
    assert flat == sorted(flat)


def test_the_oldest_holes_become_one() -> None:
    stream = EMPTY
    for seq in range(2, 2 * MAX_MISSING + 4, 2):
        stream = _take(stream, seq)
    assert streams.missing(stream)[:2] == [(1, 3), (5, 5)]
    assert streams.place(stream, 2) is Place.LATE
    assert streams.place(stream, 4) is Place.DUPLICATE


def test_filling_a_wide_hole_does_not_split_it_for_ever() -> None:
    stream = streams.give_up(EMPTY, 1 << 40)
    for seq in range(2, 1000, 2):
        stream = streams.fill(stream, seq)
    assert len(streams.missing(stream)) == MAX_MISSING


def test_what_was_given_up_on_breaks_the_chain_of_hashes() -> None:
    stream = streams.give_up(streams.advance(EMPTY, b"h" * 32), 5)
    assert stream.last_hash is None
    assert streams.advance(stream, b"k" * 32).last_hash == b"k" * 32


@given(st.sets(st.integers(1, 100)))
def test_numbers_become_ranges(numbers: set[int]) -> None:
    ranges = streams.ranges_of(sorted(numbers))
    assert _numbers(ranges) == numbers
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))


def test_a_receipt_carries_the_first_ranges() -> None:
    assert streams.flat([(1, 2), (4, 4), (6, 9)], 2) == [1, 2, 4, 4]
