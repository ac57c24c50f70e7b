"""What was deleted, edited away or has expired is found on neither side's disk any more, with the key in hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from e2echat.client.account import Account
from e2echat.client.events import Disconnected, MessageDeleted, MessageEdited, MessagesExpired, MessageState
from e2echat.errors import LocalError
from e2echat.relay.server import Relay
from e2echat.store.private_files import read_private
from e2echat.store.vault import MAX_VAULT, open_vault
from tests.helpers.pages import pages_opened_with_the_key

PATIENCE = 30.0
NEEDLE = "PLANTED-TEXT"
OTHER = "something else"


def _disk(home: Path) -> bytes:
    key = open_vault(read_private(home / "vault", MAX_VAULT), None).database_key
    return pages_opened_with_the_key(home / "database", key)


def _next(account: Account, kind: type) -> None:
    while not isinstance(event := account.next_event(PATIENCE), kind):
        assert event is not None


def _edit(alice: Account, _: Account, message: str) -> None:
    alice.edit(message, OTHER)


def _delete(alice: Account, _: Account, message: str) -> None:
    alice.delete(message)


def _expire(_: Account, bob: Account, message: str) -> None:
    bob.mark_shown(next(each.number for each in bob.unshown() if each.id == message))


@pytest.mark.parametrize(("act", "event"), [(_edit, MessageEdited), (_delete, MessageDeleted)])
def test_what_never_left_is_gone_at_once(
    tmp_path: Path, act: Callable[[Account, Account, str], None], event: type
) -> None:
    relay = Relay(tmp_path / "relay")
    relay.start()
    alice, bob = (
        Account.create(tmp_path / name, name, str(relay.address), None) for name in ("alice", "bob")
    )
    try:
        alice.wait(alice.send("bob", "hello"), MessageState.STORED, PATIENCE)
        relay.stop()
        _next(alice, Disconnected)
        message = alice.send("bob", NEEDLE * 20)
        assert NEEDLE.encode() in _disk(tmp_path / "alice")
        act(alice, bob, message)
        _next(alice, event)
        assert NEEDLE.encode() not in _disk(tmp_path / "alice")
        if act is _delete:
            with pytest.raises(LocalError, match="before it left"):
                alice.wait(message, MessageState.STORED, PATIENCE)
    finally:
        alice.close()
        bob.close()
        relay.stop()


@pytest.mark.parametrize(
    ("act", "event"), [(_edit, MessageEdited), (_delete, MessageDeleted), (_expire, MessagesExpired)]
)
def test_what_is_gone_is_gone(
    tmp_path: Path, act: Callable[[Account, Account, str], None], event: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.crypto.payloads.MIN_TIMER", 1)
    relay = Relay(tmp_path / "relay")
    relay.start()
    homes = [tmp_path / name for name in ("alice", "bob")]
    alice, bob = (Account.create(home, home.name, str(relay.address), None) for home in homes)
    try:
        alice.send("bob", "hello")
        bob.catch_up(PATIENCE)
        while not bob.unshown():
            bob.next_event(PATIENCE)
        bob.accept("alice")
        if act is _expire:
            alice.wait(alice.set_timer("bob", 1), MessageState.DELIVERED, PATIENCE)
        message = alice.send("bob", NEEDLE * 20)
        alice.wait(message, MessageState.DELIVERED, PATIENCE)
        assert NEEDLE.encode() in _disk(homes[1])
        act(alice, bob, message)
        for account in (alice, bob):
            _next(account, event)
        assert [NEEDLE.encode() in _disk(home) for home in homes] == [False, False]
    finally:
        alice.close()
        bob.close()
        relay.stop()
