import asyncio
import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import (
    Connected,
    Disconnected,
    Message,
    MessageState,
    Missed,
    NewStranger,
    StateChanged,
)
from e2echat.errors import KeyChangedError, RefusedError, StorageError
from e2echat.faces.feed import Feed
from e2echat.faces.output import Output
from e2echat.faces.talking.conversation import Conversation
from e2echat.faces.talking.screen import AbovePrompt

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine, Process, Terminal
    from tests.faces.fake_account import World

Start = Callable[..., "Terminal"]


class TestThroughAPipe:
    def test_sends_each_line_exactly_and_ends_when_delivered(
        self, cli: "CommandLine", world: "World"
    ) -> None:
        result = cli("talk", "--peer", "bob", typed="one\n\n/quit\r\n  three")
        assert (result.code, result.out) == (0, "")
        assert world.sent() == ["one", "/quit", "  three"]

    def test_prints_what_waits_and_what_arrives_of_this_peer(
        self, cli: "CommandLine", world: "World"
    ) -> None:
        world.message("waiting")
        world.message("of carol", "carol")
        world.arrive("arriving")
        world.arrive("of carol too", "carol")
        result = cli("talk", "--peer", "bob")
        assert [line.split(": ")[1] for line in result.lines] == ["waiting", "arriving"]
        assert len(world.shown) == 2

    def test_json(self, cli: "CommandLine", world: "World") -> None:
        cli.by_hand = True
        world.arrive("hi")
        (line,) = cli("talk", "--peer", "bob", "--json", typed="yo\n").lines
        assert json.loads(line)["text"] == "hi"
        assert world.sent() == ["yo"]

    def test_not_delivered_in_time(self, cli: "CommandLine", world: "World") -> None:
        world.reaches = MessageState.STORED
        result = cli("talk", "--peer", "bob", "--timeout", "0", typed="one\ntwo\n")
        assert result.code == 3
        assert "2 of 2" in result.err

    @pytest.mark.parametrize("typed", [b"ok\n\xff\n", b"ok\na\0b\n", b"ok\n" + b"x" * 300_000])
    def test_stops_at_a_line_that_is_no_text(self, cli: "CommandLine", world: "World", typed: bytes) -> None:
        assert cli("talk", "--peer", "bob", typed=typed).code == 2
        assert world.sent() == ["ok"]
        assert world.closed == 1

    @pytest.mark.parametrize(
        ("where", "error", "code"),
        [
            ("send", KeyChangedError("changed"), 4),
            ("wait", RefusedError("full"), 8),
            ("mark_shown", StorageError("full"), 1),
            ("next_event", StorageError("full"), 1),
        ],
    )
    def test_errors_end_it(
        self, cli: "CommandLine", world: "World", where: str, error: Exception, code: int
    ) -> None:
        world.arrive("hi")
        world.failures[where] = error
        assert cli("talk", "--peer", "bob", typed="one\n").code == code
        assert world.closed == 1

    def test_chooses_the_only_contact(
        self, cli: "CommandLine", world: "World", person: Callable[..., Any]
    ) -> None:
        world.people["eve"] = person("eve", standing="stranger")
        assert cli("talk", typed="hi\n").code == 0
        world.people["carol"] = person("carol")
        assert cli("talk", typed="hi\n").code == 2
        assert len(world.sent()) == 1

    def test_unknown_peer(self, cli: "CommandLine") -> None:
        assert cli("talk", "--peer", "nobody", typed="hi\n").code == 7


