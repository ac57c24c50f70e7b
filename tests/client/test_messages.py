"""What ``Account`` offers beyond sending, over real sockets."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.client.account import Account
from e2echat.client.events import Message, MessageState, Settings
from e2echat.errors import InvalidTextError, LocalError, NoSuchPeerError, TextTooLongError

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0


def _until(account: Account, peer: str, holds: Callable[[list[Message]], bool]) -> list[Message]:
    """The conversation once something holds of it."""
    while not holds(messages := account.history(peer)):
        assert account.next_event(PATIENCE) is not None
    return messages


@pytest.fixture(name="friends")
def _friends(site: "Site") -> tuple[Account, Account]:
    alice, bob = site.create("alice"), site.create("bob")
    first = alice.send("bob", "hello")
    while not bob.contacts():
        assert bob.next_event(PATIENCE) is not None
    bob.accept("alice")
    assert alice.wait(first, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED
    return alice, bob


def test_a_message_is_answered_edited_reacted_to_and_deleted(friends: tuple[Account, Account]) -> None:
    alice, bob = friends
    (hello,) = alice.history("bob")
    answer = bob.send("alice", "hi", reply_to=hello.id)
    _until(alice, "bob", lambda messages: len(messages) == 2)
    alice.react(answer, "👍")
    change = alice.edit(hello.id, "hello, Bob")
    assert alice.wait(change, MessageState.DELIVERED, PATIENCE) in (MessageState.DELIVERED, MessageState.READ)
    first, second = bob.history("alice")
    assert (first.text, first.edited_at is not None) == ("hello, Bob", True)
    assert [(each.sender, each.text) for each in second.reactions] == [("alice", "👍")]
    assert second.reply_to is not None
    assert (second.reply_to.id, second.reply_to.text) == (hello.id, "hello, Bob")
    bob.delete(answer)
    assert _until(alice, "bob", lambda messages: messages[1].deleted)[1].text == ""


def test_a_timer_is_in_the_contacts(friends: tuple[Account, Account]) -> None:
    alice, bob = friends
    change = alice.set_timer("bob", 3600)
    alice.wait(change, MessageState.DELIVERED, PATIENCE)
    assert [account.contacts()[0].timer for account in friends] == [3600, 3600]
    assert bob.history("alice", limit=1)[0].timer == 0


def test_what_cannot_be_is_refused(friends: tuple[Account, Account]) -> None:
    alice, bob = friends
    (theirs,) = bob.history("alice")
    for act, error in (
        (lambda: bob.edit(theirs.id, "not mine"), LocalError),
        (lambda: bob.delete(theirs.id), LocalError),
        (lambda: bob.react(theirs.id, "two words"), LocalError),
        (lambda: bob.react("0" * 32, "👍"), LocalError),
        (lambda: bob.react("nonsense", "👍"), LocalError),
        (lambda: alice.edit(theirs.id, ""), InvalidTextError),
        (lambda: alice.edit(theirs.id, "x" * 50_001), TextTooLongError),
        (lambda: bob.send("alice", "to what?", reply_to="0" * 32), LocalError),
        (lambda: bob.set_timer("alice", 1), LocalError),
        (lambda: bob.set_timer("nobody", 60), NoSuchPeerError),
        (lambda: bob.typing("nobody", active=True), NoSuchPeerError),
    ):
        with pytest.raises(error):
            act()
    assert [message.text for message in bob.history("alice")] == ["hello"]


def test_settings_are_kept(friends: tuple[Account, Account]) -> None:
    alice, _ = friends
    assert alice.settings() == Settings(read_receipts=True, typing=False)
    alice.change_settings(replace(alice.settings(), typing=True))
    assert alice.settings() == Settings(read_receipts=True, typing=True)
    alice.typing("bob", active=True)
