"""A conversation as a stream, on a terminal without escape codes and as a screen shows it."""

import io
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import (
    Event,
    KeyChanged,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    MessagesExpired,
    MessageState,
    Paired,
    Quote,
    Reacted,
    Reaction,
    StateChanged,
    TypingChanged,
)
from e2echat.client.settings import Notify
from e2echat.faces.notify import Notifier
from e2echat.faces.output import Output
from e2echat.faces.qr import qr_rows
from e2echat.faces.talking.conversation import RECENT, Conversation
from e2echat.faces.talking.standing import fitted
from e2echat.faces.talking.verification import verification_rows

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

Talk = Callable[..., str]


@pytest.fixture
def talk(world: "World") -> Talk:
    """Take up the conversation with bob, type lines, and have events happen: what the screen shows of it."""

    def run(*lines: str, then: tuple[Event, ...] = (), **options: Any) -> str:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), **{"on_screen": True, **options})
        conversation.begin()
        for line in lines:
            if not conversation.enter(line):
                break
        for event in then:
            world.happen(event)
        over = threading.Event()
        over.set()
        conversation.follow(over)
        return out.getvalue()

    return run


class TestCommands:
    def test_reply(self, talk: Talk, world: "World") -> None:
        world.message("where are you")
        world.message("and when")
        said = talk("/reply soon", "/reply 1 at home", "/reply last 3 hours", "/reply [2] hm", "/reply 9 x")
        answers = [(m.text, m.reply_to and m.reply_to.text) for m in world.messages if m.direction == "out"]
        assert answers == [
            ("soon", "and when"),
            ("at home", "where are you"),
            ("3 hours", "and when"),
            ("hm", "and when"),
        ]
        assert "alice (in reply to [1] “where are you”): at home" in said
        assert "not done: /reply 9 x" in said
        assert "no message [9]" in said

    @pytest.mark.parametrize(
        ("lines", "rings"), [((), 1), (("/notify off",), 0), (("/notify off", "/notify bell"), 1)]
    )
    def test_notify_switches_it_off_for_this_time(
        self, talk: Talk, world: "World", lines: tuple[str, ...], rings: int
    ) -> None:
        bell, message = io.StringIO(), world.message("hi")
        # It does not wait when the conversation is taken up.
        world.shown.append(message.id)
        notifier = Notifier(Output(bell, bell, is_screen=True), lambda: world.settings, Notify.BELL)
        said = talk(*lines, then=(MessageArrived(message),), notifier=notifier)
        assert bell.getvalue().count("\a") == rings
        assert said.count("Until you leave, nothing tells you") == ("/notify off" in lines)
        assert world.settings.notify is Notify.OFF

    def test_who_joins_by_the_link_is_compared_with_by_a_command_of_the_conversation(
        self, talk: Talk
    ) -> None:
        said = talk(then=(Paired("bob", "link", verified=False), Paired("carol", "link", verified=False)))
        assert "bob joined by your link" in said
        assert "compare the number: /verify\n" in said
        assert "compare the number: e2echat verify carol" in said

    def test_notify_names_the_ways(self, talk: Talk) -> None:
        said = talk("/notify loudly", "/notify")
        assert "Say by what: /notify off|bell|osc9|desktop" in said
        assert "nothing tells you of messages that arrive" in said

    def test_edit_is_of_ones_own_last_text(self, talk: Talk, world: "World") -> None:
        world.message("theirs")
        said = talk(
            "helo", "second", "/edit 2 hello", "/edit [3] third", "/edit 1 mine now", "/edit last 2 x"
        )
        assert [m.text for m in world.messages] == ["theirs", "hello", "2 x"]
        assert "[2] 12:34 alice (edited; before: “helo”): hello" in re.sub(r"\d\d:\d\d", "12:34", said)
        assert "[1] is not yours" in said

    def test_edit_without_a_text_offers_the_old_one(self, talk: Talk, world: "World") -> None:
        offered: list[str] = []

        def suggest(text: str) -> bool:
            offered.append(text)
            return True

        talk("helo", "/edit", suggest=suggest)
        assert offered == ["/edit 1 helo"]
        assert "/edit TEXT" in talk("/edit")

    def test_react(self, talk: Talk, world: "World") -> None:
        world.message("shall we")
        said = talk("/react 👍", "mine", "/react 2 ok", "/react")
        assert [[r.text for r in m.reactions] for m in world.messages] == [["👍"], ["ok"]]
        assert "alice reacted 👍 to [1] “shall we”" in said
        assert "/react N takes it back" in said
        assert "took back a reaction" in talk("/react 1")

    def test_delete_wants_to_be_told_which(self, talk: Talk, world: "World") -> None:
        world.message("theirs")
        said = talk("mine", "/delete", "/delete 1", "/delete 2 now", "/delete 2", "/delete 2")
        assert [m.deleted for m in world.messages] == [False, True]
        assert "alice deleted [2]." in said
        assert talk("again", "/delete last").count("deleted [") == 1

    def test_search(self, talk: Talk, world: "World") -> None:
        for text in ("apples", "pears", "more apples"):
            world.shown.append(world.message(text).id)
        said = talk("/search apples", "/search plums", "/search")
        assert said.count("bob: apples") == said.count("bob: more apples") == 2
        assert "2 found for “apples”" in said
        assert "Nothing found for “plums”" in said
        assert "/search WORDS" in said

    def test_what_was_found_can_be_answered(self, talk: Talk, world: "World") -> None:
        for number in range(15):
            world.shown.append(world.message(f"note {number}").id)
        talk("/search note 0", "/reply 11 found you")
        assert world.messages[-1].reply_to
        assert world.messages[-1].reply_to.text == "note 0"

    def test_disappear(self, talk: Talk, world: "World") -> None:
        said = talk("/disappear", "/disappear 8h", "/disappear soon", "/disappear")
        assert world.people["bob"].timer == 8 * 3600
        assert "New messages stay" in said
        assert "TIME is a number" in said
        assert "New messages disappear 8 hours" in said

    def test_verify_says_that_it_was_done_already(
        self, talk: Talk, world: "World", person: Callable[..., Any], number: str
    ) -> None:
        assert "already" not in talk("/verify", f"/verify {number}")
        said = talk("/verify", f"/verify {number}")
        assert "-- bob is verified already" in said
        assert "-- That is the number; bob was verified already." in said
        world.people["bob"] = person("bob", verified=True, key_changed=True)
        assert "already" not in talk("/verify")

    def test_a_number_that_may_belong_to_the_text(self, talk: Talk, world: "World") -> None:
        world.message("how many")
        assert "/reply last 13 apples" in talk("/reply 13 apples")

    @pytest.mark.parametrize("line", ["/quti", " /quit", "/etc/hosts", "/reply", "/delete"])
    def test_a_slip_is_said_and_nothing_sent(self, talk: Talk, world: "World", line: str) -> None:
        said = talk(line, "fine")
        assert world.sent() == ["fine"]
        assert f"{line}\n-- " in said

    def test_a_refused_command_is_given_back(self, talk: Talk) -> None:
        assert "not done: /disappear 1y" in talk("/disappear 1y")


