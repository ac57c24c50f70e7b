"""Looking into a run: whole frames of channels, one behind the other, as they were submitted. No I/O."""

from collections.abc import Iterator

from e2echat.wire.frames import ENVELOPE_ID_SIZE, FIRST_CHANNEL, MAX_FRAME, SIZE, SIZE_AND_TAG

_ID_END = SIZE_AND_TAG.size + ENVELOPE_ID_SIZE


def frames(data: bytes) -> Iterator[bytes]:
    """Each of the frames."""
    start = 0
    for end in _ends(data):
        yield data[start:end]
        start = end


def pieces(data: bytes, count: int, most: int) -> Iterator[tuple[bytes, int]]:
    """A run of ``count`` frames in pieces of at most ``most`` bytes, or of one frame that is larger: each with its count."""
    if len(data) <= most:
        yield data, count
        return
    start = cut = count = 0
    for end in _ends(data):
        if end - start > most and count:
            yield data[start:cut], count
            start, count = cut, 0
        cut, count = end, count + 1
    yield data[start:], count


def ids(data: bytes) -> bytes:
    """The envelope ids, 16 bytes each."""
    unpack, found = SIZE.unpack_from, []
    position, end = 0, len(data)
    while position < end:
        found.append(data[position + SIZE_AND_TAG.size : position + _ID_END])
        position += SIZE.size + unpack(data, position)[0]
    return found[0] if len(found) == 1 else b"".join(found)


def is_whole(data: bytes, ids: bytes | bytearray) -> bool:
    """Whether ``data`` is channels' frames with these envelope ids, one behind the other, and nothing else."""
    position = 0
    for start in range(0, len(ids), ENVELOPE_ID_SIZE):
        if len(data) - position <= _ID_END:
            return False
        size, tag = SIZE_AND_TAG.unpack_from(data, position)
        envelope_id = data[position + SIZE_AND_TAG.size : position + _ID_END]
        if size > MAX_FRAME or tag < FIRST_CHANNEL or envelope_id != ids[start : start + ENVELOPE_ID_SIZE]:
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


def find(ids: bytes | bytearray, envelope_id: bytes, first: int) -> bool:
    """Whether ``ids`` from number ``first`` on hold an id."""
    position = ids.find(envelope_id, first * ENVELOPE_ID_SIZE)
    while position > 0 and position % ENVELOPE_ID_SIZE:
        position = ids.find(envelope_id, position + 1)
    return position >= 0


def _ends(data: bytes) -> Iterator[int]:
    position, end = 0, len(data)
    while position < end:
        position += SIZE.size + SIZE.unpack_from(data, position)[0]
        yield position
