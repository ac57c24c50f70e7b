"""What older databases held, as this version keeps it: functions for the SQL of ``database``."""

from e2echat.relay import runs
from e2echat.relay.segments import MOST_ENVELOPES, Directory
from e2echat.wire.frames import CHANNEL_OVERHEAD, MAX_FRAME, SIZE


def directory_of_one(mailbox: bytes, done: int, body: bytes) -> bytes:
    """The directory of a segment of one mailbox, as they were up to schema 3, of what ``rest_of_one`` leaves of it."""
    rest = rest_of_one(done, body)
    sizes, prefixes = runs.heads(rest) if rest else ([], b"")
    portions = [(mailbox, 0, len(sizes))] if sizes else []
    return Directory(portions, sizes, prefixes).encode()


def rest_of_one(done: int, body: bytes) -> bytes:
    """Its body without what was acknowledged, and without what is behind the first damage.

    Nor with more than a segment may hold now, which would be sixty times what envelopes of 2 KiB come to.
    """
    start = end = number = 0
    while number < done + MOST_ENVELOPES and len(body) - end > CHANNEL_OVERHEAD:
        (size,) = SIZE.unpack_from(body, end)
        behind = end + SIZE.size + size
        if not CHANNEL_OVERHEAD - SIZE.size < size <= MAX_FRAME or behind > len(body):
            break
        end, number = behind, number + 1
        if number <= done:
            start = end
    return body[start:end]
