"""Typed, frozen, validated values over the codec: a dataclass a message, a rule a field.

A field is annotated ``Annotated[bytes, Octets(32)]`` and the like; ``Message`` checks every rule whenever a
value is built, so that neither we nor a peer can make an invalid one. A field with a default may be missing, and
is when it has its default: there is one encoding of a value.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, Protocol, Self, get_args, get_origin, get_type_hints

from e2echat.errors import MalformedError
from e2echat.wire.codec import Value


class Rule(Protocol):
    """What a field's value must satisfy."""

    def allows(self, value: object) -> bool:
        """Whether ``value`` is of the right type and within bounds."""


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes of a length between ``least`` and ``most``; exactly ``least`` when ``most`` is not given."""

    least: int
    most: int | None = None

    def allows(self, value: object) -> bool:
        """See ``Rule``."""
        most = self.least if self.most is None else self.most
        return type(value) is bytes and self.least <= len(value) <= most


@dataclass(frozen=True, slots=True)
class Text:
    """Text of at most ``most`` bytes in UTF-8, without lone surrogates."""

    most: int

    def allows(self, value: object) -> bool:
        """See ``Rule``."""
        if type(value) is not str:
            return False
        try:
            return len(value.encode()) <= self.most
        except UnicodeEncodeError:
            return False


@dataclass(frozen=True, slots=True)
class Unsigned:
    """An integer of at most ``bits`` bits."""

    bits: int

    def allows(self, value: object) -> bool:
        """See ``Rule``."""
        return type(value) is int and 0 <= value < 1 << self.bits


@dataclass(frozen=True, slots=True)
class Flag:
    """A bool."""

    def allows(self, value: object) -> bool:
        """See ``Rule``."""
        return type(value) is bool


@dataclass(frozen=True, slots=True)
class Maybe:
    """None, or what ``rule`` allows."""

    rule: Rule

    def allows(self, value: object) -> bool:
        """See ``Rule``."""
        return value is None or self.rule.allows(value)


@dataclass(frozen=True, slots=True)
class Many:
    """A list of at most ``most`` items, each as ``rule`` allows."""

    rule: Rule
    most: int

    def allows(self, value: object) -> bool:
        """See ``Rule``."""
        return type(value) is list and len(value) <= self.most and all(map(self.rule.allows, value))


_known: dict[type, Mapping[str, Rule]] = {}
_optional: dict[type, Mapping[str, Value]] = {}


def rules(message: type) -> Mapping[str, Rule]:
    """The rule of each field of a ``Message``, by name, worked out once a class.

    Raises:
        TypeError: a field has none; a bool needs none to be written out.
    """
    if message not in _known:
        hints = get_type_hints(message, include_extras=True)
        _known[message] = {
            name: _rule(hint) for name, hint in hints.items() if get_origin(hint) is not ClassVar
        }
    return _known[message]


def _rule(hint: Any) -> Rule:  # noqa: ANN401 - type hints have no common type
    if get_origin(hint) is Annotated:
        rule: Rule = get_args(hint)[1]
        return rule
    if hint is bool:
        return Flag()
    raise TypeError(f"no rule for {hint}")


def _defaults(message: "type[Message]") -> Mapping[str, Value]:
    """The fields of a ``Message`` that may be missing, with what they are then."""
    if message not in _optional:
        _optional[message] = {
            each.name: each.default for each in fields(message) if each.default is not MISSING
        }
    return _optional[message]


@dataclass(frozen=True, slots=True)
class Message:
    """Base of every structured message. ``KIND`` names it on the wire."""

    KIND: ClassVar[str]

    def __post_init__(self) -> None:
        for name, rule in rules(type(self)).items():
            if not rule.allows(getattr(self, name)):
                raise MalformedError(f"{self.KIND}: {name} is not valid")

    @classmethod
    def from_map(cls, values: Mapping[str, Value]) -> Self:
        """The message whose fields are exactly ``values``.

        Raises:
            MalformedError: a field is missing, unknown, of the wrong type or out of bounds, or spelled out for nothing.
        """
        optional = _defaults(cls)
        if rules(cls).keys() - optional.keys() != values.keys() - optional.keys() or any(
            name in values and values[name] == default for name, default in optional.items()
        ):
            raise MalformedError(f"{cls.KIND}: fields missing or unknown")
        return cls(**values)

    def to_map(self) -> dict[str, Value]:
        """The fields by name."""
        optional = _defaults(type(self))
        values = {name: getattr(self, name) for name in rules(type(self))}
        return {
            name: value for name, value in values.items() if name not in optional or value != optional[name]
        }
