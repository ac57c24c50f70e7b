"""Segments that span mailboxes, and what is remembered of them: against lists that do the same plainly."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import DamagedStorageError
from e2echat.relay.kept import Kept
from e2echat.relay.segments import (
    FROM_STRANGER,
    MOST_ENVELOPES,
    NOWHERE,
    Directory,
    Placed,
    Portion,
    Stretch,
    place_of,
    segment_of,
    split,
)

NUMBER = 7
BOB, CAROL = b"b" * 16, b"c" * 16
SIZE = st.integers(1, 40).flatmap(lambda size: st.sampled_from([size, size | FROM_STRANGER]))


def _prefixes(first: int, count: int) -> bytes:
    return b"".join(number.to_bytes(8) for number in range(first, first + count))


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """With gaps between the portions, as compaction leaves them."""
    counts = draw(st.lists(st.tuples(st.sampled_from([BOB, CAROL]), st.integers(0, 3), st.integers(1, 4))))
    portions: list[Portion] = []
    behind = 0
    for mailbox, gap, count in counts:
        portions.append((mailbox, behind + gap, count))
        behind += gap + count
    total = sum(count for _, _, count in portions)
    sizes = tuple(draw(st.lists(SIZE, min_size=total, max_size=total)))
    return Directory(tuple(portions), sizes, _prefixes(0, total))


def _frames(directory: Directory) -> dict[int, bytes]:
    """By ordinal, each of its own bytes."""
    ordinals = [first + step for _, first, count in directory.portions for step in range(count)]
    sizes = [size & ~FROM_STRANGER for size in directory.sizes]
    return {
        ordinal: bytes([index % 251]) * size
        for index, (ordinal, size) in enumerate(zip(ordinals, sizes, strict=True))
    }


@given(directories())
def test_a_directory_comes_back(directory: Directory) -> None:
    assert Directory.decode(directory.encode()) == directory


@given(st.binary(max_size=200))
def test_any_other_bytes_are_told(data: bytes) -> None:
    try:
        directory = Directory.decode(data)
    except DamagedStorageError:
        return
    assert directory.encode() == data


@given(directories(), st.data())
def test_a_stretch_is_cut_where_it_lies(directory: Directory, data: st.DataObject) -> None:
    frames = _frames(directory)
    first, count = data.draw(st.integers(0, 20)), data.draw(st.integers(1, 6))
    wanted = [frames.get(first + step) for step in range(count)]
    stretch = Stretch(place_of(NUMBER, first), count)
    body = b"".join(frames.values())
    if None in wanted:
        with pytest.raises(DamagedStorageError):
            directory.cut(body, stretch)
    else:
        assert directory.cut(body, stretch) == b"".join(filter(None, wanted))


@given(directories(), st.integers(-1, 20), st.integers(-1, 20))
def test_compacting_leaves_the_rest_in_its_place(directory: Directory, bob: int, carol: int) -> None:
    marks = {
        mailbox: NOWHERE if ordinal < 0 else place_of(NUMBER, ordinal)
        for mailbox, ordinal in ((BOB, bob), (CAROL, carol))
    }
    frames = _frames(directory)
    owners = {first + step: who for who, first, count in directory.portions for step in range(count)}
    rest, body = directory.compacted(NUMBER, b"".join(frames.values()), marks.__getitem__)
    left = [ordinal for ordinal, who in owners.items() if place_of(NUMBER, ordinal) > marks[who]]
    assert [first + step for _, first, count in rest.portions for step in range(count)] == left
    assert body == b"".join(frames[ordinal] for ordinal in left)
    indices = {ordinal: index for index, ordinal in enumerate(owners)}
    assert list(rest.sizes) == [directory.sizes[indices[ordinal]] for ordinal in left]
    assert rest.prefixes == b"".join(indices[ordinal].to_bytes(8) for ordinal in left)
    assert Directory.decode(rest.encode()).encode() == rest.encode()


@given(directories())
def test_each_portion_knows_its_places(directory: Directory) -> None:
    frames = _frames(directory)
    found = [
        (place, size)
        for _, placed in directory.placed(NUMBER)
        for place, size in split(placed, len(placed[1]))[0]
    ]
    assert found == list(zip([place_of(NUMBER, ordinal) for ordinal in frames], directory.sizes, strict=True))
    assert all(segment_of(place) == NUMBER for place, _ in found)


def test_the_last_place_of_a_segment_is_before_the_next_segment() -> None:
    assert segment_of(place_of(1, MOST_ENVELOPES)) == 1
    assert place_of(1, MOST_ENVELOPES) < place_of(2, 0)


STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 90)),
    st.tuples(st.just("give"), st.integers(0, 90)),
    st.tuples(st.just("take"), st.integers(0, 90)),
    st.tuples(st.just("skip"), st.integers(0, 5)),
)


@given(st.lists(STEPS, max_size=30))
def test_what_is_kept_is_a_queue(steps: list[tuple[str, int]]) -> None:
    kept, plain = Kept(), list[tuple[int, int]]()
    given, added = 0, 0
    for step, wanted in steps:
        match step:
            case "add":
                placed: Placed = (place_of(added, 0), [wanted] * wanted, _prefixes(added * 100, wanted))
                kept.add(placed)
                plain += split(placed, wanted)[0]
                added += 1
            case "give":
                count = min(wanted, len(plain) - given)
                assert kept.give(count) == sum(size for _, size in plain[given : given + count])
                given += count
            case "take":
                count = min(wanted, given)
                assert kept.take(count) == plain[:count]
                plain, given = plain[count:], given - count
            case "skip":
                count = min(wanted, len(plain) - given)
                assert kept.skip(count) == plain[given : given + count]
                del plain[given : given + count]
        assert (len(kept), kept.given) == (len(plain), given)
        assert list(kept.sizes()) == [size for _, size in plain]
        stretches = kept.next_stretches(1 << 30, 1 << 30, at_least_one=False)
        places = [stretch.place + step for stretch in stretches for step in range(stretch.envelopes)]
        assert places == [place for place, _ in plain[given:]]
        ids = [(segment_of(place) * 100 + place % (1 << 16)).to_bytes(8) for place, _ in plain]
        assert kept.next_prefixes(3) == b"".join(ids[given : given + 3])
        assert kept.next_sizes(3) == [size & ~FROM_STRANGER for _, size in plain[given : given + 3]]
        assert list(kept.prefixes()) == ids


SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=10)


@given(SIZES, st.integers(0, 200), st.integers(0, 12))
def test_a_window_takes_what_fits(sizes: list[int], room: int, most: int) -> None:
    kept = Kept()
    kept.add((0, sizes, _prefixes(0, len(sizes))))
    fit = sum(total <= room for total in accumulate(sizes))
    found = kept.next_stretches(room, most, at_least_one=False)
    assert sum(stretch.envelopes for stretch in found) == min(fit, most)
    found = kept.next_stretches(room, most, at_least_one=True)
    assert sum(stretch.envelopes for stretch in found) == max(min(fit, most), 1)


@given(SIZES, st.integers(0, 600))
def test_what_is_before_a_place_is_counted(sizes: list[int], place: int) -> None:
    kept = Kept()
    kept.add((place_of(1, 0), sizes, _prefixes(0, len(sizes))))
    kept.give(1)
    kept.take(1)
    assert kept.before(place_of(1, place)) == max(0, min(place - 1, len(sizes) - 1))