class TestPlainly:
    """On a terminal that is no screen: what a person types comes line by line."""

    @pytest.fixture
    def talk(self, cli: "CommandLine") -> Callable[..., Any]:
        cli.by_hand = True
        return lambda *lines: cli("talk", "--peer", "bob", typed="\n".join(lines))

    def test_sends_obeys_and_leaves(self, talk: Callable[..., Any], world: "World") -> None:
        result = talk("hi", "", "//etc", "/help", "/nonsense", "/status", "/quit", "never")
        assert result.code == 0
        assert world.sent() == ["hi", "/etc"]
        assert "/verify NUMBER" in result.err
        assert "no /nonsense" in result.err
        assert "one-time prekeys" in result.err

    def test_says_what_happens_beside(self, talk: Callable[..., Any], world: "World") -> None:
        for event in (
            Disconnected("gone"),
            Disconnected("gone"),
            Connected(),
            NewStranger("bob"),
            NewStranger("eve"),
        ):
            world.happen(event)
        lines = [line for line in talk().err.splitlines() if "not verified" not in line]
        assert len(lines) == 4
        assert "/accept" in lines[2]
        assert "e2echat accept eve" in lines[3]

    def test_shows_where_the_conversation_stood(self, talk: Callable[..., Any], world: "World") -> None:
        world.shown.append(world.message("said before").id)
        world.message("waits")
        result = talk()
        assert [line.split(": ")[1] for line in result.lines] == ["said before", "waits"]
        assert "not verified" in result.err

    def test_begins_with_somebody_nobody_has_written_to(self, cli: "CommandLine", world: "World") -> None:
        cli.by_hand = True
        assert cli("talk", "--peer", "frank", typed="hello\n").code == 0
        assert world.sent() == ["hello"]

    def test_verifies(self, talk: Callable[..., Any], world: "World", number: str) -> None:
        assert "01234 56789" in talk("/verify").err
        assert talk("/verify 123", "/verify " + "1" * 60).code == 0
        assert [contact.verified for contact in world.people.values()] == [False]
        talk("/verify " + " ".join(number))
        assert [contact.verified for contact in world.people.values()] == [True]
        assert "not verified" not in talk().err

    def test_accepts(self, talk: Callable[..., Any], world: "World", person: Callable[..., Any]) -> None:
        world.people["bob"] = person("bob", standing="stranger")
        talk("/accept")
        assert [contact.standing for contact in world.people.values()] == ["contact"]

    def test_blocks_and_leaves(self, talk: Callable[..., Any], world: "World") -> None:
        result = talk("/block", "never")
        assert result.code == 0
        assert [contact.standing for contact in world.people.values()] == ["blocked"]
        assert world.sent() == []

    def test_a_text_that_cannot_be_sent_is_given_back(self, talk: Callable[..., Any], world: "World") -> None:
        world.failures["send"] = StorageError("the disk is full")
        result = talk("precious words", "/status")
        assert result.code == 0
        assert "not sent: precious words" in result.out
        assert "the disk is full" in result.err

    def test_a_held_text_is_not_called_unsent(self, talk: Callable[..., Any], world: "World") -> None:
        world.failures["send"] = KeyChangedError("held", "00")
        result = talk("hi")
        assert "held" in result.err
        assert "not sent" not in result.out

    def test_junk_is_said_and_typing_goes_on(self, cli: "CommandLine", world: "World") -> None:
        cli.by_hand = True
        assert cli("talk", "--peer", "bob", typed=b"\xff\na\0b\nfine\n").code == 0
        assert world.sent() == ["fine"]


def test_asks_with_whom(cli: "CommandLine", world: "World", person: Callable[..., Any]) -> None:
    world.people["carol"] = person("carol")
    cli.by_hand = True
    assert cli("talk", typed="\ncarol\nhello\n").code == 0
    assert [message.peer for message in world.messages] == ["carol"]


def test_messages_whose_events_were_pushed_out_are_shown(world: "World") -> None:
    account: Any = world.account_class().open(Path(), str)
    feed = Feed(account)
    assert list(feed.waiting()) == []
    for text in ("one", "two", "three"):
        world.arrive(text)
    # Two for signing in, then one for each message.
    del world.events[3]
    seen = []
    for event in feed.until(0):
        if isinstance(event, Message):
            seen.append(event.text)
            account.mark_shown(event.number)
    assert sorted(seen) == ["one", "three", "two"]


def test_a_message_is_shown_once_however_it_is_learnt_of(world: "World") -> None:
    account: Any = world.account_class().open(Path(), str)
    out = io.StringIO()
    conversation = Conversation(account, "bob", Output(out, out))
    world.arrive("both waiting and announced")
    conversation.begin()
    over = threading.Event()
    over.set()
    conversation.follow(over)
    assert out.getvalue().count("announced") == 1


def test_a_write_above_the_prompt_returns_when_it_is_out() -> None:
    class Terminal:
        held = ""
        out = ""

        def write(self, data: str, /) -> None:
            self.held += data

        def flush(self) -> None:
            self.out += self.held

    terminal = Terminal()

    async def talk() -> None:
        above = AbovePrompt(terminal, asyncio.get_running_loop())
        await asyncio.to_thread(above.write, "a line without end")
        assert terminal.out == "a line without end"

    asyncio.run(talk())


