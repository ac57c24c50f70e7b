"""Keys that have been used, and what was said and is gone: not a byte of them in any file of a profile, with its key in hand."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.client import runtime
from e2echat.client.account import Account
from e2echat.client.events import MessageArrived, MessageDeleted, MessageEdited, MessagesExpired, MessageState
from e2echat.crypto import chains
from e2echat.store import grams
from tests.helpers.at_rest import everything, forms, is_in
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from e2echat.relay.server import Relay

PATIENCE = 30.0
NEEDLE = "ꀀꄧꈌꋠꏂꉬꁪ"
"""Whose pieces are in no other text here, and nowhere by chance: three bytes a character."""
DAY = 86_400_000
Pair = tuple[Account, Account]


@pytest.fixture
def people(tmp_path: Path, start_relay: "Callable[..., Relay]") -> Iterator[Pair]:
    """alice and bob, who have met."""
    address = str(start_relay(host="127.0.0.1", port=0, tls=False).address)
    alice, bob = (Account.create(tmp_path / name, name, address, None) for name in ("alice", "bob"))
    with alice, bob:
        alice.send("bob", "hello")
        _await(bob, MessageArrived)
        bob.wait(bob.send("alice", "hi"), MessageState.DELIVERED, PATIENCE)
        yield alice, bob


def _await(account: Account, kind: type) -> None:
    while not isinstance(event := account.next_event(PATIENCE), kind):
        assert event is not None


def _disk(account: Account) -> bytes:
    """All that lies there between two steps."""
    local = inside(account)
    return local.runtime.look(lambda: everything(local.profile.home))


def test_the_search_finds_a_secret_in_every_form() -> None:
    secret = bytes(range(100, 132))
    for before in range(7):
        beside = b"x" * before + secret + b"yz"
        for text in (beside, beside.hex().encode(), beside.hex().upper().encode(), base64.b64encode(beside)):
            assert is_in(secret, b"much else" + text + b"and more")
    assert not is_in(secret, base64.b64encode(secret[:-4]))
    assert len(set(forms(secret))) == 6


def test_no_key_that_was_used_is_left(people: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = people
    used: dict[bytes, str] = {}
    made: dict[bytes, str] = {}
    next_keys = chains.next_keys

    def watched(chain_key: bytes) -> tuple[bytes, bytes]:
        following, message_key = next_keys(chain_key)
        used.update({chain_key: "chain key", message_key: "message key"})
        made[following] = "chain key"
        return following, message_key

    monkeypatch.setattr(chains, "next_keys", watched)
    for turn in range(4):
        for sender, recipient in ((alice, "bob"), (bob, "alice")):
            for number in range(2):
                sent = sender.send(recipient, f"{turn} {number}")
                sender.wait(sent, MessageState.DELIVERED, PATIENCE)
    homes = [inside(account).profile.home for account in people]
    # The control: as long as they run, the log has earlier states in it, and the search finds their keys.
    assert "chain key" in _found(used, [_disk(account) for account in people]).values()
    for account in people:
        account.close()
    disks = [everything(home) for home in homes]
    monkeypatch.undo()
    assert set(used.values()) == {"chain key", "message key"}
    assert len(used) > 60
    # Where a chain stands now, it has a key that is still to be used.
    newest = {key: kind for key, kind in _found(made, disks).items() if key not in used}
    assert set(newest.values()) == {"chain key"}
    assert _found(used, disks) == {}


def _found(keys: dict[bytes, str], disks: list[bytes]) -> dict[bytes, str]:
    return {key: kind for key, kind in keys.items() if any(is_in(key, disk) for disk in disks)}


def _edit(alice: Account, _bob: Account, message: str) -> type:
    alice.edit(message, "something else")
    return MessageEdited


def _delete(alice: Account, _bob: Account, message: str) -> type:
    alice.delete(message)
    return MessageDeleted


def _keep(alice: Account, bob: Account, message: str) -> type:
    bob.mark_shown(next(each.number for each in bob.unshown() if each.id == message))
    alice.wait(message, MessageState.READ, PATIENCE)
    for account, peer in ((alice, "bob"), (bob, "alice")):
        account.send(peer, "a later one")
    alice.keep("bob", None, 1)
    bob.keep("alice", None, 1)
    return MessagesExpired


def _expire(alice: Account, bob: Account, message: str) -> type:
    bob.mark_shown(next(each.number for each in bob.unshown() if each.id == message))
    return MessagesExpired


@pytest.mark.parametrize("act", [_edit, _delete, _keep, _expire])
def test_nothing_of_a_text_that_is_gone_is_left(
    people: Pair, act: Callable[[Account, Account, str], type], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the text, nor the pieces of it by which the search would have found it."""
    alice, bob = people
    if act is _expire:
        monkeypatch.setattr("e2echat.crypto.payloads.MIN_TIMER", 1)
        alice.wait(alice.set_timer("bob", 1), MessageState.DELIVERED, PATIENCE)
    # Long enough for pages of its own, and so for free ones afterwards.
    message = alice.send("bob", f"{NEEDLE} " * 2000)
    alice.wait(message, MessageState.DELIVERED, PATIENCE)
    # What a token has in common with its neighbour the index leaves out.
    pieces = [each.encode()[3:] for each in grams.indexed(NEEDLE, 0).split() if len(each) == grams.GRAM][1:]
    assert len(pieces) == 4
    disks = [_disk(account) for account in people]
    assert all(NEEDLE.encode() in disk for disk in disks)
    indexed = [
        [piece for piece in pieces if disk.replace(NEEDLE.encode(), b"").count(piece)] for disk in disks
    ]
    assert all(indexed)
    kind = act(alice, bob, message)
    for account in people:
        _await(account, kind)
    for account, found in zip(people, indexed, strict=True):
        disk = _disk(account)
        assert not is_in(NEEDLE.encode(), disk)
        assert [piece for piece in found if piece in disk] == []


def test_nor_after_a_kill_and_another_start(
    people: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a timer should have deleted while nothing ran goes at the next opening, without a relay."""
    alice, bob = people
    alice.wait(alice.set_timer("bob", 60), MessageState.DELIVERED, PATIENCE)
    alice.wait(alice.send("bob", NEEDLE * 100), MessageState.DELIVERED, PATIENCE)
    alice.close()
    bob.close()
    home = tmp_path / "alice"
    assert NEEDLE.encode() in everything(home)
    later = runtime.unix_milliseconds() + DAY
    monkeypatch.setattr(runtime, "unix_milliseconds", lambda: later)
    monkeypatch.setattr(runtime.Runtime, "_watch_clock", lambda _: None)
    with Account.open(home, lambda: "", connect=False):
        assert NEEDLE.encode() not in everything(home)