class TestWhy:
    def test_the_card_of_one_of_ours(self, talk: Talk, world: "World") -> None:
        stored = world.message("x").sent_at
        world.origins = {
            "stored_at": stored,
            "delivered_at": stored + timedelta(hours=25, minutes=7),
            "read_at": stored + timedelta(days=2),
        }
        world.message("mine", direction="out", state=MessageState.READ, timer=3600, sender="alice")
        said = talk("/why")
        for words in (
            "verified by comparing the number at 2026-03-01",
            "session       abababababababab…",
            "ratchet       chain 3",
            "ML-KEM at the session's start, and 1 step since",
            "the key that sealed it is gone here",
            "512 bytes",
            "stored        2026-03-01",
            "delivered     2026-03-02",
            "read          2026-03-03",
            "at the relay  1 day and 1 hour at most",
            "known to be   read: their device says so, inside the session",
            "disappears    1 hour after it was sent",
        ):
            assert words in said

    def test_the_card_of_one_of_theirs(self, talk: Talk, world: "World") -> None:
        moment = world.message("first").sent_at
        world.message("second", received_at=moment + timedelta(seconds=2.5), reduced_forward_secrecy=True)
        world.message("ahead", sent_at=moment + timedelta(days=1), received_at=moment)
        world.message("changed", new_key=True)
        world.origins = {"verified_at": None, "verified_by": None, "kem_epoch": 0, "turn": 0}
        said = talk("/why 2", "/why 3", "/why [4]")
        assert "not verified: the relay said whose it is" in said
        assert "reduced until the first reply" in said
        assert "at the relay  2.5 seconds at most, if both clocks are right" in said
        assert "the two clocks disagree" in said
        assert "another than the one you accepted" in said

    def test_verified_after_it_came(self, talk: Talk, world: "World") -> None:
        moment = world.message("first").sent_at
        world.origins = {"verified_at": moment + timedelta(days=1), "verified_by": "code"}
        assert "verified by a code at 2026-03-02" in (said := talk("/why"))
        assert "after this came" in said

    def test_what_is_not_sealed_yet(self, talk: Talk, world: "World") -> None:
        world.origins = {"session": None, "turn": None, "kem_epoch": None, "size": None}
        said = talk("mine", "/why")
        assert "not yet: it waits for their keys" in said
        assert "known to be   queued" in said
        assert "ratchet" not in said

    def test_what_was_deleted_before_it_left(self, talk: Talk, world: "World") -> None:
        world.origins = {"session": None, "turn": None, "kem_epoch": None, "size": None}
        world.message("", direction="out", state=MessageState.QUEUED, deleted=True, sender="alice")
        said = talk("/why 1")
        assert "not: it was deleted before" in said
        assert "known to be   deleted before it left" in said
        assert "queued" not in said

    def test_which_one(self, talk: Talk) -> None:
        said = talk("/why", "/why 7", "/why 1 2")
        assert "no such message" in said
        assert "no message [7]" in said
        assert "/why N" in said


