"""Strict deterministic CBOR: the one way in and out for structured data.

What ``decode`` accepts is exactly what ``encode`` can produce (RFC 8949, section 4.2.1), restricted to int,
bytes, str, bool, None, list, and dict with short text keys. Everything else is refused from its head bytes
alone, before a value of it exists.
"""

from typing import TypeAlias

import cbor2

from e2echat.errors import MalformedError

Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[str, Value] | None"

MAX_DEPTH = 8
"""Nested containers. Nothing that we send goes beyond 3."""
MAX_KEY = 24
"""Characters of a map's key."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_SIMPLE = 7
_SIMPLE_VALUES = (20, 21, 22)  # false, true, null


def encode(value: Value) -> bytes:
    """The canonical encoding of ``value``."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes) -> Value:
    """The value that ``data`` is the one canonical encoding of.

    Raises:
        MalformedError: anything else.
    """
    _scan(data)
    try:
        value: Value = cbor2.loads(data)
    except (cbor2.CBORError, ValueError) as error:
        raise MalformedError("not CBOR") from error
    _check_keys(value)
    # Longer heads than needed, keys out of order and keys given twice all end here.
    if encode(value) != data:
        raise MalformedError("not the canonical encoding")
    return value


def decode_map(data: bytes) -> dict[str, Value]:
    """``decode`` for what must be a map."""
    value = decode(data)
    if not isinstance(value, dict):
        raise MalformedError("not a map")
    return value


def _scan(data: bytes) -> None:
    """Walk the head bytes: only allowed types, bounded depth, one item, nothing behind it.

    Every turn takes a byte of ``data`` or ends a container, so a claimed length costs nothing.
    """
    position = 0
    remaining = [1]
    while remaining:
        if remaining[-1] == 0:
            remaining.pop()
            continue
        remaining[-1] -= 1
        major, argument, position = _head(data, position)
        if major in (_BYTES, _TEXT):
            position += argument
        elif major in (_ARRAY, _MAP):
            if len(remaining) > MAX_DEPTH:
                raise MalformedError("nested too deeply")
            remaining.append(argument * (2 if major == _MAP else 1))
    if position != len(data):
        raise MalformedError("cut short, or bytes behind the end")


def _head(data: bytes, position: int) -> tuple[int, int, int]:
    """Major type, argument, and where the head ends: behind the end of ``data`` if it is cut short."""
    if position >= len(data):
        raise MalformedError("cut short")
    major, short = data[position] >> 5, data[position] & 31
    if major > _MAP and (major != _SIMPLE or short not in _SIMPLE_VALUES):
        raise MalformedError("a type that is not used here")
    position += 1
    if short < 24:
        return major, short, position
    if short > 27:
        raise MalformedError("an indefinite or reserved length")
    size = 1 << (short - 24)
    return major, int.from_bytes(data[position : position + size]), position + size


def _check_keys(value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or len(key) > MAX_KEY:
                raise MalformedError("a key that is not a short text")
            _check_keys(item)
    elif isinstance(value, list):
        for item in value:
            _check_keys(item)
