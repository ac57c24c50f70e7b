"""What ``Account`` offers beyond sending, over real sockets."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.account import Account
from e2echat.client.backend import GoneError
from e2echat.client.events import Message, MessageState
from e2echat.client.local import LocalAccount
from e2echat.client.settings import Settings
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("edit", {"text": "other"}),
        ("delete", {}),
        ("react", {"reaction": "👍"}),
        ("set_timer", {"seconds": 60}),
    ],
)
def test_a_change_whose_answer_was_lost_is_made_once(
    friends: tuple[Account, Account], monkeypatch: pytest.MonkeyPatch, change: str, told: dict[str, Any]
) -> None:
    """As when the owner is killed after its commit and before its answer: the call is repeated at the next one."""
    alice, bob = friends
    (hello,) = alice.history("bob")
    target = {"peer": "bob"} if change == "set_timer" else {"message_id": hello.id}
    really = getattr(LocalAccount, change)
    made: list[str] = []

    def lose_the_first_answer(account: LocalAccount, **arguments: Any) -> str:
        made.append(really(account, **arguments))
        if len(made) == 1:
            raise GoneError
        return made[-1]

    monkeypatch.setattr(LocalAccount, change, lose_the_first_answer)
    known = getattr(alice, change)(**target, **told)
    assert made == [known, known]
    assert alice.wait(known, MessageState.DELIVERED, PATIENCE) in (MessageState.DELIVERED, MessageState.READ)
    with pytest.raises(LocalError):
        alice.edit(hello.id, "under the id of the greeting", change_id=hello.id)
    with pytest.raises(LocalError):
        getattr(alice, change)(**target, **told, change_id="nonsense")
    assert bob.contacts()[0].timer == (60 if change == "set_timer" else 0)


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


def test_the_history_is_read_in_pages_and_searched(friends: tuple[Account, Account]) -> None:
    alice, _ = friends
    ids = [alice.history("bob")[0].id, *(alice.send("bob", f"Nachricht {number}") for number in range(5))]

    def texts(**page: Any) -> list[str]:
        return [message.text.removeprefix("Nachricht ") for message in alice.history("bob", **page)]

    assert texts(limit=2) == ["3", "4"]
    assert texts(limit=2, before=ids[4]) == ["1", "2"]
    assert texts(limit=2, after=ids[1]) == ["1", "2"]
    assert texts(search="richt") == ["0", "1", "2", "3", "4"]
    assert texts(search="richt", limit=2) == ["3", "4"]
    assert texts(search="richt", after=ids[3]) == ["3", "4"]
    (found,) = alice.search("nachricht 2", context=1)
    assert (found.message.id, [message.id for message in (*found.before, *found.after)]) == (
        ids[3],
        [ids[2], ids[4]],
    )
    assert alice.search("nachricht", peer="bob", limit=1)[0].message.id == ids[5]
    for wrong in ("0" * 32, "nonsense"):
        with pytest.raises(LocalError):
            alice.history("bob", before=wrong)
    with pytest.raises(NoSuchPeerError):
        alice.search("nachricht", peer="nobody")


def test_how_long_messages_are_kept_is_said_and_checked(friends: tuple[Account, Account]) -> None:
    alice, _ = friends
    alice.keep("bob", 30, None)
    assert (alice.contacts()[0].keep_days, alice.contacts()[0].keep_messages) == (30, None)
    for days in (-1, 1 << 40):
        with pytest.raises(LocalError):
            alice.keep("bob", days, None)
        with pytest.raises(LocalError):
            alice.change_settings(replace(alice.settings(), keep_messages=days))
    alice.send("bob", "one")
    last = alice.send("bob", "two")
    alice.wait(last, MessageState.DELIVERED, PATIENCE)
    alice.change_settings(replace(alice.settings(), keep_messages=1))
    assert [message.id for message in _until(alice, "bob", lambda messages: len(messages) == 1)] == [last]


def test_settings_are_kept(friends: tuple[Account, Account]) -> None:
    alice, _ = friends
    assert alice.settings() == Settings(read_receipts=True, typing=False)
    alice.change_settings(replace(alice.settings(), typing=True))
    assert alice.settings() == Settings(read_receipts=True, typing=True)
    alice.typing("bob", active=True)