class TestOnAScreen:
    """A real process on a real pseudo-terminal."""

    def test_an_arriving_message_leaves_the_line_being_typed_intact(
        self, terminal: Start, process: "Process"
    ) -> None:
        os.mkfifo(process.arrivals)
        screen = terminal("talk", "--peer", "bob", E2ECHAT_TEST_ARRIVALS=str(process.arrivals))
        with process.arrivals.open("w", buffering=1) as arrivals:
            screen.shows("connected")
            screen.type("half a sen")
            screen.shows("> half a sen")
            arrivals.write("ping\x1b[2J\n")
            shown = screen.until(lambda text: "bob: ping␛[2J" in text and "> half a sen" in text)
            assert shown.index("bob: ping") < shown.index("> half a sen")
            screen.type("tence\r")
            shown = screen.until(lambda text: "alice: half a sentence" in text and "half a sen\n" not in text)
            assert shown.index("bob: ping") < shown.index("alice: half")
            screen.type("\x04")
            assert screen.ends() == 0
        assert screen.text().count("half a sentence") == 1
        assert process.log.read_text().splitlines() == ["sent half a sentence", f"{1:032x}"]

    def test_what_was_said_stays_in_the_scrollback(self, terminal: Start, process: "Process") -> None:
        screen = terminal("talk", "--peer", "bob", E2ECHAT_TEST_WAITING="waiting one\nwaiting two")
        screen.until(lambda text: "waiting one" in text and "waiting two" in text and "connected" in text)
        screen.type("/verify\r")
        screen.shows("01234 56789")
        screen.type("/quit\r")
        assert screen.ends() == 0
        assert "waiting one" in screen.text()
        assert "\x1b[?1049h" not in screen.raw

    def test_the_toolbar_says_how_things_stand(self, terminal: Start, process: "Process") -> None:
        os.mkfifo(process.arrivals)
        screen = terminal("talk", "--peer", "bob", E2ECHAT_TEST_ARRIVALS=str(process.arrivals))
        with process.arrivals.open("w", buffering=1) as arrivals:
            screen.shows("bob | not verified | connected | /help")
            arrivals.write("carol:not for here\n")
            screen.shows("1 unread from carol")
            screen.type("hi\r")
            screen.shows("1 on the way")
            assert "not for here" not in screen.text()
            screen.type("/quit\r")
            assert screen.ends() == 0

    def test_the_status_line_is_right_below_what_is_typed(self, terminal: Start) -> None:
        screen = terminal("talk", "--peer", "bob")
        screen.shows("connected")
        screen.type("\x0cabc")
        lines = screen.until(lambda text: text.startswith("> abc") and "connected" in text).splitlines()
        assert [line[:6] for line in lines] == ["> abc", " bob |"]
        screen.type("\x15\x04")
        assert screen.ends() == 0

    def test_what_there_is_to_complete_is_listed_once(self, terminal: Start) -> None:
        screen = terminal("talk", "--peer", "bob")
        screen.shows("connected")
        screen.type("/re\t\t\t")
        screen.type("pl\x08\x08\t\t\x15hi\r")
        screen.until(lambda text: "alice: hi" in text and text.count("/reply  /react") == 2)
        screen.type("\x04")
        assert screen.ends() == 0
        assert screen.text().count("/reply  /react") == 2

    @pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 0)])
    def test_leaving_by_key(self, terminal: Start, key: str, code: int) -> None:
        screen = terminal("talk", "--peer", "bob")
        screen.shows("connected")
        screen.type(key)
        assert screen.ends() == code
        assert "Traceback" not in screen.raw

    def test_a_paste_of_several_lines_is_one_message(self, terminal: Start, process: "Process") -> None:
        screen = terminal("talk", "--peer", "bob")
        screen.shows("connected")
        screen.type("\x1b[200~one\ntwo\x1b[201~")
        screen.shows("two")
        screen.type("\r")
        screen.shows("alice: one")
        screen.type("\x04")
        assert screen.ends() == 0
        assert process.log.read_text() == "sent one\ntwo"

    def test_a_dumb_terminal_gets_no_escape_codes(self, terminal: Start, process: "Process") -> None:
        screen = terminal("talk", "--peer", "bob", TERM="dumb", E2ECHAT_TEST_WAITING="waiting")
        screen.shows("waiting")
        screen.type("hello\n")
        screen.type("/quit\n")
        assert screen.ends() == 0
        assert "\x1b" not in screen.raw
        assert process.log.read_text().splitlines()[0] == "sent hello"

    def test_no_colour_if_none_is_wanted(self, terminal: Start) -> None:
        screen = terminal("receive", E2ECHAT_TEST_WAITING="waiting", NO_COLOR="1")
        assert screen.ends() == 0
        assert "waiting" in screen.raw
        assert "\x1b" not in screen.raw
        screen = terminal("receive", E2ECHAT_TEST_WAITING="waiting")
        assert screen.ends() == 0
        assert "\x1b[" in screen.raw

    def test_a_passphrase_is_not_echoed(self, terminal: Start) -> None:
        screen = terminal("status", E2ECHAT_TEST_PASSPHRASE="open sesame")
        screen.shows("Passphrase")
        screen.type("open sesame\n")
        assert screen.ends() == 0
        assert "sesame" not in screen.raw
        assert "account" in screen.raw

    @pytest.mark.parametrize("command", [("talk", "--peer", "bob"), ("passphrase",)])
    def test_what_is_typed_while_a_passphrase_is_looked_at_is_not_echoed_either(
        self, terminal: Start, process: "Process", command: tuple[str, ...]
    ) -> None:
        opening = process.directory / "opening"
        os.mkfifo(opening)
        screen = terminal(*command, E2ECHAT_TEST_PASSPHRASE="open sesame", E2ECHAT_TEST_OPENING=str(opening))
        screen.shows("Passphrase")
        screen.type("open sesame\n")
        with opening.open("w"):
            screen.type("new treasure\n")
            screen.until_taken()
        if command == ("passphrase",):
            screen.shows("New passphrase:")
            screen.type("another one\n")
            screen.shows("Once more:")
            screen.type("another one\n")
        else:
            screen.shows("connected")
            screen.type("/quit\r")
        assert screen.ends() == 0
        assert "treasure" not in screen.raw
        assert "treasure" not in process.log.read_text()

    def test_a_wrong_passphrase(self, terminal: Start) -> None:
        screen = terminal("status", E2ECHAT_TEST_PASSPHRASE="open sesame")
        screen.shows("Passphrase")
        screen.type("let me in\n")
        assert screen.ends() == 6

    def test_interrupted_while_following(self, terminal: Start) -> None:
        screen = terminal("receive", "--follow", E2ECHAT_TEST_WAITING="waiting")
        screen.shows("waiting")
        screen.type("\x03")
        assert screen.ends() == 130
        assert "Traceback" not in screen.raw