class TestVerify:
    def test_wrong_and_right(self, talk: Talk, world: "World", number: str) -> None:
        said = talk("/verify", "/verify 123", f"/verify {'1' * 60}", f"/verify {number}", f"/verify {number}")
        assert "01234 56789" in said
        assert "> /verify 123\ne2echat: that is no safety number" in said
        assert said.count("bob is verified.") == 1
        assert world.people["bob"].verified

    def test_the_mark_is_everywhere_at_once(
        self, world: "World", person: Callable[..., Any], number: str
    ) -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        conversation.begin()
        assert conversation.standing[1] == "not verified"
        account.verify("bob", number)
        over = threading.Event()
        over.set()
        conversation.follow(over)
        assert conversation.standing[1] == "verified"
        assert "-- bob is verified." in out.getvalue()
        world.people["bob"] = person("bob", key_changed=True)
        world.happen(KeyChanged("bob", verified=True))
        conversation.follow(over)
        assert conversation.standing[1] == "KEY CHANGED"
        account.accept("bob")
        conversation.follow(over)
        assert conversation.standing[1] == "not verified"
        assert "The new key of bob is accepted, and not verified" in out.getvalue()

    def test_accept(self, talk: Talk, world: "World", person: Callable[..., Any]) -> None:
        world.people["bob"] = person("bob", standing="stranger")
        said = talk("/accept", "/accept")
        assert "bob is a contact now." in said
        assert "nothing to accept" in said
        world.people["bob"] = person("bob", standing="blocked")
        assert "bob is blocked no more." in talk("/accept")
        assert "bob is blocked; to undo it: e2echat accept bob" in talk("/block", "never")
        assert world.sent() == []

    @pytest.mark.parametrize(("columns", "is_beside"), [(60, False), (75, True), (100, True), (200, True)])
    def test_the_picture_is_beside_the_number_where_there_is_room(
        self, number: str, columns: int, is_beside: bool
    ) -> None:
        picture = qr_rows(number)
        rows = verification_rows("bob", number, picture, columns)
        lines = ["".join(part if isinstance(part, str) else part[1] for part in row) for row in rows]
        assert all(len(line) <= columns for line in lines)
        beside = [line.startswith(f"{row}   ") for line, row in zip(lines, picture, strict=False)]
        assert all(beside) == is_beside
        assert (lines[-len(picture) :] == picture) != is_beside
        assert any("01234 56789 01234 56789" in line for line in lines)
        assert "by voice" in " ".join(lines)


