"""Looking into a run: whole frames of channels, one behind the other, as they were submitted. No I/O."""

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct

from e2echat.wire.frames import ENVELOPE_ID_SIZE, FIRST_CHANNEL, MAX_FRAME, SIZE, SIZE_AND_TAG, TAG_SIZE

PREFIX_SIZE = 8
"""Of the front of an id, where it stands for the id: senders draw ids at random, and a clash costs nobody but its sender."""
_ID = SIZE_AND_TAG.size
_ID_END = _ID + ENVELOPE_ID_SIZE


def frames(data: bytes) -> Iterator[bytes]:
    """Each of the frames."""
    start = 0
    for end in _ends(data):
        yield data[start:end]
        start = end


def pieces(data: bytes, most: int) -> Iterator[tuple[bytes, int]]:
    """The frames in pieces of at most ``most`` bytes, or of one frame that is larger: each with their number."""
    start = cut = count = 0
    for end in _ends(data):
        if end - start > most and count:
            yield data[start:cut], count
            start, count = cut, 0
        cut, count = end, count + 1
    yield data[start:], count


def prefixes(data: bytes) -> Iterator[bytes]:
    """The front of each frame's envelope id."""
    start = 0
    for end in _ends(data):
        yield data[start + _ID : start + _ID + PREFIX_SIZE]
        start = end


def heads(data: bytes) -> tuple[list[int], bytes]:
    """Of all frames the sizes, and the fronts of their envelope ids."""
    # Envelopes are padded to few sizes, so that most often all are of one, and can be looked at in one go.
    first = SIZE.size + SIZE.unpack_from(data)[0]
    if len(data) % first == 0:
        found = list(_head_of(first).iter_unpack(data))
        if all(size == first - SIZE.size for size, _ in found):
            return [first] * len(found), b"".join([prefix for _, prefix in found])
    sizes, start = [], 0
    for end in _ends(data):
        sizes.append(end - start)
        start = end
    return sizes, b"".join(prefixes(data))


@lru_cache(maxsize=64)
def _head_of(size: int) -> Struct:
    """Size and front of the id of a frame of ``size`` bytes."""
    return Struct(f">I{TAG_SIZE}x{PREFIX_SIZE}s{size - _ID - PREFIX_SIZE}x")


def is_whole(data: bytes, prefixes: bytes) -> bool:
    """Whether ``data`` is channels' frames whose envelope ids begin so, one behind the other, and nothing else."""
    position = 0
    for start in range(0, len(prefixes), PREFIX_SIZE):
        if len(data) - position <= _ID_END:
            return False
        size, tag = SIZE_AND_TAG.unpack_from(data, position)
        prefix = data[position + _ID : position + _ID + PREFIX_SIZE]
        if size > MAX_FRAME or tag < FIRST_CHANNEL or prefix != prefixes[start : start + PREFIX_SIZE]:
            return False
        position += SIZE.size + size
    return position == len(data)


def behind(data: bytes, count: int) -> bytes:
    """What is behind the first ``count`` frames."""
    if not count:
        return data
    start = 0
    for _, end in zip(range(count), _ends(data), strict=False):
        start = end
    return data[start:]


def _ends(data: bytes) -> Iterator[int]:
    position, end = 0, len(data)
    while position < end:
        position += SIZE.size + SIZE.unpack_from(data, position)[0]
        yield position
