"""``invite`` and ``add``, on an account without a relay."""

import io
import json
from typing import TYPE_CHECKING

import pytest

from e2echat.client.events import Connected, Paired, PairingFailed, Problem
from e2echat.errors import KeyChangedError, PairingError, RelayUnreachableError
from e2echat.faces.cli.pairing import patiently
from e2echat.faces.output import Output
from e2echat.faces.wording import event_record, notice

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

BY_CODE = Paired("bob", "code", verified=True, invitation="ours")
BY_LINK = Paired("bob", "link", verified=False, invitation="ours")
OTHERS = [
    Paired("carol", "code", verified=True),
    Paired("carol", "link", verified=False, invitation="another"),
    PairingFailed("1-other-code", "somebody tried a wrong code", expired=False),
    PairingFailed("1-other-code", "nobody used the code in time", expired=True),
]
"""What another invitation, or somebody who was added by another process, brings."""
BURNT = PairingFailed("4821-guitar-otter", "somebody tried a wrong code", expired=False)
EXPIRED = PairingFailed("4821-guitar-otter", "nobody used the code in time", expired=True)


@pytest.mark.parametrize(
    ("events", "code", "said"),
    [
        ([BY_CODE], 0, "bob and you are paired, and bob is verified"),
        ([Connected(), BY_LINK], 0, "not verified by that"),
        ([BURNT], 4, "somebody tried a wrong code"),
        ([EXPIRED], 3, "The link stays good"),
        ([*OTHERS, BY_CODE], 0, "bob and you are paired"),
        ([], 3, "The link stays good"),
    ],
)
def test_invite_shows_both_and_what_comes_of_them(
    cli: "CommandLine", world: "World", events: list[Paired], code: int, said: str
) -> None:
    world.events.extend(events)
    result = cli("invite", "--timeout", "0.1" if not events else "30")
    assert result.code == code
    assert "e2echat:abcdef" in result.out
    assert "4821-guitar-otter" in result.out
    assert said in result.out + result.err
    assert world.withdrawn == ["4821-guitar-otter"]


def test_what_else_became_known_is_said(cli: "CommandLine", world: "World") -> None:
    world.events.extend([Problem("somebody else had written"), BY_CODE])
    assert "Somebody else had written." in cli("invite").err
    world.events.append(Problem("somebody else had written"))
    assert "Somebody else had written." in cli("add", "4821-guitar-otter").err


def test_invite_for_programs(cli: "CommandLine", world: "World") -> None:
    world.events.append(BY_CODE)
    given, paired = [json.loads(line) for line in cli("invite", "--json").lines]
    assert (given["link"], given["code"]) == ("e2echat:abcdef", "4821-guitar-otter")
    assert given["code_ends"] == given["link_ends"] == "2026-03-08T00:00:00.000Z"
    assert paired == {"type": "paired", "peer": "bob", "by": "code", "verified": True}


def test_invite_draws_the_link(cli: "CommandLine", world: "World") -> None:
    world.events.append(BY_CODE)
    assert "\u2588\u2588\u2588" in cli("invite", "--qr").out


def test_invite_without_a_relay(cli: "CommandLine", world: "World") -> None:
    world.failures["invite"] = RelayUnreachableError("nobody answers")
    result = cli("invite")
    assert (result.code, result.out) == (5, "")


@pytest.mark.parametrize("arguments", [["4821-guitar-otter"], ["4821", "guitar", "otter"]])
def test_add_takes_a_code_in_one_word_or_three(
    cli: "CommandLine", world: "World", arguments: list[str]
) -> None:
    result = cli("add", *arguments)
    assert result.code == 0
    assert "carol and you are paired" in result.out
    assert world.added == [" ".join(arguments)]


def test_add_asks_for_what_is_not_among_the_arguments(cli: "CommandLine", world: "World") -> None:
    result = cli("add", typed="e2echat:abcdef\n")
    assert "carol is added, and verified by the link" in result.out
    assert world.added == ["e2echat:abcdef"]
    assert cli("add", typed="\n").code == 2
    assert json.loads(cli("add", "x", "--json").out) == {
        "type": "paired",
        "peer": "carol",
        "by": "code",
        "verified": True,
    }


@pytest.mark.parametrize("error", [PairingError("no such code"), KeyChangedError("another key")])
def test_a_pairing_that_fails_ends_with_4(cli: "CommandLine", world: "World", error: Exception) -> None:
    world.failures["add"] = error
    assert cli("add", "4821-guitar-otter").code == 4
    assert "Traceback" not in cli("add", "4821-guitar-otter").err


def test_the_events_are_told_inside_a_conversation() -> None:
    assert notice(BY_CODE, "bob") == "bob and you are paired, and bob is verified."
    assert notice(BURNT, "bob") == "Somebody tried a wrong code."
    assert event_record(BY_LINK) == {"type": "paired", "peer": "bob", "by": "link", "verified": False}


def test_a_short_outage_is_waited_for_and_said_once() -> None:
    now, notes = [0.0], io.StringIO()
    out = Output(io.StringIO(), notes)
    attempts = iter([RelayUnreachableError("nobody answers"), RelayUnreachableError("still nobody"), None])

    def attempt() -> Paired:
        error = next(attempts)
        if error:
            raise error
        return BY_CODE

    def sleep(seconds: float) -> None:
        now[0] += seconds

    assert patiently(attempt, out, 10.0, clock=lambda: now[0], sleep=sleep) is BY_CODE
    assert notes.getvalue().count("nobody") == 1
    attempts = iter([RelayUnreachableError("nobody answers")] * 100)
    with pytest.raises(RelayUnreachableError):
        patiently(attempt, out, 10.0, clock=lambda: now[0], sleep=sleep)
    assert now[0] <= 12
