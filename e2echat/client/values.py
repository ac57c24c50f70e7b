"""Values as JSON and back, by their type hints. A dataclass becomes an object with its kind under ``type``.

Into typed values only what fits exactly is taken; an object may have more keys than this version knows.
"""

import dataclasses
import re
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from e2echat.errors import MalformedError

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST = 2**63
"""What a number stays below: a database takes no larger ones. Not a number is not below anything."""


def kind(cls: type) -> str:
    """What objects of a class have under ``type``: ``message_arrived`` for ``MessageArrived``."""
    return _WORD.sub("_", cls.__name__).lower()


def to_json(value: Any) -> Any:  # noqa: ANN401 - whatever the hints allow
    """``value`` as ``json`` writes it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {name: to_json(getattr(value, name)) for name in _fields(type(value))}
        return {"type": kind(type(value)), **fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return value


def from_json(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - as the hint says
    """The value of type ``hint`` that ``value`` stands for. ``where`` names it in the error.

    Raises:
        MalformedError: it stands for none.
    """
    if get_origin(hint) in (Union, UnionType):
        return _one_of(get_args(hint), value, where)
    if get_origin(hint) is list and isinstance(value, list):
        return [from_json(get_args(hint)[0], item, where) for item in value]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _object(hint, value, where)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - as the hint says
    if hint is float and type(value) in (int, float) and -_MOST < value < _MOST:
        return float(value)
    if hint in (bool, int, str, NoneType) and type(value) is hint and _is_storable(value):
        return value
    if isinstance(hint, type) and isinstance(value, str):
        if issubclass(hint, Enum) and value in {member.value for member in hint}:
            return hint(value)
        if issubclass(hint, datetime):
            return _moment(value, where)
    raise MalformedError(f"{where} is not as it should be")


def _one_of(hints: tuple[Any, ...], value: Any, where: str) -> Any:  # noqa: ANN401 - as the hints say
    """The first that fits; of objects the one whose kind it has."""
    for hint in hints:
        if dataclasses.is_dataclass(hint) and not (
            isinstance(value, dict) and value.get("type") == kind(hint)  # type: ignore[arg-type]  # a class, not an instance
        ):
            continue
        try:
            return from_json(hint, value, where)
        except MalformedError:
            if dataclasses.is_dataclass(hint):
                raise
    raise MalformedError(f"{where} is not as it should be")


def _object(cls: Any, value: dict[str, Any], where: str) -> Any:  # noqa: ANN401 - a dataclass, and one of its kind
    if value.get("type") != kind(cls):
        raise MalformedError(f"{where} is no {kind(cls)}")
    given = {name: hint for name, hint in _fields(cls).items() if name in value}
    values = {name: from_json(hint, value[name], f"{where}.{name}") for name, hint in given.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise MalformedError(f"{where} is not whole") from error


def _is_storable(value: bool | int | str | None) -> bool:  # noqa: FBT001 - a value, not a switch
    """JSON can spell numbers without end, and halves of characters."""
    if isinstance(value, str):
        return value.isascii() or not _SURROGATE.search(value)
    return value is None or -_MOST < value < _MOST


def _moment(value: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise MalformedError(f"{where} is no moment") from error
    if moment.tzinfo is None:
        raise MalformedError(f"{where} has no time zone")
    return moment


@cache
def _fields(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}
