"""An account in which every text, of whatever object, is hostile; and a process that runs e2echat on it.

What it says is made from the types of the client's interface: a method, an event or a field that is new is hostile as well.
"""

import dataclasses
import inspect
import sys
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Self, Union, cast, get_args, get_origin, get_type_hints

from e2echat.client.account import Account
from e2echat.client.events import Event, Message, MessageArrived, Problem
from e2echat.client.settings import Notify, Preview
from e2echat.errors import E2EChatError
from e2echat.faces.cli.app import run
from e2echat.faces.cli.session import Session
from e2echat.faces.input import Input
from e2echat.faces.output import Output

MARK = "¤"
"""Stands before each hostile character, and nowhere else: what follows it shows whether that was let through."""
THE_END = "that was all"
MOMENT = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
EVERYTHING = [
    chr(code)
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs")
    or code & 0xFFFE == 0xFFFE  # no characters, for ever
    or 0xFDD0 <= code <= 0xFDEF
    or 0xFE00 <= code <= 0xFE0F  # variation selectors
    or 0x180B <= code <= 0x180F
    or 0xE0000 <= code <= 0xE0FFF  # tags and more selectors
]
"""All of Unicode's controls, formats, separators of lines, private and unpaired code points, and what is drawn as nothing."""
MANY = [
    char
    for index, char in enumerate(EVERYTHING)
    if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Mn") or index % 2003 == 0
]
"""Few enough for every field: all controls and formats, of the private, unpaired and unassigned ones a sample."""
WORST = "\x1b\x07\r\n\x9b\u202e\u2066\u200b\u2028\U000e0041\ufe0f"
A_FEW = "".join(MARK + char for char in WORST)
"""For what is only so long, as the name of a file."""
PLANTED = A_FEW + "".join(MARK + char for char in MANY)
"""The worst first: of a status line the terminal shows no more."""

_HOSTILE = frozenset(EVERYTHING)


def leaks(printed: str) -> list[str]:
    """The hostile characters that came out as they went in. A line's end may, if the next line cannot pose as one of ours."""
    # A terminal makes two characters of a line's end.
    after = printed.replace("\r\n", "\n").split(MARK)[1:]
    return [
        f"U+{ord(rest[0]):04X}"
        for rest in after
        # What a terminal has no room for ends behind a mark, and there the next line begins.
        if rest[:1] in _HOSTILE and not rest.startswith("\n ") and (rest[0] != "\r" or rest == "\r")
    ]


class Planted:
    """Answers every method of the account. ``failing``: which of them raise, and what; ``given``: fields that are as said."""

    def __init__(
        self,
        *,
        truth: bool = True,
        failing: Mapping[str, E2EChatError] | None = None,
        given: dict[str, Any] | None = None,
    ) -> None:
        self._truth = truth
        self._failing = failing or {}
        self._given = {"direction": "in", "kind": "text", "standing": "contact"} | (given or {})
        self._events = [self._sample(each) for each in get_args(Event)]
        self._events += [MessageArrived(message) for message in self._messages()]
        self._events.append(Problem(THE_END))
        self._unshown = self._messages()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        attribute = inspect.getattr_static(Account, name)
        if isinstance(attribute, property):
            return PLANTED
        method = getattr(attribute, "__func__", attribute)
        hint = get_type_hints(method)["return"]

        def call(*given: Any, **arguments: Any) -> Any:
            if name == "open" and self._failing:
                # The passphrase, which whoever is asked for it again and again may stop to give.
                given[1]()
            if name in self._failing:
                raise self._failing[name]
            return self if hint is Self else self._answer(name, hint, arguments)

        return call

    def next_event(self, timeout: float | None) -> Any:
        """Each kind of event once."""
        if self._events:
            return self._events.pop(0)
        self._over.wait(timeout)
        return None

    def unshown(self) -> list[Message]:
        """What waits, once."""
        waiting, self._unshown = self._unshown, []
        return waiting

    def events(self) -> Iterator[Any]:
        yield from self._events
        raise E2EChatError(PLANTED)

    def _answer(self, name: str, hint: Any, arguments: dict[str, Any]) -> Any:
        if name == "page" and arguments["after"]:
            return []
        return self._sample(hint)

    def _messages(self) -> list[Message]:
        message = cast("Message", self._object(Message))
        variants: list[dict[str, Any]] = [
            {},
            {"timer": 0},
            {"direction": "out"},
            {"standing": "stranger", "reduced_forward_secrecy": True},
            {"kind": PLANTED, "reply_to": None},
            {"deleted": True, "new_key": True},
        ]
        return [dataclasses.replace(message, **variant) for variant in variants]

    def _sample(self, hint: Any) -> Any:
        """A value of that type, as hostile as it can be."""
        if get_origin(hint) in (Union, UnionType):
            return self._sample(next(each for each in get_args(hint) if each is not NoneType))
        if hint == list[Message]:
            return self._messages()
        if get_origin(hint) in (list, tuple):
            made = self._sample(get_args(hint)[0])
            return [made] if get_origin(hint) is list else (made,)
        if get_origin(hint) is dict or (inspect.isclass(get_origin(hint)) and len(get_args(hint)) == 2):
            key, value = get_args(hint)
            return {self._sample(key): self._sample(value)}
        if dataclasses.is_dataclass(hint):
            return self._object(hint)
        return self._plain(hint)

    def _object(self, kind: Any) -> Any:
        hints = get_type_hints(kind)
        fields = [field.name for field in dataclasses.fields(kind) if field.init]
        return kind(**{name: self._given.get(name, self._sample(hints[name])) for name in fields})

    def _plain(self, hint: Any) -> Any:
        known = {
            str: PLANTED,
            bool: self._truth,
            int: 1,
            float: 1.0,
            bytes: b"x",
            datetime: MOMENT,
            NoneType: None,
            Notify: Notify.OSC9,
            Preview: Preview.FULL,
            Path: Path(A_FEW),
            E2EChatError: E2EChatError(PLANTED),
        }
        return next(iter(hint)) if hint not in known and issubclass(hint, Enum) else known[hint]


def main() -> None:
    """Be e2echat on a hostile account."""
    account: Any = Planted(truth="--falsehood" not in sys.argv)
    arguments = [each for each in sys.argv[1:] if each != "--falsehood"]
    sys.exit(run(arguments, Session(Output.standard(), Input.standard(), lambda: account)))


if __name__ == "__main__":
    main()
