"""Sizes that say little: PADMÉ and the envelope's floors. docs/spec/ratchet.md, "Sizes".

PADMÉ: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019.
"""

from e2echat.errors import MalformedError, TextTooLongError

ENVELOPE_FLOOR = 2048
"""Bytes of the smallest envelope: a text of 600 bytes, a receipt and a KEM step are one size."""
FIRST_ENVELOPE_FLOOR = 4608
"""The same while the envelope carries the handshake, that is until the first reply."""
MAX_ENVELOPE = 61_440
"""Leaves room for a frame's head below ``MAX_FRAME``, and is a size that PADMÉ gives."""
_MARK = b"\x80"


def padme(length: int) -> int:
    """The padded size of ``length`` bytes: at most 12 % more, with O(log log length) bits of it visible."""
    exponent = length.bit_length() - 1
    if exponent < 1:
        return length
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def envelope_size(length: int, floor: int) -> int:
    """The size of an envelope whose parts come to ``length`` bytes.

    Raises:
        TextTooLongError: it would exceed ``MAX_ENVELOPE``.
    """
    if length <= floor:
        return floor
    size = padme(length)
    if size > MAX_ENVELOPE:
        raise TextTooLongError(str(TextTooLongError.__doc__))
    return size


def pad(data: bytes, size: int) -> bytes:
    """``data``, 0x80, and zeros up to ``size`` bytes (ISO/IEC 7816-4).

    Raises:
        ValueError: ``size`` leaves no room for the mark.
    """
    if len(data) >= size:
        raise ValueError(f"{len(data)} bytes do not fit into {size}")
    return (data + _MARK).ljust(size, b"\0")


def unpad(data: bytes) -> bytes:
    """What ``pad`` was given.

    Raises:
        MalformedError: there is no mark.
    """
    content = data.rstrip(b"\0")
    if content[-1:] != _MARK:
        raise MalformedError("padding without its mark")
    return content[:-1]
