"""``fingerprint``, ``verify``, ``accept``, ``block``, ``contacts`` and ``history``, on an account without a relay."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.faces.wording import contact_words

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

RELAY = "relay://" + "a" * 52 + "@127.0.0.1:7443"


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    ("verified", "key_changed", "how", "words"),
    [
        (True, False, "number", "verified"),
        (True, False, "code", "verified (by code)"),
        (True, False, "link", "verified (by link)"),
        (False, False, None, "not verified"),
        (False, False, "link", "not verified (joined by your link)"),
        (False, False, "code", "not verified (paired; the relay has not said yet that the name is theirs)"),
        (False, True, "link", "not verified"),
        (False, True, "code", "not verified"),
    ],
)
def test_what_is_said_of_how_sure_somebody_is(
    world: "World", verified: bool, key_changed: bool, how: str | None, words: str
) -> None:
    contact = replace(world.people["bob"], verified=verified, key_changed=key_changed, verified_by=how)
    assert contact_words(contact)[0] == words


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

    def test_history_shows_the_ids_that_others_take(self, cli: "CommandLine", world: "World") -> None:
        message = world.message("one")
        assert cli("history", "bob", "--ids").lines[0].startswith(f"{message.id} ")
        assert message.id not in cli("history", "bob").out

    def test_history_searched_and_limited(self, cli: "CommandLine", world: "World") -> None:
        for text in ("a one", "b", "a two"):
            world.message(text)
        assert len(cli("history", "bob", "--search", "a ").lines) == 2
        assert cli("history", "bob", "--limit", "1").lines[0].endswith("a two")
        assert cli("history", "bob", "--limit", "0").code == 2
        assert cli("history", "bob", "--search", "\udc80").code == 2
        assert cli("history", "nobody").code == 7