class TestStream:
    def test_days_and_news_are_ruled_off(self, talk: Talk, world: "World") -> None:
        day = timedelta(days=1)
        first = world.message("before")
        world.shown.append(first.id)
        world.message("late", received_at=first.sent_at + 2 * day)
        world.message("next", sent_at=first.sent_at + 2 * day, received_at=first.sent_at + 2 * day)
        lines = talk().splitlines()
        assert lines[0].startswith("-- Sunday, 2026-03-01")
        assert [line.split(": ")[-1] for line in lines[1:6]] == [
            "before",
            "-- 2 new messages --",
            "-- Tuesday, 2026-03-03 --",
            "late",
            "next",
        ]
        assert "[2] 2026-03-01 " in lines[4]
        assert "2026" not in lines[5]

    def test_what_the_other_side_changes_is_said_of_a_number(self, talk: Talk, world: "World") -> None:
        message = world.message("helo")
        other = world.message("oops")
        gone = world.message("of long ago")
        said = talk(
            then=(
                MessageEdited(replace(message, text="hello", edited_at=message.sent_at)),
                Reacted(replace(message, reactions=[Reaction("bob", "👍")]), "bob", "👍"),
                MessageDeleted(replace(other, text="", deleted=True)),
                MessageDeleted(replace(gone, number=77, text="", deleted=True)),
            )
        )
        assert "bob (edited; before: “helo”): hello" in said
        assert "bob reacted 👍 to [1]" in said
        assert "bob deleted [2]." in said
        assert "oops" not in said.partition("deleted [2]")[2]
        assert "bob deleted a message of 2026-03-01" in said

    def test_a_reply_to_what_is_not_here_names_its_author(self, talk: Talk, world: "World") -> None:
        world.message("yes", reply_to=Quote("f" * 32, "alice", "an old question"))
        world.message("no", reply_to=Quote("e" * 32, None, None))
        said = talk()
        assert "(in reply to alice “an old question”): yes" in said
        assert "(in reply): no" in said

    def test_what_has_disappeared_is_said_to_and_cannot_be_referred_to(
        self, talk: Talk, world: "World"
    ) -> None:
        for number in range(4):
            world.message(f"{number}", direction="out", state=MessageState.STORED)
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        conversation.begin()
        for event in (
            StateChanged(replace(world.messages[3], state=MessageState.READ)),
            MessagesExpired("bob", [7]),
            MessagesExpired("bob", [2, 3, 4]),
        ):
            world.happen(event)
        over = threading.Event()
        over.set()
        conversation.follow(over)
        said = out.getvalue()
        assert said.count("gone here") == 1
        assert "-- [2]-[4] are gone here.\n-- What this terminal has shown it keeps" in said
        assert "[4] read" not in said
        assert conversation.standing[-1] == "[1] stored"
        conversation.enter("/reply 3 hm")
        assert "no message [3]" in out.getvalue()
        world.happen(MessagesExpired("bob", [1]))
        conversation.follow(over)
        assert out.getvalue().endswith("-- [1] is gone here.\n")

    def test_what_another_process_sends_is_shown(self, talk: Talk, world: "World") -> None:
        said = talk("here")
        sent = world.message(
            "from a script", direction="out", state=MessageState.STORED, sender="alice", received_at=None
        )
        said = talk(then=(StateChanged(sent), StateChanged(replace(sent, state=MessageState.READ))))
        assert said.count("from a script") == 1
        assert "[2] read" in said

    def test_what_was_sent_before_those_in_view_stays_out_of_it(self, talk: Talk, world: "World") -> None:
        old = world.message("of last week", direction="out", state=MessageState.QUEUED)
        world.shown += [world.message(f"note {number}").id for number in range(RECENT)]
        assert "of last week" not in talk(then=(StateChanged(replace(old, state=MessageState.STORED)),))

    @pytest.mark.parametrize("on_screen", [True, False])
    def test_what_is_stored_while_it_is_sent_is_shown_once(
        self, world: "World", monkeypatch: pytest.MonkeyPatch, on_screen: bool
    ) -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=on_screen)
        over = threading.Event()
        over.set()
        send = account.send

        def slow(*given: Any, **arguments: Any) -> str:
            message_id = str(send(*given, **arguments))
            world.messages[0] = replace(world.messages[0], state=MessageState.STORED)
            world.happen(StateChanged(world.messages[0]))
            conversation.follow(over)
            return message_id

        monkeypatch.setattr(account, "send", slow)
        conversation.begin()
        conversation.enter("a text")
        conversation.follow(over)
        assert out.getvalue().count("a text") == on_screen
        assert out.getvalue().count("[1] stored") == 1

    def test_states_of_what_was_sent(self, talk: Talk, world: "World") -> None:
        sent = [world.message(f"m{n}", direction="out", state=MessageState.STORED) for n in range(2)]
        assert "m1" in talk()
        said = talk(then=tuple(StateChanged(replace(m, state=MessageState.READ)) for m in sent))
        assert "-- [1]-[2] read" in said

    def test_a_plain_terminal_is_told_the_number_and_not_the_text(self, talk: Talk, world: "World") -> None:
        said = talk("typed here", on_screen=False)
        assert "-- [1] queued" in said
        assert "typed here" not in said


