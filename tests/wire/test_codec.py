import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import MalformedError
from e2echat.wire import codec
from e2echat.wire.codec import MAX_DEPTH, MAX_KEY, Value

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=300)
    | st.text(max_size=40)
)
KEYS = st.text(max_size=MAX_KEY)


@st.composite
def values(draw: st.DrawFn, depth: int = 3) -> Value:
    if depth == 0 or draw(st.booleans()):
        return draw(SCALARS)
    inner = values(depth - 1)
    if draw(st.booleans()):
        return draw(st.lists(inner, max_size=4))
    return draw(st.dictionaries(KEYS, inner, max_size=4))


@given(values())
def test_round_trip(value: Value) -> None:
    assert codec.decode(codec.encode(value)) == value


@given(values(), st.binary(min_size=1, max_size=3))
def test_trailing_bytes_are_refused(value: Value, more: bytes) -> None:
    with pytest.raises(MalformedError):
        codec.decode(codec.encode(value) + more)


@given(values())
def test_every_truncation_is_refused(value: Value) -> None:
    raw = codec.encode(value)
    for end in range(len(raw)):
        with pytest.raises(MalformedError):
            codec.decode(raw[:end])


@given(st.binary(max_size=64))
def test_whatever_is_accepted_has_no_second_encoding(raw: bytes) -> None:
    try:
        value = codec.decode(raw)
    except MalformedError:
        return
    assert codec.encode(value) == raw


