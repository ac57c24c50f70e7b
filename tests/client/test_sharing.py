"""One owner, many who use it: what happens to calls when the owner ends, lets go, or needs a passphrase.

Several accounts in one process share a profile exactly as several processes do.
"""

import inspect
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from e2echat.client import holding
from e2echat.client.account import Account
from e2echat.client.events import Event, MessageArrived, MessageState, Missed
from e2echat.client.local import Consumer, LocalAccount
from e2echat.client.methods import served_names
from e2echat.errors import LocalError, ProfileBusyError, WrongPassphraseError
from e2echat.store.passphrase import FLOOR
from e2echat.store.profile import Profile
from e2echat.store.vault import seal_vault
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0


def _texts(account: Account, peer: str) -> list[str]:
    return [message.text for message in account.history(peer)]


def _owns(account: Account) -> bool:
    return account._sharing._owner is not None


@pytest.mark.parametrize("name", sorted(served_names()))
def test_what_is_served_is_there_with_the_same_signature(name: str) -> None:
    served = Consumer if name == "next_event" else LocalAccount
    assert inspect.signature(getattr(Account, name)) == inspect.signature(getattr(served, name))


def test_who_calls_another_process_loads_no_cryptography() -> None:
    code = (
        "import sys, e2echat.client; assert 'e2echat.client.account' not in sys.modules; "
        "from e2echat.client import Account; "
        "print(sorted({'nacl', 'cryptography', 'sqlcipher3', 'cbor2', 'sqlite3', 'ssl', 'asyncio', 'logging'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_message_is_sent_once_under_one_id(site: "Site") -> None:
    alice, _ = site.create("alice"), site.create("bob")
    other = site.open("alice")
    chosen = "0123456789abcdef" * 2
    assert alice.send("bob", "once", message_id=chosen) == chosen
    assert other.send("bob", "once", message_id=chosen) == chosen
    with pytest.raises(LocalError):
        other.send("bob", "another", message_id=chosen)
    for bad in ("", "00", chosen.upper(), "zz" * 16, "é" * 32):
        if bad:
            with pytest.raises(LocalError):
                other.send("bob", "text", message_id=bad)
        with pytest.raises(LocalError):
            other.wait(bad, MessageState.STORED, 0)
    assert _texts(alice, "bob") == ["once"]


def test_calls_under_way_go_on_at_the_next_owner(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    heir, third = site.open("alice", stays=True), site.open("alice")
    alice.send("bob", "hello")
    events: list[Event | None] = []
    reached = []

    def listen() -> None:
        # What the next owner takes in before we are with it is no event of ours: that is what it tells.
        while Missed() not in events:
            events.append(third.next_event(None))

    def wait() -> None:
        reached.append(third.wait(alice_sent, MessageState.DELIVERED, PATIENCE))

    while not isinstance(bob.next_event(PATIENCE), MessageArrived):
        pass
    alice_sent = alice.send("bob", "are you there?")
    threads = [threading.Thread(target=each) for each in (listen, wait)]
    for thread in threads:
        thread.start()
    alice.close()
    bob.send("alice", "I am")
    for thread in threads:
        thread.join(PATIENCE)
    assert reached == [MessageState.DELIVERED]
    assert Missed() in events
    assert _owns(heir) or _owns(third)
    assert _texts(third, "bob") == ["hello", "are you there?", "I am"]


def test_whoever_lets_go_comes_back_as_one_of_the_others(site: "Site") -> None:
    alice = site.create("alice")
    site.create("bob")
    heir = site.open("alice", stays=True)
    assert _owns(alice)
    alice.let_go()
    heir.send("bob", "meanwhile")
    assert _owns(heir)
    names = []
    caller = threading.Thread(target=lambda: names.append(alice.name))
    caller.start()
    alice.take_up()
    caller.join(PATIENCE)
    assert names == ["alice"]
    assert not _owns(alice)
    assert _texts(alice, "bob") == ["meanwhile"]
    heir.let_go()
    alice.send("bob", "and back")
    assert _owns(alice)
    heir.close()
    with pytest.raises(LocalError):
        heir.contacts()


def test_an_owner_that_lets_go_alone_takes_it_up_again(site: "Site") -> None:
    alice = site.create("alice")
    alice.let_go()
    with Profile.open(site.home("alice")).lock(0):
        pass
    alice.take_up()
    assert alice.status().name == "alice"
    assert _owns(alice)


def test_who_stays_inherits_and_others_need_the_passphrase(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "seal_vault", partial(seal_vault, cost=FLOOR))
    home = site.home("alice")
    asked: list[bool] = []

    def wrong() -> str:
        asked.append(True)
        return "wrong"

    first = Account.create(home, "alice", site.address, "right", timeout=PATIENCE)
    heir = Account.open(home, wrong, stays=True)
    guest = Account.open(home, wrong)
    assert not asked
    assert heir.status().passphrase
    first.close()
    assert heir.status().name == guest.status().name == "alice"
    assert not asked
    heir.close()
    with pytest.raises(WrongPassphraseError):
        guest.status()
    assert asked
    guest.close()


def test_what_opens_the_vault_is_shown_nowhere(site: "Site") -> None:
    alice = site.create("alice")
    heir = site.open("alice", stays=True)
    secret = inside(alice).bequest()
    heir.status()
    for thing in (
        heir,
        heir._sharing,
        heir._sharing._remote,
        alice._sharing,
        inside(alice),
        inside(alice)._holding,
    ):
        assert secret not in repr(thing)
        assert inside(alice).vault.account_seed.hex() not in repr(thing)


def test_whoever_holds_the_lock_and_serves_nobody_is_named(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.client.sharing.WAIT", 0.1)
    site.create("alice").close()
    with Profile.open(site.home("alice")).lock(0), pytest.raises(ProfileBusyError):
        site.open("alice")
    assert site.open("alice").name == "alice"


def test_an_owner_without_a_connection_makes_one_for_who_needs_it(site: "Site") -> None:
    site.create("alice").close()
    offline = site.open("alice", connect=False)
    assert not offline.status().connected
    assert site.open("alice").catch_up(PATIENCE)
    assert offline.status().connected


def test_events_are_for_each_who_listens(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    listeners = [alice, site.open("alice"), site.open("alice")]
    bob.send("alice", "to all of you")
    for listener in listeners:
        while not isinstance(event := listener.next_event(PATIENCE), MessageArrived):
            assert event is not None
        assert event.message.text == "to all of you"
    alice.mark_shown(alice.unshown()[0].number)
    assert listeners[1].unshown() == []