class TestStanding:
    def test_typing_is_in_view_until_a_message_comes(self, world: "World") -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        over = threading.Event()
        over.set()
        world.happen(TypingChanged("bob", active=True))
        conversation.follow(over)
        assert "bob is typing" in conversation.standing
        world.arrive("done")
        conversation.follow(over)
        assert "bob is typing" not in conversation.standing
        assert "typing" not in out.getvalue()

    def test_what_is_said_without_a_connection(self, world: "World") -> None:
        world.up = False
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        conversation.enter("hi")
        assert conversation.standing == [
            "bob",
            "not verified",
            "not connected, retrying",
            "nobody answers",
            "1 on the way",
            "[1] queued",
        ]

    def test_a_peer_elsewhere_is_called_without_the_key_of_his_relay(
        self, world: "World", person: Callable[..., Any]
    ) -> None:
        far = f"carol@relay://{'a' * 52}@example.org:7443"
        world.people[far] = person(far)
        world.message("hello", far, sender=far)
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, far, Output(out, out), on_screen=True)
        conversation.begin()
        conversation.enter("/reply hi")
        assert "carol@example.org:7443: hello" in out.getvalue()
        assert conversation.standing[0] == "carol@example.org:7443"
        assert world.messages[-1].peer == far

    def test_what_matters_most_stays(self) -> None:
        parts = ["bob", "not verified", "connected", "[12] delivered"]
        assert fitted(parts, "/help", 100) == " | ".join([*parts, "/help"])
        assert fitted(parts, "/help", 40) == "bob | not verified | connected | /help"
        assert fitted(parts, "/help", 37) == "bob | not verified | connected"
        assert fitted(parts, "/help", 2) == "bob"

    def test_a_long_reason_is_shortened_first(self) -> None:
        reason = "the proxy at 127.0.0.1:9050 does not reach the relay: connection refused"
        parts = ["bob", "not verified", "not connected, retrying", reason, "1 on the way", "[1] queued"]
        assert fitted(parts, "/help", 108) == (
            "bob | not verified | not connected, retrying | the proxy at 127.0.0.1:9… | 1 on the way | [1] queued | /help"
        )
        assert fitted(parts, "/help", 90).endswith(
            "not connected, retrying | the proxy at 127.0.0.1:… | /help"
        )

    def test_what_is_of_others_is_said_to_be(self, world: "World", person: Callable[..., Any]) -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        world.people["carol"] = person("carol", unread=2)
        world.message("to carol", "carol", direction="out", state=MessageState.QUEUED)
        conversation.begin()
        assert conversation.standing == ["bob", "not verified", "connected", "2 unread from carol"]
        world.people["dave"] = person("dave", unread=1)
        world.people["mallory"] = person("mallory", unread=9, standing="blocked")
        conversation.enter("hi")
        assert conversation.standing[3:] == ["1 on the way", "[1] queued", "3 unread elsewhere"]

    def test_what_waited_before_is_counted_until_the_relay_has_it(self, world: "World") -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        queued = [
            world.message(f"{number}", direction="out", state=MessageState.QUEUED) for number in range(15)
        ]
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        conversation.begin()
        assert "15 on the way" in conversation.standing
        for message in queued[:5]:
            world.happen(StateChanged(replace(message, state=MessageState.STORED)))
        over = threading.Event()
        over.set()
        conversation.follow(over)
        assert "10 on the way" in conversation.standing

    def test_what_was_found_is_not_what_was_sent_last(self, world: "World") -> None:
        account: Any = world.account_class().open(Path(), str)
        out = io.StringIO()
        world.message("long ago", direction="out", state=MessageState.READ)
        for number in range(RECENT):
            world.message(f"note {number}", direction="out", state=MessageState.STORED)
        conversation = Conversation(account, "bob", Output(out, out), on_screen=True)
        conversation.begin()
        conversation.enter("/search long ago")
        assert "[11]" in out.getvalue()
        assert conversation.standing[-1] == f"[{RECENT}] stored"


def test_a_timer_in_force_is_said_at_the_beginning(
    cli: "CommandLine", world: "World", person: Callable[..., Any]
) -> None:
    cli.by_hand = True
    world.people["bob"] = person("bob", timer=3600)
    assert "disappear 1 hour after they were read" in cli("talk", "--peer", "bob").err
