import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import (
    Connected,
    Disconnected,
    Event,
    Gap,
    KeyChanged,
    MessageState,
    NewStranger,
    Problem,
    Restarted,
)
from e2echat.errors import (
    KeyChangedError,
    NoSuchPeerError,
    ProfileExistsError,
    RefusedError,
    RelayUnreachableError,
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


class TestInit:
    def test_makes_an_account_and_prints_the_fingerprint(self, cli: "CommandLine", world: "World") -> None:
        world.exists = False
        result = cli("init", "carol", "--relay", RELAY, "--no-passphrase")
        assert (result.code, world.name, world.passphrase) == (0, "carol", None)
        assert "carol" in result.out
        assert "00ff 00ff" in result.out
        assert "whoever can read" in result.err
        assert world.closed == 1

    def test_json(self, cli: "CommandLine") -> None:
        (made,) = objects(cli("init", "carol", "--relay", RELAY, "--no-passphrase", "--json").out)
        assert set(made) == {"type", "name", "address", "fingerprint", "home", "passphrase"}
        assert made["passphrase"] is False

    def test_asks_for_a_passphrase_twice(self, cli: "CommandLine", world: "World") -> None:
        cli.secrets = ["open sesame", "open sesame"]
        result = cli("init", "carol", "--relay", RELAY)
        assert (result.code, world.passphrase) == (0, "open sesame")
        assert "sesame" not in result.out + result.err

    @pytest.mark.parametrize("typed", [["one", "two"], ["", ""]])
    def test_makes_nothing_with_a_passphrase_that_differs_or_is_empty(
        self, cli: "CommandLine", world: "World", typed: list[str]
    ) -> None:
        world.exists = False
        cli.secrets = typed
        assert cli("init", "carol", "--relay", RELAY).code == 2
        assert not world.exists

    def test_without_a_way_to_ask_is_locked(self, cli: "CommandLine", world: "World") -> None:
        world.exists = False
        result = cli("init", "carol", "--relay", RELAY)
        assert result.code == 6
        assert "E2ECHAT_PASSPHRASE_FILE" in result.err
        assert not world.exists

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (RefusedError("taken"), 8),
            (RelayUnreachableError("nobody"), 5),
            (WrongRelayError("another"), 4),
            (ProfileExistsError(), 2),
        ],
    )
    def test_refusals(self, cli: "CommandLine", world: "World", error: Exception, code: int) -> None:
        world.failures["create"] = error
        result = cli("init", "carol", "--relay", RELAY, "--no-passphrase")
        assert (result.code, result.out) == (code, "")
        assert result.err.startswith("e2echat: ")

    def test_needs_a_relay(self, cli: "CommandLine") -> None:
        assert cli("init", "carol").code == 2


class TestSend:
    def test_ends_with_0_when_stored(self, cli: "CommandLine", world: "World") -> None:
        result = cli("send", "--peer", "bob", "good morning")
        assert (result.code, world.sent()) == (0, ["good morning"])
        assert result.lines == ["delivered: the other side has it"]

    @pytest.mark.parametrize(
        ("wanted", "reaches", "code"),
        [
            ("stored", MessageState.QUEUED, 3),
            ("stored", MessageState.STORED, 0),
            ("stored", MessageState.READ, 0),
            ("delivered", MessageState.STORED, 3),
            ("delivered", MessageState.DELIVERED, 0),
            ("read", MessageState.DELIVERED, 3),
            ("read", MessageState.READ, 0),
        ],
    )
    def test_code_says_whether_it_came_as_far_as_wanted(
        self, cli: "CommandLine", world: "World", wanted: str, reaches: MessageState, code: int
    ) -> None:
        world.reaches = reaches
        result = cli("send", "--peer", "bob", "hi", "--wait", wanted, "--json")
        assert result.code == code
        assert objects(result.out) == [
            {"type": "sent", "id": f"{1:032x}", "to": "bob", "state": reaches.value}
        ]

    @pytest.mark.parametrize("arguments", [("-",), ()])
    def test_reads_standard_input_exactly(
        self, cli: "CommandLine", world: "World", arguments: tuple[str, ...]
    ) -> None:
        assert cli("send", "--peer", "bob", *arguments, typed="a\n\n\x1b[1m  b\t\n").code == 0
        assert world.sent() == ["a\n\n\x1b[1m  b\t"]

    @pytest.mark.parametrize("typed", [b"", b"\n", b"\xff\xfe", b"a\0b", b"\xed\xa0\x80", b"x" * 300_000])
    def test_refuses_what_is_no_text(self, cli: "CommandLine", world: "World", typed: bytes) -> None:
        result = cli("send", "--peer", "bob", "-", typed=typed)
        assert (result.code, world.sent()) == (2, [])
        assert result.err

    @pytest.mark.parametrize("text", ["", "a\0b", "caf\udce9", "x" * 60_000])
    def test_refuses_such_an_argument_too(self, cli: "CommandLine", world: "World", text: str) -> None:
        assert cli("send", "--peer", "bob", text).code == 2
        assert world.sent() == []

    def test_on_a_terminal_wants_a_text(self, cli: "CommandLine") -> None:
        cli.by_hand = True
        assert cli("send", "--peer", "bob").code == 2

    def test_unknown_peer(self, cli: "CommandLine") -> None:
        result = cli("send", "--peer", "nobody", "hi")
        assert (result.code, result.out) == (7, "")

    def test_unknown_peer_while_the_relay_is_down(self, cli: "CommandLine", world: "World") -> None:
        world.up = False
        assert cli("send", "--peer", "nobody", "hi").code == 5

    def test_is_kept_while_the_relay_is_down(self, cli: "CommandLine", world: "World") -> None:
        world.up = False
        result = cli("send", "--peer", "bob", "hi")
        assert (result.code, world.sent()) == (3, ["hi"])
        assert "outbox" in result.err

    @pytest.mark.parametrize(
        ("where", "error", "code"),
        [
            ("send", KeyChangedError("changed"), 4),
            ("wait", WrongRelayError("another"), 4),
            ("wait", RefusedError("full"), 8),
        ],
    )
    def test_errors(
        self, cli: "CommandLine", world: "World", where: str, error: Exception, code: int
    ) -> None:
        world.failures[where] = error
        assert cli("send", "--peer", "bob", "hi").code == code
        assert world.closed == 1

    @pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e300", "soon", ""])
    def test_refuses_times_that_are_none(self, cli: "CommandLine", world: "World", seconds: str) -> None:
        assert cli("send", "--peer", "bob", "hi", "--timeout", seconds).code == 2
        assert world.sent() == []


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


