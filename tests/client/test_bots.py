"""docs/bots.md and the code say the same, and its example works. Run as a script, this writes the page's tables anew."""

import dataclasses
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import pytest

from e2echat import errors
from e2echat.client import agent, rpc, subscription
from e2echat.client.account import Account
from e2echat.client.events import Event, MessageArrived, MessageState
from e2echat.client.methods import served_method, served_names
from e2echat.client.values import kind
from e2echat.errors import E2EChatError

if TYPE_CHECKING:
    from tests.client.conftest import Site

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bots.md").read_text()
PATIENCE = 30.0


def words(hint: Any) -> str:
    """A type as the page says it."""
    if hint == Event:
        return "event"
    if get_origin(hint) in (Union, UnionType):
        return " or ".join("null" if each is NoneType else words(each) for each in _members(hint))
    if get_origin(hint) is list:
        return f"list of {words(get_args(hint)[0])}"
    plain = {str: "text", int: "number", float: "seconds", bool: "true or false", datetime: "moment"}
    if hint in plain:
        return plain[hint]
    return "nothing" if hint is NoneType else kind(hint).replace("_", " ")


def _members(hint: Any) -> list[Any]:
    """Of a union; the events together are one."""
    members, events = get_args(hint), get_args(Event)
    if set(events) <= set(members):
        return [Event, *(each for each in members if each not in events)]
    return list(members)


def _marked(docstring: str) -> str:
    return re.sub(r"``([^`]*)``", r"`\1`", docstring)


def methods() -> str:
    rows = []
    for name in [each for part in Account.__mro__ for each in vars(part) if each in served_names()]:
        method = served_method(name)
        parameters = [
            f"`{each}` {words(hint)}" if each in method.required else f"[`{each}` {words(hint)}]"
            for each, hint in method.parameters.items()
        ]
        rows.append(
            f"| `{name}` | {', '.join(parameters)} | {words(method.result)} | {_marked(method.summary)} |\n"
        )
    return "".join(rows)


def objects() -> str:
    found: dict[str, str] = {}

    def visit(hint: Any) -> None:
        for member in (hint, *get_args(hint)):
            if member is not hint:
                visit(member)
            elif dataclasses.is_dataclass(hint) and isinstance(hint, type) and kind(hint) not in found:
                hints = get_type_hints(hint)
                found[kind(hint)] = ", ".join(f"`{name}` {words(each)}" for name, each in hints.items())
                for each in hints.values():
                    visit(each)

    for name in served_names():
        visit(served_method(name).result)
    return "".join(f"| `{name}` | {keys} |\n" for name, keys in sorted(found.items()))


def error_rows() -> str:
    kinds = {
        cls.__name__: (cls.__doc__ or "").partition("\n")[0]
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, E2EChatError)
    }
    return "".join(f"| `{name}` | {_marked(sentence)} |\n" for name, sentence in sorted(kinds.items()))


def written(page: str) -> str:
    """The page with its tables as they should be."""
    for head, rows in (
        ("| method | parameters | result | |\n|---|---|---|---|\n", methods()),
        ("| `type` | keys |\n|---|---|\n", objects()),
        ("| `data.name` | |\n|---|---|\n", error_rows()),
    ):
        before, found, after = page.partition(head)
        assert found, head
        page = before + head + rows + re.sub(r"^(\|.*\n)*", "", after)
    events = ", ".join(f"`{kind(each)}`" for each in get_args(Event))
    return re.sub(r"(?<=^`event` is one of: )[^.]*", events, page, flags=re.MULTILINE)


def test_the_tables_are_those_of_the_code() -> None:
    assert written(PAGE) == PAGE, f"write them anew: python {Path(__file__).relative_to(ROOT)}"


def test_the_numbers_are_those_of_the_code() -> None:
    assert f'"version":{rpc.VERSION}' in PAGE
    for limit in (
        f"| a request | {rpc.MAX_LINE >> 20} MiB |",
        f"| an answer | {rpc.MAX_ANSWER >> 20} MiB |",
        f"| calls at once | {agent.MAX_CALLS} on a connection |",
        f"| connections | {agent.MAX_CLIENTS} |",
        f"| unread answers | {agent.MAX_UNREAD >> 20} MiB, then the connection is cut |",
        f"queue, of {subscription.MAX_EVENTS // 1000},{subscription.MAX_EVENTS % 1000:03} events",
    ):
        assert limit in PAGE
    for state in MessageState:
        assert f"`{state.value}`" in PAGE


@pytest.mark.parametrize(
    ("arguments", "said"), [([], b"usage: "), (["nowhere"], b"e2echat --home nowhere daemon")]
)
def test_the_example_says_how_it_is_run(arguments: list[str], said: bytes) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/examples/echo_bot.py", *arguments],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_example_answers_what_waited_and_what_comes(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    alice.send("bob", "before it ran")
    while not isinstance(bob.next_event(PATIENCE), MessageArrived):
        pass
    bot = subprocess.Popen(
        [sys.executable, ROOT / "docs/examples/echo_bot.py", site.home("bob")], stderr=subprocess.PIPE
    )
    try:
        heard: list[str] = []
        last = ""
        for text in ("before it ran", "two", "three"):
            if heard:
                last = alice.send("bob", text)
            while not isinstance(event := alice.next_event(PATIENCE), MessageArrived):
                assert event is not None
            heard.append(event.message.text)
        assert heard == ["before it ran", "two", "three"]
        assert alice.wait(last, MessageState.READ, PATIENCE) is MessageState.READ
    finally:
        bot.kill()
        bot.communicate()


def test_the_example_says_why_it_ends(site: "Site") -> None:
    bob = site.create("bob")
    bot = subprocess.Popen(
        [sys.executable, ROOT / "docs/examples/echo_bot.py", site.home("bob")], stderr=subprocess.PIPE
    )
    owner = bob._sharing._owner
    assert owner is not None
    while not owner.agent._clients:
        bob.next_event(0.01)
    bob.close()
    _, said = bot.communicate(timeout=PATIENCE)
    assert bot.returncode == 1
    assert b"Traceback" not in said


if __name__ == "__main__":
    (ROOT / "docs" / "bots.md").write_text(written(PAGE))
