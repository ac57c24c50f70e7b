import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import MalformedError
from e2echat.wire import records
from e2echat.wire.records import SIGNATURE_SIZE, lp, unlp

PARTS = st.lists(st.binary(max_size=20), max_size=5)
SIGNATURE = bytes(range(SIGNATURE_SIZE))


def test_layout() -> None:
    assert lp(b"ab", b"") == bytes.fromhex("00000002 6162 00000000")
    assert records.pack("id", b"x") == bytes.fromhex("0000000c") + b"e2echat/1/id" + bytes.fromhex(
        "00000001 78"
    )
    assert (records.u16(1), records.u32(2), records.u64(3)) == (b"\0\1", b"\0\0\0\2", b"\0\0\0\0\0\0\0\3")


@given(PARTS)
def test_round_trip(parts: list[bytes]) -> None:
    assert unlp(lp(*parts), len(parts)) == parts


@given(PARTS, PARTS)
def test_different_parts_never_join_into_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (lp(*one) == lp(*other)) == (one == other)


@given(PARTS.filter(bool))
def test_every_truncation_is_refused(parts: list[bytes]) -> None:
    raw = lp(*parts)
    for end in range(len(raw)):
        with pytest.raises(MalformedError):
            unlp(raw[:end], len(parts))


@given(PARTS, st.binary(min_size=1, max_size=5))
def test_trailing_bytes_are_refused(parts: list[bytes], more: bytes) -> None:
    with pytest.raises(MalformedError):
        unlp(lp(*parts) + more, len(parts))


@given(PARTS)
def test_the_number_of_parts_is_exact(parts: list[bytes]) -> None:
    for count in {len(parts) - 1, len(parts) + 1} - {-1}:
        with pytest.raises(MalformedError):
            unlp(lp(*parts), count)


@pytest.mark.parametrize("length", [2, 255, 2**31, 2**32 - 1])
def test_a_length_that_is_not_there_is_refused(length: int) -> None:
    with pytest.raises(MalformedError):
        unlp(length.to_bytes(4) + b"x", 1)


def _record(label: str, *fields: bytes) -> bytes:
    return records.pack(label, *fields) + SIGNATURE


def test_unpack() -> None:
    raw = _record("kind", b"12", b"name")
    fields, signed, signature = records.unpack("kind", raw, (2, range(1, 5)))
    assert fields == [b"12", b"name"]
    assert signed + signature == raw
    assert signature == SIGNATURE


@pytest.mark.parametrize(
    "raw",
    [
        _record("other", b"12", b"name"),
        _record("kind2", b"12", b"name"),
        _record("kin", b"12", b"name"),
        lp(b"kind", b"12", b"name") + SIGNATURE,
        lp(b"E2echat/1/kind", b"12", b"name") + SIGNATURE,
        _record("kind", b"1", b"name"),
        _record("kind", b"123", b"name"),
        _record("kind", b"12", b""),
        _record("kind", b"12", b"names"),
        _record("kind", b"12"),
        _record("kind", b"12", b"name", b""),
        _record("kind"),
        records.pack("kind", b"12", b"name"),
        SIGNATURE,
        b"",
    ],
)
def test_unpack_refuses(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        records.unpack("kind", raw, (2, range(1, 5)))


def test_unpack_refuses_every_truncation_and_anything_behind() -> None:
    raw = _record("kind", b"12", b"name")
    for end in range(len(raw)):
        with pytest.raises(MalformedError):
            records.unpack("kind", raw[:end], (2, range(1, 5)))
    for more in (b"\0", bytes(4), bytes(SIGNATURE_SIZE)):
        with pytest.raises(MalformedError):
            records.unpack("kind", raw + more, (2, range(1, 5)))
