from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest

from e2echat.errors import MalformedError
from e2echat.wire.codec import Value
from e2echat.wire.schema import Flag, Many, Maybe, Message, Octets, Rule, Text, Unsigned, rules


class _Bytes(bytes):
    __slots__ = ()


ALLOWED: list[tuple[Rule, object]] = [
    (Octets(2), b"ab"),
    (Octets(0, 2), b""),
    (Octets(0, 2), b"ab"),
    (Text(4), ""),
    (Text(4), "abcd"),
    (Text(4), "\u00fc\u00fc"),
    (Unsigned(8), 0),
    (Unsigned(8), 255),
    (Flag(), True),
    (Flag(), False),
    (Maybe(Octets(2)), None),
    (Maybe(Octets(2)), b"ab"),
    (Many(Octets(2), 2), []),
    (Many(Octets(2), 2), [b"ab", b"cd"]),
]


@pytest.mark.parametrize(("rule", "value"), ALLOWED)
def test_allowed(rule: Rule, value: object) -> None:
    assert rule.allows(value)


NOT_ALLOWED: list[tuple[Rule, object]] = [
    (Octets(2), b"a"),
    (Octets(2), b"abc"),
    (Octets(1, 2), b""),
    (Octets(1, 2), b"abc"),
    (Octets(2), "ab"),
    (Octets(2), None),
    (Octets(2), [1, 2]),
    (Octets(2), bytearray(b"ab")),
    (Octets(2), memoryview(b"ab")),
    (Octets(2), _Bytes(b"ab")),
    (Text(4), "abcde"),
    (Text(4), "\u00fc\u00fca"),  # five bytes
    (Text(4), "\ud800"),
    (Text(4), b"abcd"),
    (Text(4), None),
    (Text(4), 1),
    (Unsigned(8), -1),
    (Unsigned(8), 256),
    (Unsigned(8), True),
    (Unsigned(8), 1.0),
    (Unsigned(8), "1"),
    (Unsigned(8), None),
    (Flag(), 0),
    (Flag(), 1),
    (Flag(), None),
    (Maybe(Octets(2)), b"a"),
    (Maybe(Octets(2)), False),
    (Many(Octets(2), 2), [b"ab"] * 3),
    (Many(Octets(2), 2), [b"ab", b"c"]),
    (Many(Octets(2), 2), [b"ab", None]),
    (Many(Octets(2), 2), (b"ab",)),
    (Many(Octets(2), 2), b"ab"),
    (Many(Octets(2), 2), None),
]


@pytest.mark.parametrize(("rule", "value"), NOT_ALLOWED)
def test_not_allowed(rule: Rule, value: object) -> None:
    assert not rule.allows(value)


@dataclass(frozen=True, slots=True)
class Parcel(Message):
    KIND: ClassVar[str] = "parcel"
    number: Annotated[int, Unsigned(8)]
    urgent: bool


def test_rules_are_read_from_the_annotations() -> None:
    assert rules(Parcel) == {"number": Unsigned(8), "urgent": Flag()}


def test_round_trip() -> None:
    parcel = Parcel(7, urgent=True)
    assert parcel.to_map() == {"number": 7, "urgent": True}
    assert Parcel.from_map(parcel.to_map()) == parcel


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"number": 7},
        {"urgent": True},
        {"number": 7, "urgent": True, "more": 1},
        {"number": 7, "Urgent": True},
        {"number": 256, "urgent": True},
        {"number": 7, "urgent": 1},
        {"number": None, "urgent": True},
    ],
)
def test_from_map_refuses(values: dict[str, Value]) -> None:
    with pytest.raises(MalformedError):
        Parcel.from_map(values)


@dataclass(frozen=True, slots=True)
class Letter(Message):
    KIND: ClassVar[str] = "letter"
    number: Annotated[int, Unsigned(8)]
    seal: Annotated[bytes | None, Maybe(Octets(2))] = None


@pytest.mark.parametrize(
    ("letter", "values"),
    [(Letter(7), {"number": 7}), (Letter(7, b"ab"), {"number": 7, "seal": b"ab"})],
)
def test_a_field_with_a_default_is_there_when_it_says_something(
    letter: Letter, values: dict[str, Value]
) -> None:
    assert letter.to_map() == values
    assert Letter.from_map(values) == letter


@pytest.mark.parametrize(
    "values",
    [
        {"number": 7, "seal": None},  # a second encoding of the same
        {"number": 7, "seal": b"abc"},
        {"number": 7, "seal": 0},
        {"number": 7, "Seal": b"ab"},
        {"seal": b"ab"},
    ],
)
def test_a_field_with_a_default_is_as_strict(values: dict[str, Value]) -> None:
    with pytest.raises(MalformedError):
        Letter.from_map(values)


def test_we_cannot_build_an_invalid_one_either() -> None:
    with pytest.raises(MalformedError):
        Parcel(256, urgent=True)


def test_a_field_without_a_rule_is_our_mistake() -> None:
    @dataclass(frozen=True, slots=True)
    class Loose(Message):
        KIND: ClassVar[str] = "loose"
        number: int

    with pytest.raises(TypeError):
        Loose(1)
