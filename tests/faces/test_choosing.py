"""``talk`` without ``--peer``: which conversations are offered, and what can be answered."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.faces.cli.choosing import OFFERED, offered_contacts

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

Make = Callable[..., Any]


def _at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


@pytest.fixture
def several(world: "World", cli: "CommandLine", person: Make) -> "CommandLine":
    world.people = {
        "bob": person("bob", last_at=_at(5), verified=True),
        "carol": person("carol"),
        "dave": person("dave", unread=2, last_at=_at(1)),
        "eve": person("eve", unread=1, last_at=_at(2), standing="stranger"),
        "mallory": person("mallory", unread=9, standing="blocked"),
    }
    cli.by_hand = True
    return cli


def test_unread_ones_come_first_then_the_latest(several: "CommandLine", world: "World") -> None:
    assert [each.name for each in offered_contacts(list(world.people.values()))] == [
        "eve",
        "dave",
        "bob",
        "carol",
    ]


def test_a_number_chooses(several: "CommandLine", world: "World") -> None:
    result = several("talk", typed="2\nhello\n")
    assert [message.peer for message in world.messages] == ["dave"]
    lines = result.err.splitlines()
    assert lines[1].split() == [
        "1",
        "eve",
        "1",
        "unread,",
        "not",
        "verified,",
        "stranger,",
        "last",
        *lines[1].split()[-2:],
    ]
    assert "mallory" not in result.err


def test_so_does_a_name_and_nothing_else_does(several: "CommandLine", world: "World") -> None:
    result = several("talk", typed="\n9\nnobody\n\x1b\ncarol\nhello\n")
    assert [message.peer for message in world.messages] == ["carol"]
    assert "There is no number 9." in result.err
    assert "\x1b" not in result.err


def test_commands_are_no_names(several: "CommandLine", world: "World") -> None:
    result = several("talk", typed="/help\n/nonsense\n/lock now\n/quit\nhello\n")
    assert (result.code, world.messages, world.locked) == (0, [], 0)
    assert "NAME@ADDRESS" in result.err
    assert "There is no /nonsense here." in result.err
    assert "1 to 32 characters" not in result.err
    assert several("talk", typed="/lock\n").code == 0
    assert several.started_over == [()]


def test_the_relay_hears_of_no_name_by_a_slip(several: "CommandLine", world: "World") -> None:
    world.strangers = {"frank", "opensesame"}
    result = several("talk", typed="opensesame\n\nopen sesame\nFrank\ny\nhello\n")
    assert [message.peer for message in world.messages] == ["frank"]
    assert result.err.count("Ask the relay") == 2
    assert several("talk", typed="Frank\nhello\n").err.count("Ask the relay") == 0


def test_leaving_instead(several: "CommandLine", world: "World") -> None:
    assert several("talk").code == 130


def test_the_only_one_is_taken(cli: "CommandLine", world: "World") -> None:
    cli.by_hand = True
    assert cli("talk", typed="hello\n").code == 0
    assert world.sent() == ["hello"]


def test_without_a_terminal_it_is_an_error_that_says_what_to_do(
    several: "CommandLine", world: "World"
) -> None:
    several.by_hand = False
    world.people["carol"] = world.people["bob"]
    result = several("talk", typed="hello\n")
    assert result.code == 2
    assert "--peer NAME" in result.err
    assert world.sent() == []


def test_of_many_the_first_are_listed(cli: "CommandLine", world: "World", person: Make) -> None:
    cli.by_hand = True
    names = [f"friend{number:02}" for number in range(OFFERED + 5)]
    world.people = {name: person(name, last_at=_at(1)) for name in names}
    result = cli("talk", typed=f"{OFFERED}\nhello\n")
    assert "and 5 more" in result.err
    assert [message.peer for message in world.messages] == [names[OFFERED - 1]]
