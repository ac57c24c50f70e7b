"""What older databases held, as this version keeps it: functions for the SQL of ``database``."""

import struct

from e2echat.relay import runs
from e2echat.relay.segments import Directory


def directory_of_one(mailbox: bytes, done: int, body: bytes) -> bytes:
    """The directory of a segment of one mailbox, as they were up to schema 3, without what was acknowledged.

    That of a damaged one is empty, as nobody could be given anything of it.
    """
    try:
        sizes, prefixes = runs.heads(runs.behind(body, done))
    except struct.error:
        sizes, prefixes = [], b""
    portions = [(mailbox, 0, len(sizes))] if sizes else []
    return Directory(portions, sizes, prefixes).encode()


def rest_of_one(done: int, body: bytes) -> bytes:
    """Its body, without what was acknowledged."""
    try:
        return runs.behind(body, done)
    except struct.error:
        return b""
