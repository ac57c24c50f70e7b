"""``edit``, ``delete``, ``react``, ``disappear``, ``search``, ``settings`` and ``keep``: what they ask of the account, and say."""

import json
from typing import TYPE_CHECKING

import pytest

from e2echat.client.events import MessageState, Quote, Reaction
from e2echat.client.settings import Settings
from e2echat.faces.exits import Exit

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World


def test_a_message_is_edited_reacted_to_and_deleted(cli: "CommandLine", world: "World") -> None:
    message = world.message("helo")
    for arguments in (("edit", message.id, "hello"), ("react", message.id, "+1")):
        assert cli(*arguments).code == Exit.DONE
    assert (world.messages[0].text, world.messages[0].reactions) == ("hello", [Reaction("alice", "+1")])
    assert cli("react", message.id).code == Exit.DONE
    assert world.messages[0].reactions == []
    assert json.loads(cli("delete", message.id, "--json").out) == {
        "type": "changed",
        "id": "c" * 32,
        "state": MessageState.DELIVERED.value,
    }
    assert world.messages[0].deleted


def test_what_the_relay_does_not_have_in_time_is_queued(cli: "CommandLine", world: "World") -> None:
    message = world.message("hi")
    world.up = False
    assert cli("delete", message.id).code == Exit.QUEUED


def test_a_message_that_is_not_there(cli: "CommandLine", world: "World") -> None:
    assert cli("edit", "0" * 32, "hello").code == Exit.USAGE


@pytest.mark.parametrize(
    ("lasting", "seconds"),
    [("30s", 30), ("10m", 600), ("8h", 28_800), ("7d", 604_800), ("4w", 2_419_200), ("off", 0)],
)
def test_messages_disappear_after_a_time(
    cli: "CommandLine", world: "World", lasting: str, seconds: int
) -> None:
    assert cli("disappear", "bob", lasting).code == Exit.DONE
    assert world.people["bob"].timer == seconds


@pytest.mark.parametrize("lasting", ["8", "h", "-1h", "1.5h", "8 h", "1y", "٣h", "1" * 30 + "s"])
def test_a_time_that_is_none(cli: "CommandLine", world: "World", lasting: str) -> None:
    assert cli("disappear", "bob", "--", lasting).code == Exit.USAGE
    assert world.people["bob"].timer == 0


def test_a_reply_says_to_what(cli: "CommandLine", world: "World") -> None:
    message = world.message("hi")
    cli("send", "--peer", "bob", "--reply-to", message.id, "yes")
    assert world.messages[1].reply_to == Quote(message.id, "bob", "hi")


def test_a_search_prints_what_it_found_and_what_is_around_it(cli: "CommandLine", world: "World") -> None:
    world.message("before\x1b[2J")
    world.message("the needle")
    (line,) = cli("search", "the", "needle").lines
    assert line.startswith("[bob] ")
    assert line.endswith("bob: the needle")
    first, second, _ = cli("search", "needle", "--context", "1").lines
    assert "before␛[2J" in first
    assert second.startswith("> [bob]")
    found = json.loads(cli("search", "needle", "--context", "1", "--json").out)
    assert (found["type"], found["text"], len(found["before"]), found["after"]) == (
        "found",
        "the needle",
        1,
        [],
    )
    assert cli("search", "nothing").lines == []


def test_what_is_deleted_or_unknown_is_said_to_be(cli: "CommandLine", world: "World") -> None:
    world.message("", deleted=True)
    world.message("", kind="unknown")
    world.message(
        "hi",
        reply_to=Quote("0" * 32, "bob", "how\x1b are you"),
        reactions=[Reaction("bob", "\x1b")],
        timer=60,
    )
    first, second, third = cli("receive").lines
    assert first.endswith("[deleted]")
    assert "does not know" in second
    assert "in reply to bob “how␛ are you”; disappears: 1 minute; bob: ␛" in third


def test_settings_are_shown_and_changed(cli: "CommandLine", world: "World") -> None:
    assert "on" in cli("settings").lines[0]
    cli(
        "settings", "--typing", "on", "--read-receipts", "off", "--keep-days", "30", "--keep-messages", "1000"
    )
    assert world.settings == Settings(read_receipts=False, typing=True, keep_days=30, keep_messages=1000)
    cli("settings", "--keep-days", "0")
    assert world.settings.keep_days == 0
    assert cli("settings").lines[2].endswith("kept the last 1000")
    assert json.loads(cli("settings", "--json").out)["typing"] is True


def test_messages_with_somebody_are_kept_for_a_time(cli: "CommandLine", world: "World") -> None:
    assert cli("keep", "bob", "--days", "7").lines == ["kept for 1 week"]
    assert (world.people["bob"].keep_days, world.people["bob"].keep_messages) == (7, None)
    assert cli("keep", "bob", "--days", "-1").code == Exit.USAGE
    assert cli("keep", "nobody").code == Exit.NO_SUCH_PEER
