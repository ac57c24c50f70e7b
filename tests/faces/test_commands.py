"""``init``, ``send``, ``status``, ``move`` and ``proxy``, and what holds for every command; on an account without a relay."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import (
    MessageState,
)
from e2echat.errors import (
    KeyChangedError,
    NoSuchPeerError,
    ProfileExistsError,
    RefusedError,
    RelayUnreachableError,
    WrongRelayError,
)

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

    @pytest.mark.parametrize(
        ("wanted", "reaches", "wrote", "said"),
        [
            ("stored", MessageState.QUEUED, True, "kept in the outbox"),
            ("delivered", MessageState.STORED, False, "only after accepting you"),
            ("delivered", MessageState.STORED, True, "until the other side connects"),
            ("read", MessageState.DELIVERED, False, "does not tell what it has read"),
        ],
    )
    def test_what_comes_next_is_said(
        self,
        cli: "CommandLine",
        world: "World",
        *,
        wanted: str,
        reaches: MessageState,
        wrote: bool,
        said: str,
    ) -> None:
        world.reaches = reaches
        if wrote:
            world.message("hello")
        assert said in cli("send", "--peer", "bob", "hi", "--wait", wanted).err

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


class TestAccount:
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

    def test_status_of_a_copied_profile(self, cli: "CommandLine", world: "World") -> None:
        (now,) = objects(cli("status", "--json").out)
        assert now["renewed"] is None
        assert "is a copy" not in cli("status").out
        world.renewed = datetime(2026, 3, 1, 12, 34, 56, 789000, tzinfo=UTC)
        (now,) = objects(cli("status", "--json").out)
        assert now["renewed"] == "2026-03-01T12:34:56.789Z"
        assert "this profile is a copy, or was brought back from an older state" in cli("status").out

    @pytest.mark.parametrize("by_hand", [False, True])
    def test_a_profile_of_an_earlier_version_is_said_to_take_time(
        self, cli: "CommandLine", world: "World", by_hand: bool
    ) -> None:
        cli.by_hand, world.is_old = by_hand, True
        result = cli("contacts", "--json")
        assert "history is being brought up to date" in result.err
        assert len(objects(result.out)) == len(world.people)
        world.is_old = False
        assert cli("contacts").err == ""

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