class TestKeys:
    def test_own_fingerprint(self, cli: "CommandLine", world: "World") -> None:
        world.up = False
        assert cli("fingerprint").lines == [" ".join(["00ff"] * 16)]
        (own,) = objects(cli("fingerprint", "--json").out)
        assert (own["type"], own["name"]) == ("fingerprint", "alice")

    def test_safety_number_is_twelve_groups_of_five(self, cli: "CommandLine", number: str) -> None:
        (line,) = cli("fingerprint", "bob").lines
        assert [len(group) for group in line.split()] == [5] * 12
        assert line.replace(" ", "") == number
        (safety,) = objects(cli("fingerprint", "bob", "--json").out)
        assert safety["safety_number"] == line
        assert safety["verified"] is False

    def test_qr_is_drawn_beside_it(self, cli: "CommandLine") -> None:
        plain, drawn = cli("fingerprint", "bob"), cli("fingerprint", "bob", "--qr")
        assert drawn.out.startswith(plain.out)
        assert "█" in drawn.out
        assert "\x1b" not in drawn.out
        assert len(cli("fingerprint", "--qr", "--json").lines) == 1

    def test_fingerprint_of_nobody(self, cli: "CommandLine") -> None:
        assert cli("fingerprint", "nobody").code == 7

    @pytest.mark.parametrize("spaced", [True, False])
    def test_verify_takes_the_number_however_spaced(
        self, cli: "CommandLine", world: "World", number: str, spaced: bool
    ) -> None:
        groups = [number[i : i + 5] for i in range(0, 60, 5)]
        arguments = groups if spaced else [" ".join(groups)]
        result = cli("verify", "bob", *arguments, "--json")
        assert result.code == 0
        assert objects(result.out) == [{"type": "verified", "peer": "bob", "verified": True}]
        assert world.people["bob"].verified

    @pytest.mark.parametrize(("typed", "code"), [("1" * 60, 4), ("123", 2), ("abc", 2)])
    def test_verify_refuses_another_number(
        self, cli: "CommandLine", world: "World", typed: str, code: int
    ) -> None:
        assert cli("verify", "bob", typed).code == code
        assert not world.people["bob"].verified

    def test_verify_asks_on_a_terminal(self, cli: "CommandLine", world: "World", number: str) -> None:
        cli.by_hand = True
        assert cli("verify", "bob", typed="no\n").code == 4
        assert cli("verify", "bob", typed="\n").code == 4
        assert cli("verify", "bob", typed="").code == 130
        assert cli("verify", "bob", typed="1" * 60 + "\n").code == 4
        assert not world.people["bob"].verified
        result = cli("verify", "bob", typed="yes\n")
        assert result.code == 0
        assert "01234 56789" in result.err
        assert world.people["bob"].verified

    def test_verify_elsewhere_wants_the_number(self, cli: "CommandLine") -> None:
        assert cli("verify", "bob").code == 2

    def test_accept(self, cli: "CommandLine", world: "World", person: Callable[..., Any]) -> None:
        world.people["eve"] = person("eve", standing="stranger")
        result = cli("accept", "eve", "--json")
        assert (result.code, objects(result.out)) == (0, [{"type": "accepted", "peer": "eve"}])
        assert world.people["eve"].standing == "contact"
        assert cli("accept", "nobody").code == 7

    def test_block(self, cli: "CommandLine", world: "World", person: Callable[..., Any]) -> None:
        world.people["eve"] = person("eve")
        result = cli("block", "eve", "--json")
        assert (result.code, objects(result.out)) == (0, [{"type": "blocked", "peer": "eve"}])
        assert world.people["eve"].standing == "blocked"
        assert cli("block", "nobody").code == 7