class TestStates:
    def test_how_far_the_last_line_came_is_in_view(self, world: "World") -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        world.message("before", direction="out", state=MessageState.READ)
        conversation.begin()
        assert conversation.standing[-1] == "[1] read"
        sent = world.message("now", direction="out", state=MessageState.DELIVERED)
        other = world.message("to another", "carol", direction="out", state=MessageState.STORED)
        for message in (sent, other):
            world.happen(StateChanged(message))
        over = threading.Event()
        over.set()
        conversation.follow(over)
        assert conversation.standing[-1] == "[2] delivered"

    def test_a_program_is_told_how_far_its_lines_come(self, cli: "CommandLine", world: "World") -> None:
        sent = world.message("now", direction="out", state=MessageState.DELIVERED)
        other = world.message("to another", "carol", direction="out", state=MessageState.STORED)
        for message in (sent, other):
            world.happen(StateChanged(message))
        states = [json.loads(line) for line in cli("--json", "talk", "--peer", "bob").lines]
        assert [line for line in states if line["type"] == "state"] == [
            {"type": "state", "id": sent.id, "to": "bob", "state": "delivered"}
        ]


def test_a_conversation_looks_again_after_missing_something(world: "World") -> None:
    account: Any = world.account_class().open(Path(), str)
    feed = Feed(account)
    assert list(feed.waiting()) == []
    world.message("nobody announced it")
    world.happen(Missed())
    seen = [event.text for event in feed.until(0) if isinstance(event, Message)]
    assert seen == ["nobody announced it"]
