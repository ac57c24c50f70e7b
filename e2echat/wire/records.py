"""Signed records: ``LP(label) | LP(field)...`` followed by a 64-byte signature over exactly those bytes.

``LP(x)`` is a u32 big-endian length and x. Received bytes are hashed, verified and kept as they came;
nothing is ever re-encoded. Signing and verifying happen in ``crypto``; this is only the layout.
"""

from collections.abc import Sequence
from functools import cache
from struct import Struct

from e2echat.errors import MalformedError

LABEL_PREFIX = b"e2echat/1/"
SIGNATURE_SIZE = 64
_LENGTH = Struct(">I")


def lp(*parts: bytes) -> bytes:
    """Each part behind its length."""
    return b"".join([len(part).to_bytes(4) + part for part in parts])


def u16(value: int) -> bytes:
    """Two bytes, big-endian."""
    return value.to_bytes(2)


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return value.to_bytes(4)


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return value.to_bytes(8)


def pack(label: str, *fields: bytes) -> bytes:
    """A record's bytes up to its signature."""
    return _label(label) + lp(*fields)


@cache
def _label(label: str) -> bytes:
    """Labels are few, and stand in our own code."""
    return lp(LABEL_PREFIX + label.encode())


def unlp(data: bytes, count: int) -> list[bytes]:
    """The ``count`` parts that ``lp`` joined into exactly ``data``.

    Raises:
        MalformedError: fewer, more, or cut short.
    """
    parts, position = [], 0
    for _ in range(count):
        if position + 4 > len(data):
            raise MalformedError("a field is missing")
        (length,) = _LENGTH.unpack_from(data, position)
        position += 4
        parts.append(data[position : position + length])
        position += length
    if position != len(data):
        raise MalformedError("the last field is cut short, or bytes behind it")
    return parts


def unpack(label: str, raw: bytes, sizes: Sequence[int | range]) -> tuple[list[bytes], bytes, bytes]:
    """Take a signed record apart.

    Args:
        label: what the record must be, without the common prefix.
        raw: the whole record.
        sizes: of each field, its length in bytes or the range that its length must be in.

    Returns:
        The fields, the bytes that are signed, and the signature. Nothing is verified yet.

    Raises:
        MalformedError: another label, a wrong number of fields, or a wrong length.
    """
    signed, signature = raw[:-SIGNATURE_SIZE], raw[-SIGNATURE_SIZE:]
    found, *fields = unlp(signed, len(sizes) + 1)
    if found != LABEL_PREFIX + label.encode():
        raise MalformedError(f"not a record of kind {label}")
    for field, size in zip(fields, sizes, strict=True):
        if len(field) not in (size if isinstance(size, range) else (size,)):
            raise MalformedError(f"a field of a record of kind {label} has a wrong length")
    return fields, signed, signature
