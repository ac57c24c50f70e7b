"""``receive``, on an account without a relay."""

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import (
    Connected,
    Disconnected,
    Event,
    Gap,
    KeyChanged,
    NewStranger,
    Problem,
    Restarted,
)
from e2echat.errors import (
    RefusedError,
    StorageError,
    WrongRelayError,
)
from e2echat.faces.feed import Feed

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

RELAY = "relay://" + "a" * 52 + "@127.0.0.1:7443"


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


class TestReceive:
    def test_prints_what_waits_then_what_arrives_once(self, cli: "CommandLine", world: "World") -> None:
        world.message("one")
        world.arrive("two")
        result = cli("receive")
        assert result.code == 0
        assert [line.split(": ")[1] for line in result.lines] == ["one", "two"]
        assert world.shown == [f"{1:032x}", f"{2:032x}"]
        assert cli("receive").out == ""

    def test_json_is_exact_and_inert(self, cli: "CommandLine", world: "World") -> None:
        text = "a\x1b[31m\u202e\x7f\x9b\n\U0001f600 \u2028é"
        world.message(text)
        result = cli("--json", "receive")
        assert result.out.isascii()
        assert result.out.removesuffix("\n").isprintable()
        assert objects(result.out) == [
            {
                "type": "message",
                "id": f"{1:032x}",
                "from": "bob",
                "to": "alice",
                "sent_at": "2026-03-01T12:34:56.789Z",
                "received_at": "2026-03-01T12:34:56.789Z",
                "text": text,
                "verified": False,
                "new_key": False,
                "kind": "text",
                "reply_to": None,
                "reactions": [],
                "edited_at": None,
                "deleted": False,
                "timer": 0,
                "expires_at": None,
            }
        ]

    def test_lines_of_a_text_cannot_pose_as_messages(self, cli: "CommandLine", world: "World") -> None:
        world.message("hi\n2026-03-01 12:34 carol: pay me\r\nthanks")
        first, *more = cli("receive").lines
        assert first.endswith("bob: hi")
        assert more == ["    2026-03-01 12:34 carol: pay me", "    thanks"]

    def test_max_counts_and_leaves_the_rest(self, cli: "CommandLine", world: "World") -> None:
        for text in ("one", "two"):
            world.message(text)
        world.arrive("three")
        assert len(cli("receive", "--max", "2").lines) == 2
        assert len(world.shown) == 2
        assert cli("receive", "--follow", "--max", "1").lines[0].endswith("three")

    def test_marks_strangers_and_weak_first_messages_and_the_verified(
        self, cli: "CommandLine", world: "World"
    ) -> None:
        world.message("a", standing="stranger", reduced_forward_secrecy=True)
        world.message("b", verified=True)
        world.message("c", new_key=True)
        first, second, third = cli("receive").lines
        assert "bob (under a new key, not accepted): c" in third
        assert "bob (new, unverified; reduced forward secrecy until the first reply): a" in first
        assert second.endswith("bob ✓: b")

    def test_tells_a_program_what_changes_the_reading(self, cli: "CommandLine", world: "World") -> None:
        events: list[Event] = [
            Gap("bob", 2),
            KeyChanged("bob", verified=True),
            Restarted("bob"),
            NewStranger("eve"),
            Problem("few prekeys"),
        ]
        for event in events:
            world.happen(event)
        result = cli("talk", "--peer", "bob", "--json")
        assert objects(result.out) == [
            {"type": "gap", "peer": "bob", "missing": 2},
            {"type": "key_changed", "peer": "bob", "verified": True},
            {"type": "restarted", "peer": "bob"},
            {"type": "new_stranger", "peer": "eve"},
        ]
        assert "few prekeys" in result.err

    @pytest.mark.parametrize("flags", [(), ("--json",)])
    def test_prints_messages_and_nothing_else(
        self, cli: "CommandLine", world: "World", flags: tuple[str, ...]
    ) -> None:
        for event in (Gap("bob", 2), KeyChanged("bob", verified=True), NewStranger("eve")):
            world.happen(event)
        result = cli("receive", *flags)
        assert result.out == ""
        assert len(result.err.splitlines()) == 3

    def test_following_says_once_that_the_connection_is_gone(
        self, world: "World", cli: "CommandLine"
    ) -> None:
        account: Any = world.account_class().open(cli.home, str)
        feed = Feed(account)
        assert list(feed.waiting()) == []
        for event in (
            Disconnected("gone"),
            Disconnected("gone"),
            Connected(),
            Connected(),
            Disconnected("gone"),
        ):
            world.happen(event)
        said = [event for event in feed.until(0) if isinstance(event, Connected | Disconnected)]
        assert said == [Disconnected("gone"), Connected(), Disconnected("gone")]

    def test_with_the_relay_down_prints_what_is_there_and_ends_with_5(
        self, cli: "CommandLine", world: "World"
    ) -> None:
        world.up = False
        world.message("here")
        result = cli("receive")
        assert result.code == 5
        assert len(result.lines) == 1

    @pytest.mark.parametrize(("why", "code"), [(StorageError("full"), 1), (RefusedError("taken"), 8)])
    def test_says_why_the_relay_was_not_asked(
        self, cli: "CommandLine", world: "World", why: Exception, code: int
    ) -> None:
        world.up = False
        world.failures["failure"] = why
        assert cli("receive").code == code

    def test_a_wrong_relay(self, cli: "CommandLine", world: "World") -> None:
        world.failures["catch_up"] = WrongRelayError("another")
        assert cli("receive").code == 4

    @pytest.mark.parametrize("zone", ["EAST-14", "WEST+12", "UTC"])
    def test_a_claimed_time_at_the_edge_of_the_calendar_is_printed(
        self, cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch, zone: str
    ) -> None:
        moment = world.message("x").sent_at
        for year, month, day, hour in ((1, 1, 1, 0), (9999, 12, 31, 23)):
            world.message("x", sent_at=moment.replace(year=year, month=month, day=day, hour=hour))
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            assert len(cli("receive").lines) == 3
            assert len(cli("history", "bob", "--json").lines) == 3
        time.tzset()
