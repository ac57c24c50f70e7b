"""``talk`` as two people use it: keys, commands and what the other side sees of them, on real terminals."""

from collections.abc import Callable
from pathlib import Path

import pytest

from e2echat.client.account import Account
from e2echat.client.events import MessageState
from e2echat.client.settings import Settings
from tests.e2e.processes import PATIENCE, RelayProcess, Someone, Terminal

Pair = tuple[Terminal, Terminal]


@pytest.fixture
def pair(relay: RelayProcess, people: Callable[..., Someone]) -> Pair:
    """Alice and Bob, contacts, each at a terminal in the conversation with the other."""
    alice, bob = (people(name, relay.address) for name in ("alice", "bob"))
    # In this process, which is several times faster than commands.
    with (
        Account.create(alice.profile, "alice", relay.address, None) as other,
        Account.create(bob.profile, "bob", relay.address, None) as account,
    ):
        other.change_settings(Settings(typing=True))
        account.wait(account.send("alice", "hello"), MessageState.STORED, PATIENCE)
    at_alice = alice.terminal("talk", "--peer", "bob")
    at_bob = bob.terminal("talk", "--peer", "alice")
    for terminal in (at_alice, at_bob):
        terminal.wait_for("connected", "hello")
    return at_alice, at_bob


def leave(*terminals: Terminal) -> None:
    for terminal in terminals:
        terminal.type("/quit\r")
        assert terminal.end() == 0


def test_several_lines_are_one_message(pair: Pair) -> None:
    at_alice, at_bob = pair
    at_alice.type("first\x1b\rsecond\nthird")
    at_alice.wait_for("> first", "  second", "  third")
    at_alice.type("\r")
    at_bob.wait_for("alice: first", "    second", "    third")
    at_alice.type("\x1b[200~//pasted\r\n  lines\rare one\x1b[201~")
    at_alice.wait_for("> //pasted", "    lines", "  are one")
    at_alice.type("\r")
    at_bob.wait_for("alice: /pasted", "      lines", "    are one")
    leave(*pair)


def test_what_was_typed_comes_back_with_up_and_ctrl_r_and_is_on_no_disk(pair: Pair, tmp_path: Path) -> None:
    at_alice, at_bob = pair
    for text in ("apples", "pears", "plums"):
        at_alice.type(f"{text}\r")
        at_bob.wait_for(f"alice: {text}")
    at_alice.type("\x1b[A\x1b[A!")
    at_alice.wait_for("> pears!")
    at_alice.type("\r")
    at_bob.wait_for("alice: pears!")
    at_alice.type("\x12app")
    at_alice.wait_for("(reverse-i-search)`app': apples")
    at_alice.type("\r\r")
    at_bob.wait_for("alice: apples")
    leave(*pair)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 3
    assert not any(b"apples" in data or b"pears!" in data for data in kept)


def test_tab_completes_commands_and_slips_are_not_sent(pair: Pair) -> None:
    at_alice, at_bob = pair
    at_alice.type("/re\t")
    at_alice.wait_for("/reply", "/react")
    at_alice.type("p\thi there\r")
    at_bob.wait_for("alice (in reply to [1] “hello”): hi there")
    for slip, answer in (("/quti", "Did you mean /quit?"), (" /quit", "A command has no space before it")):
        at_alice.type(f"{slip}\r")
        at_alice.wait_for(f"not sent: {slip}", answer)
    at_alice.type("//quti\r")
    at_bob.wait_for("alice: /quti")
    assert not any("alice: /quit" in line for line in at_bob.lines())
    leave(*pair)


def test_changes_are_said_of_numbers_on_both_sides(pair: Pair) -> None:
    at_alice, at_bob = pair
    at_alice.type("helo\r")
    at_bob.wait_for("[2]", "alice: helo")
    at_bob.type("half a line")
    at_alice.type("/edit\r")
    at_alice.wait_for("> /edit 2 helo")
    at_alice.type("\x7flo world\r")
    for terminal in pair:
        terminal.wait_for("alice (edited; before: “helo”): hello world")
    at_alice.type("/react 1 👍\r")
    for terminal in pair:
        terminal.wait_for("alice reacted 👍 to [1] “hello”")
    at_alice.type("/delete last\r")
    for terminal in pair:
        terminal.wait_for("alice deleted [2].")
    at_alice.type("/disappear 10m\r")
    for terminal in pair:
        terminal.wait_for("disappear 10 minutes after they were read")
    at_bob.wait_for("> half a line")
    at_bob.type("\x15/search hel\r")
    at_bob.wait_for("1 found for “hel”")
    leave(*pair)