class TestPeople:
    def test_contacts(self, cli: "CommandLine", world: "World", person: Callable[..., Any]) -> None:
        world.up = False
        world.people["carol"] = person("carol", verified=True, key_changed=True, unread=3)
        bob, carol = cli("contacts").lines
        assert "not verified" in bob
        assert "verified, key changed, sending is held, 3 unread" in carol
        first, second = objects(cli("contacts", "--json").out)
        assert set(first) == {
            "type",
            "name",
            "address",
            "verified",
            "fingerprint",
            "standing",
            "key_changed",
            "unread",
            "last_at",
            "timer",
            "verified_by",
            "keep_days",
            "keep_messages",
        }
        assert (second["name"], second["verified"], second["last_at"]) == ("carol", True, None)

    def test_no_contacts(self, cli: "CommandLine", world: "World") -> None:
        world.people.clear()
        result = cli("contacts")
        assert (result.code, result.out) == (0, "")
        assert result.err

    def test_history_is_in_order_and_says_what_became_of_it(self, cli: "CommandLine", world: "World") -> None:
        world.message("one")
        cli("send", "--peer", "bob", "two")
        first, second = cli("history", "bob").lines
        assert first.endswith("bob: one")
        assert second.endswith("alice (queued): two")
        sent = objects(cli("history", "bob", "--json").out)[1]
        assert (sent["direction"], sent["state"], sent["received_at"]) == ("out", "queued", None)
        assert (sent["from"], sent["to"]) == ("alice", "bob")
        assert world.shown == []

    def test_history_searched_and_limited(self, cli: "CommandLine", world: "World") -> None:
        for text in ("a one", "b", "a two"):
            world.message(text)
        assert len(cli("history", "bob", "--search", "a ").lines) == 2
        assert cli("history", "bob", "--limit", "1").lines[0].endswith("a two")
        assert cli("history", "bob", "--limit", "0").code == 2
        assert cli("history", "bob", "--search", "\udc80").code == 2
        assert cli("history", "nobody").code == 7

    def test_move(self, cli: "CommandLine", world: "World") -> None:
        world.told = 3
        result = cli("move", RELAY)
        assert RELAY in result.out
        assert "3" in result.err
        elsewhere = RELAY.replace("7443", "7444")
        (moved,) = objects(cli("move", elsewhere, "--json").out)
        assert moved == {"type": "moved", "address": elsewhere, "own": False, "contacts": 3}

    def test_move_to_another_relay_ends_with_4(self, cli: "CommandLine", world: "World") -> None:
        world.failures["move"] = WrongRelayError("another PIN")
        assert cli("move", RELAY).code == 4

    def test_proxy(self, cli: "CommandLine", world: "World") -> None:
        assert "socks5h://localhost:9050" in cli("proxy", "socks5h://localhost:9050").out
        assert "socks5h://localhost:9050" in cli("status").out
        assert objects(cli("proxy", "none", "--json").out) == [{"type": "proxy", "proxy": None}]

    def test_the_environments_proxy_is_used_by_every_command(
        self, cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("E2ECHAT_PROXY", "socks5h://localhost:9050")
        (now,) = objects(cli("status", "--json").out)
        assert now["proxy"] == "socks5h://localhost:9050"

    @pytest.mark.parametrize("way", ["option", "environment"])
    def test_init_through_a_proxy(
        self, cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        world.exists = False
        chosen = ("--proxy", "socks5h://localhost:9050") if way == "option" else ()
        other = "socks5h://localhost:1080" if way == "option" else "socks5h://localhost:9050"
        monkeypatch.setenv("E2ECHAT_PROXY", other)
        assert cli("init", "alice", "--relay", RELAY, "--no-passphrase", *chosen).code == 0
        assert world.proxy == "socks5h://localhost:9050"

    def test_status(self, cli: "CommandLine", world: "World") -> None:
        assert "connected" in cli("status").out
        world.up = False
        result = cli("status")
        assert result.code == 0
        assert "not connected (nobody answers)" in result.out
        (now,) = objects(cli("status", "--json").out)
        assert (now["connected"], now["one_time_prekeys"], now["problem"]) == (False, None, "nobody answers")
        assert now["home"] == str(cli.home)

    def test_status_of_a_wrong_relay_is_told_and_fails(self, cli: "CommandLine", world: "World") -> None:
        world.failures["catch_up"] = WrongRelayError("another")
        result = cli("status")
        assert result.code == 4
        assert "account" in result.out


def test_no_profile(cli: "CommandLine", world: "World") -> None:
    world.exists = False
    for arguments in (("status",), ("send", "--peer", "bob", "hi"), ("receive",), ("contacts",), ("talk",)):
        result = cli(*arguments)
        assert (result.code, result.out) == (2, "")
        assert "init" in result.err


def test_names_in_errors_are_inert(cli: "CommandLine", world: "World") -> None:
    world.failures["send"] = NoSuchPeerError("b\x1b]0;x\x07ob is unknown")
    result = cli("send", "--peer", "bob", "hi")
    assert result.err.startswith("e2echat: b␛]0;x␇ob is unknown\n")