# Value, encoding: RFC 8949, appendix A, as far as its types are used here.
ACCEPTED: list[tuple[Value, str]] = [
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (255, "18ff"),
    (256, "190100"),
    (65_535, "19ffff"),
    (65_536, "1a00010000"),
    (2**32, "1b0000000100000000"),
    (2**64 - 1, "1bffffffffffffffff"),
    (-1, "20"),
    (-24, "37"),
    (-25, "3818"),
    (-(2**64), "3bffffffffffffffff"),
    (b"", "40"),
    (b"\x01\x02", "420102"),
    (bytes(24), "5818" + "00" * 24),
    ("", "60"),
    ("\u00fc\u6c34", "65c3bce6b0b4"),
    ("\U00010151", "64f0908591"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    ([], "80"),
    ([1, [2, 3]], "8201820203"),
    ({}, "a0"),
    ({"a": 1, "b": [2]}, "a261610161628102"),
    ({"b": 1, "aa": 2}, "a261620162616102"),
]


@pytest.mark.parametrize(("value", "raw"), ACCEPTED)
def test_accepted(value: Value, raw: str) -> None:
    assert codec.encode(value).hex() == raw
    found = codec.decode(bytes.fromhex(raw))
    assert (found, type(found)) == (value, type(value))


REFUSED = {
    "nothing": "",
    # Not the shortest form, RFC 8949, section 4.2.1.
    "0 in one byte more": "1800",
    "23 in one byte more": "1817",
    "255 in two bytes": "1900ff",
    "65535 in four bytes": "1a0000ffff",
    "2^32-1 in eight bytes": "1b00000000ffffffff",
    "-1 in one byte more": "3800",
    "a length of bytes in one byte more": "580100",
    "a length of text in one byte more": "780161",
    "an array's length in one byte more": "980100",
    "a map's length in one byte more": "b801616100",
    # Order and identity of keys.
    "keys out of order": "a2616200616100",
    "a longer key first": "a262616100616200",
    "a key twice": "a2616100616100",
    "a key twice, the value too": "a2616101616101",
    # Keys that are no short text.
    "an integer as a key": "a10000",
    "a negative integer as a key": "a12000",
    "bytes as a key": "a1416100",
    "null as a key": "a1f600",
    "true as a key": "a1f500",
    "an array as a key": "a18000",
    "a map as a key": "a1a000",
    "a key of 25 characters": "a17819" + "61" * 25 + "00",
    "a bad key in a map in a list": "81a10000",
    "a bad key in a map in a map": "a16161a10000",
    # Text that is no UTF-8.
    "a stray continuation byte": "6180",
    "a cut sequence": "61c3",
    "an overlong sequence": "62c080",
    "a surrogate": "63eda080",
    "beyond Unicode": "64f4908080",
    "a key that is no UTF-8": "a1618000",
}

# Refused from the head bytes: the CBOR library never sees them.
REFUSED_BY_HEAD = {
    "a second item": "0000",
    # Indefinite lengths.
    "indefinite bytes": "5f4100ff",
    "indefinite text": "7f6161ff",
    "an indefinite array": "9f00ff",
    "an indefinite map": "bf616100ff",
    "a lone break": "ff",
    "a break in an array": "81ff",
    # Reserved lengths.
    "reserved 28": "1c" + "00" * 16,
    "reserved 29": "1d" + "00" * 32,
    "reserved 30 for bytes": "5e" + "00" * 64,
    "indefinite integer": "1f" + "00" * 128,
    # Tags, all of them, before anything is made of them.
    "tag 0, a date": "c074323031332d30332d32315432303a30343a30305a",
    "tag 1, a time": "c11a514b67b0",
    "tag 2, a big integer": "c249010000000000000000",
    "tag 4, a decimal": "c48221196ab3",
    "tag 28 and 29, shared values": "d81c81d81d00",
    "tag 30, a fraction": "d81e820103",
    "tag 35, a regular expression": "d8236161",
    "tag 258, a set": "d9010281" + "00",
    "tag 260, an address": "d9010444c0000201",
    "self-described": "d9d9f700",
    "a tag in a list": "81c100",
    "a tag numbered like false, and one item too few": "82d400",
    # Simple values and floats.
    "undefined": "f7",
    "simple 0": "e0",
    "simple 16": "f0",
    "simple 19": "f3",
    "simple 24, reserved": "f818",
    "true in one byte more": "f815",
    "simple 255": "f8ff",
    "half float": "f90000",
    "half float, not a number": "f97e00",
    "half float with the bits of false": "f90014",
    "float": "fa47c35000",
    "float with the bits of true": "fa00000015",
    "double": "fb3ff199999999999a",
    # Lengths that are not there.
    "a head cut short": "19ff",
    "a head alone": "18",
    "bytes that are not there": "41",
    "2^64-1 bytes": "5bffffffffffffffff",
    "2^64-1 letters": "7bffffffffffffffff00",
    "2^64-1 items": "9bffffffffffffffff00",
    "2^64-1 pairs": "bbffffffffffffffff00",
    "2^63 pairs, which overflow": "bb800000000000000000",
    "2^32-1 items in items": "9affffffff" * 8,
    "a map without its value": "a16161",
}


@pytest.mark.parametrize(
    "raw", [*REFUSED.values(), *REFUSED_BY_HEAD.values()], ids=[*REFUSED, *REFUSED_BY_HEAD]
)
def test_refused(raw: str) -> None:
    with pytest.raises(MalformedError):
        codec.decode(bytes.fromhex(raw))


@pytest.mark.parametrize("raw", REFUSED_BY_HEAD.values(), ids=REFUSED_BY_HEAD)
def test_refused_before_a_value_exists(raw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the CBOR library was reached")

    monkeypatch.setattr("cbor2.loads", fail)
    with pytest.raises(MalformedError):
        codec.decode(bytes.fromhex(raw))


@pytest.mark.parametrize("nest", [b"\x81", b"\xa1\x61a"])
def test_depth(nest: bytes) -> None:
    codec.decode(nest * MAX_DEPTH + b"\x00")
    for depth in (MAX_DEPTH + 1, 5_000):
        with pytest.raises(MalformedError):
            codec.decode(nest * depth + b"\x00")


def test_breadth_is_not_depth() -> None:
    wide: Value = [[] for _ in range(1000)]
    assert codec.decode(codec.encode(wide)) == wide


def test_the_longest_key_passes() -> None:
    value: Value = {"\u00fc" * MAX_KEY: 1}
    assert codec.decode(codec.encode(value)) == value


def test_a_map_is_asked_for() -> None:
    assert codec.decode_map(b"\xa0") == {}
    for raw in (b"\x80", b"\x00", b"\xf6", b"\x60"):
        with pytest.raises(MalformedError):
            codec.decode_map(raw)