def test_typing_is_in_the_status_line(pair: Pair) -> None:
    at_alice, at_bob = pair
    at_alice.type("hi\r")
    at_bob.wait_for("alice: hi")
    at_bob.type("hi\r")
    at_alice.wait_for("bob: hi")
    at_alice.type("a long though")
    at_bob.wait_for("alice | not verified | connected | alice is typing")
    at_alice.type("\x15")
    at_bob.wait_for("alice | not verified | connected | [3] read")
    leave(*pair)


def test_what_is_being_typed_is_not_lost_when_leaving(pair: Pair) -> None:
    at_alice, at_bob = pair
    at_alice.type("too late for th\x03")
    assert at_alice.end() == 130
    assert any("not sent: too late for th" in line for line in at_alice.lines())
    leave(at_bob)


def test_a_card_says_what_protected_a_message(pair: Pair) -> None:
    at_alice, at_bob = pair
    at_alice.type("hi\r")
    at_bob.wait_for("alice: hi")
    at_alice.type("/why 1\r")
    at_alice.wait_for("key           not verified", "came", "ML-KEM at the session's start", "4608 bytes")
    at_alice.wait_for("[2] read")
    at_alice.type("/why\r")
    at_alice.wait_for("ratchet       chain 1", "delivered     ", "known to be   read")
    leave(*pair)


def test_the_mark_appears_wherever_the_profile_is_open(
    pair: Pair, relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    at_alice, at_bob = pair
    alice, bob = (people(name, relay.address) for name in ("alice", "bob"))
    beside = alice.terminal("talk", "--peer", "bob")
    beside.wait_for("bob | not verified | connected")
    (known,) = bob.json("fingerprint", "alice")
    number = str(known["safety_number"])
    at_alice.type("/verify\r")
    at_alice.wait_for(number[:23], "▄▄▄▄▄")
    at_alice.type(f"/verify {number[:-1]}{(int(number[-1]) + 1) % 10}\r")
    at_alice.wait_for("number 12 is another one")
    at_alice.type(f"/verify {known['fingerprint']}\r")
    at_alice.wait_for("that is your own fingerprint")
    assert [contact["verified"] for contact in alice.json("contacts")] == [False]
    at_alice.type(f"/verify {number}\r")
    for terminal in (at_alice, beside):
        terminal.wait_for("-- bob is verified.", "bob | verified | connected")
    assert [contact["verified"] for contact in alice.json("contacts")] == [True]
    assert bob.run("verify", "alice", number).returncode == 0
    at_bob.wait_for("-- alice is verified.", "alice | verified | connected")
    leave(at_alice, at_bob, beside)


def test_the_conversations_are_offered(relay: RelayProcess, people: Callable[..., Someone]) -> None:
    alice, bob, carol = (people(name, relay.address) for name in ("alice", "bob", "carol"))
    with (
        Account.create(alice.profile, "alice", relay.address, None) as account,
        Account.create(bob.profile, "bob", relay.address, None),
        Account.create(carol.profile, "carol", relay.address, None) as friend,
    ):
        account.wait(account.send("bob", "to bob"), MessageState.STORED, PATIENCE)
        account.wait(account.send("carol", "to carol"), MessageState.STORED, PATIENCE)
        friend.wait(friend.send("alice", "unread"), MessageState.DELIVERED, PATIENCE)
    terminal = alice.terminal("talk")
    terminal.wait_for("1  carol  1 unread", "2  bob", "With whom?")
    terminal.type("1\r")
    terminal.wait_for("-- 1 new message --", "carol: unread", "carol | not verified | connected")
    leave(terminal)
