"""The relay's configuration: defaults, then a TOML file, then the command line; each value knows where it is from."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TypeAlias, get_args, get_type_hints

from e2echat.errors import InvalidAddressError, InvalidConfigurationError
from e2echat.relay.limits import Limits
from e2echat.relay.listening import split_host_port
from e2echat.relay.tokens import Registration

CONFIG_FILE = "relay.toml"
LOG_LEVELS = ("debug", "info", "warning", "error")
_MOST = 64 * 1024
"""Bytes of a file."""
_DEFAULT = "default"
_PLACE = re.compile(r" \(at line (\d+), column \d+\)")

Value: TypeAlias = str | bool | int | float | None
Check: TypeAlias = Callable[[object], Value]
"""Gives the value as it is used; raises ``ValueError`` with the reason."""


def _host_port(value: object) -> Value:
    if type(value) is not str:
        raise ValueError("must be text: HOST:PORT")
    try:
        split_host_port(value)
    except InvalidAddressError as error:
        raise ValueError("must be HOST:PORT; an IPv6 address goes in brackets") from error
    return value


def _flag(value: object) -> Value:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def _one_of(*words: str) -> Check:
    def check(value: object) -> Value:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"must be one of: {', '.join(words)}")
        return value

    return check


def _number(kind: type, least: float, most: float) -> Check:
    def check(value: object) -> Value:
        if type(value) is int or (kind is float and type(value) is float):
            # Not a number compares as false.
            if least <= value <= most:
                return float(value) if kind is float else value
            raise ValueError(f"must be between {least} and {most}")
        raise ValueError(f"must be a {'number' if kind is float else 'whole number'}")

    return check


def _checks() -> dict[str, Check]:
    hints = get_type_hints(Limits, include_extras=True)
    bounds = {name: get_args(hint) for name, hint in hints.items()}
    return {
        "listen": _host_port,
        "public": _host_port,
        "tls": _flag,
        "registration": _one_of(*Registration),
        "metrics": _host_port,
        "log_level": _one_of(*LOG_LEVELS),
    } | {
        f"limits.{name}": _number(kind, within.least, within.most) for name, (kind, within) in bounds.items()
    }


CHECKS = _checks()
DEFAULTS: dict[str, Value] = {
    "listen": "0.0.0.0:7443",
    "public": None,
    "tls": True,
    "registration": Registration.OPEN.value,
    "metrics": None,
    "log_level": "warning",
} | {f"limits.{field.name}": getattr(Limits(), field.name) for field in fields(Limits)}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every setting, by name; those of ``Limits`` begin with ``limits.``."""

    values: Mapping[str, Value]
    origins: Mapping[str, str]

    @classmethod
    def load(
        cls, path: Path, *, must_exist: bool, flags: Mapping[str, object], limits: tuple[str, ...]
    ) -> Self:
        """Put the three together.

        Args:
            path: the file.
            must_exist: whether it is a mistake if there is none.
            flags: what the command line says, None for what it leaves open.
            limits: ``NAME=VALUE`` for each of ``--limit``.

        Raises:
            InvalidConfigurationError: with the line and the reason.
        """
        values, origins = dict(DEFAULTS), dict.fromkeys(DEFAULTS, _DEFAULT)
        text = _read(path, must_exist=must_exist)
        if text:
            parsed = _parse(text, path)
            lines = _lines(text)
            for key, value in _flat(parsed):
                place = f"line {lines.get(key, 1)}"
                values[key] = _checked(key, value, f"{path}, {place}")
                origins[key] = f"{ascii(path.name)[1:-1]}, {place}"
        for key, value in flags.items():
            if value is not None:
                values[key] = _checked(key, value, "the command line")
                origins[key] = "command line"
        for limit in limits:
            key, value = _from_flag(limit)
            values[key] = _checked(key, value, "--limit")
            origins[key] = "command line"
        return cls(values, origins)

    def text(self, key: str) -> str | None:
        """A setting that is text or not set."""
        value = self.values[key]
        return None if value is None else str(value)

    def limits(self) -> Limits:
        """The limits among them."""
        chosen: dict[str, Any] = {field.name: self.values[f"limits.{field.name}"] for field in fields(Limits)}
        return Limits(**chosen)

    def toml(self) -> Iterator[str]:
        """The lines of a file that says the same, with where each value is from."""
        table = ""
        for key, value in self.values.items():
            head, _, name = key.rpartition(".")
            if head != table:
                table = head
                yield f"[{table}]"
            if value is None:
                yield f'# {name} = ""  # not set'
            else:
                yield f"{name} = {json.dumps(value, ensure_ascii=False)}  # {self.origins[key]}"


def _read(path: Path, *, must_exist: bool) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST + 1)
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            raise InvalidConfigurationError(f"there is no {path}") from None
        return ""
    except OSError as error:
        raise InvalidConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > _MOST:
        raise InvalidConfigurationError(f"{path} is too long for a configuration")
    try:
        # As tomllib reads a file.
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidConfigurationError(f"{path}, line {line}: not UTF-8") from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        line = int(found.group(1)) if found else text.rstrip().count("\n") + 1
        raise InvalidConfigurationError(f"{path}, line {line}: {_PLACE.sub('', str(error))}") from error
    except RecursionError as error:
        raise InvalidConfigurationError(f"{path}: nested too deeply") from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Everything in a table, by dotted name; an empty table is nothing."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _lines(text: str) -> dict[str, int]:
    """The line on which each setting begins. ``text`` parses, so every statement in it does, and ends with a line."""
    lines: dict[str, int] = {}
    prefix, statement, first = "", "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first if statement else number
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            prefix = "".join(f"{key}." for key in _path(parsed))
        for key, _ in _flat(parsed, prefix):
            lines.setdefault(key, first)
        statement = ""
    return lines


def _path(table: Mapping[str, Any]) -> Iterator[str]:
    """The names in a table's header."""
    for key, value in table.items():
        yield key
        if isinstance(value, dict):
            yield from _path(value)


def _from_flag(limit: str) -> tuple[str, object]:
    name, equals, value = limit.partition("=")
    if not equals:
        raise InvalidConfigurationError("--limit takes NAME=VALUE")
    try:
        return f"limits.{name.strip()}", tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfigurationError(f"--limit {name}: that is no value") from error


def _checked(key: str, value: object, where: str) -> Value:
    """The value as it is used.

    Raises:
        InvalidConfigurationError: there is no such setting, or not with this value.
    """
    name = key.removeprefix("limits.")
    if key not in CHECKS:
        close = get_close_matches(key, CHECKS, n=1)
        hint = f"; did you mean {close[0].removeprefix('limits.')}?" if close else ""
        raise InvalidConfigurationError(f"{where}: there is no setting {name!a}{hint}")
    try:
        return CHECKS[key](value)
    except ValueError as error:
        raise InvalidConfigurationError(f"{where}: {name} {error}") from error
