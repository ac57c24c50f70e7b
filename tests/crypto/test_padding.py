import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.crypto.padding import (
    ENVELOPE_FLOOR,
    FIRST_ENVELOPE_FLOOR,
    MAX_ENVELOPE,
    envelope_size,
    pad,
    padme,
    unpad,
)
from e2echat.errors import MalformedError, TextTooLongError
from e2echat.wire.frames import CHANNEL_OVERHEAD, MAX_FRAME


def _padme_of_the_paper(length: int) -> int:
    exponent = math.floor(math.log2(length))
    bits = math.floor(math.log2(exponent)) + 1
    mask = (1 << (exponent - bits)) - 1
    return (length + mask) & ~mask


@given(st.integers(2, 1 << 40))
def test_padme_is_the_papers(length: int) -> None:
    assert padme(length) == _padme_of_the_paper(length)


@pytest.mark.parametrize(("length", "size"), [(0, 0), (1, 1), (9, 10), (2049, 2176), (61_440, 61_440)])
def test_padme_of(length: int, size: int) -> None:
    assert padme(length) == size


@given(st.integers(0, 1 << 40))
def test_padme_adds_at_most_an_eighth_and_nothing_to_its_own_sizes(length: int) -> None:
    size = padme(length)
    assert length <= size <= length * 1.125
    assert padme(size) == size


@given(st.binary(max_size=300), st.integers(1, 300))
def test_pad_and_back(data: bytes, more: int) -> None:
    padded = pad(data, len(data) + more)
    assert len(padded) == len(data) + more
    assert unpad(padded) == data


@pytest.mark.parametrize("size", [0, 3])
def test_no_room_for_the_mark(size: int) -> None:
    with pytest.raises(ValueError, match="fit"):
        pad(b"abc", size)


@pytest.mark.parametrize(
    "padded", [b"", bytes(20), b"text", b"text\x80\x01", b"text\x80\x00\x01", b"text\x81"]
)
def test_padding_without_its_mark_is_refused(padded: bytes) -> None:
    with pytest.raises(MalformedError):
        unpad(padded)


@pytest.mark.parametrize("floor", [ENVELOPE_FLOOR, FIRST_ENVELOPE_FLOOR])
def test_envelopes_are_never_smaller_than_the_floor(floor: int) -> None:
    assert {envelope_size(length, floor) for length in (0, 1, floor - 1, floor)} == {floor}
    assert envelope_size(floor + 1, floor) == padme(floor + 1)


def test_the_largest_envelope_fits_into_a_frame() -> None:
    assert envelope_size(MAX_ENVELOPE, ENVELOPE_FLOOR) == MAX_ENVELOPE
    assert MAX_ENVELOPE + CHANNEL_OVERHEAD <= MAX_FRAME
    with pytest.raises(TextTooLongError):
        envelope_size(MAX_ENVELOPE + 1, ENVELOPE_FLOOR)
