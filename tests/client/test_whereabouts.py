"""A relay that moves, and the proxy in front: real relays and accounts on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client import dialing
from e2echat.client.account import Account
from e2echat.client.effects import Want
from e2echat.client.events import MessageState
from e2echat.errors import (
    InvalidAddressError,
    InvalidProxyError,
    RelayUnreachableError,
    StorageError,
    WrongRelayError,
)
from e2echat.store.database import Database
from e2echat.wire.address import RelayAddress
from tests.e2e.conftest import RecordingProxy
from tests.helpers.inside import inside
from tests.helpers.socks_server import SocksServer

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0


def at(address: str, port: int) -> str:
    return str(RelayAddress(RelayAddress.parse(address).key, "127.0.0.1", port))


def delivered(sender: Account, peer: str, text: str) -> None:
    message = sender.send(peer, text, timeout=PATIENCE)
    assert sender.wait(message, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED


def acquaint(one: Account, other: Account) -> None:
    """The two write to each other, each at his relay."""
    elsewhere = one.address != other.address
    there, here = (f"{who.name}@{who.address}" if elsewhere else who.name for who in (other, one))
    one.send(there, "hello", timeout=PATIENCE)
    assert inside(other).runtime.wait(lambda: other.unshown() or None, PATIENCE)
    delivered(other, here, "hi")


@pytest.fixture
def door() -> Iterator[Callable[[str], RecordingProxy]]:
    """Another address of a relay."""
    made: list[RecordingProxy] = []

    def open_door(address: str) -> RecordingProxy:
        made.append(RecordingProxy(("127.0.0.1", RelayAddress.parse(address).port)))
        return made[-1]

    yield open_door
    for one in made:
        one.close()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port: int = closed.getsockname()[1]
    return port


def test_our_relay_moves_and_contacts_elsewhere_follow(
    make_site: Callable[[str], "Site"], door: Callable[[str], RecordingProxy]
) -> None:
    here, there = make_site("here"), make_site("there")
    alice, carol, bob = here.create("alice"), here.create("carol"), there.create("bob")
    acquaint(alice, carol)
    acquaint(alice, bob)
    former, entrance = here.address, door(here.address)
    address = at(former, entrance.port)
    moved = alice.move(address)
    assert (moved.address, moved.own, moved.contacts) == (address, True, 1)
    assert alice.address == alice.status().address == address
    assert alice.catch_up(PATIENCE)
    delivered(alice, "carol", "from there")  # carol has not moved, and need not

    def follows() -> bool | None:
        (contact,) = bob.contacts()
        return True if contact.address == address else None

    assert inside(bob).runtime.wait(follows, PATIENCE)
    delivered(bob, f"alice@{former}", "still there?")  # the key is what counts of what one types
    with inside(bob).runtime._changed:
        assert former not in inside(bob).runtime._links
    assert [message.text for message in alice.history(f"bob@{there.address}")][-1] == "still there?"

    alice.close()
    with here.open("alice") as again:
        assert again.address == address
        assert again.catch_up(PATIENCE)


def test_a_contacts_relay_moves(
    make_site: Callable[[str], "Site"], door: Callable[[str], RecordingProxy]
) -> None:
    here, there = make_site("here"), make_site("there")
    alice, bob = here.create("alice"), there.create("bob")
    acquaint(alice, bob)
    address = at(there.address, door(there.address).port)
    moved = alice.move(address)
    assert (moved.own, moved.contacts) == (False, 1)
    assert alice.address == here.address
    (contact,) = alice.contacts()
    assert contact.address == address
    delivered(alice, f"bob@{there.address}", "found you")
    assert [message.text for message in bob.history(f"alice@{here.address}")] == ["hello", "hi", "found you"]


def test_another_pin_is_refused(make_site: Callable[[str], "Site"]) -> None:
    here, there = make_site("here"), make_site("there")
    alice = here.create("alice")
    with pytest.raises(WrongRelayError):
        alice.move(there.address)
    # The right PIN, and another relay behind it.
    with pytest.raises(WrongRelayError):
        alice.move(at(here.address, RelayAddress.parse(there.address).port))
    with pytest.raises(InvalidAddressError):
        alice.move("nowhere")
    assert alice.address == here.address
    assert inside(alice)._records.own("address") == here.address.encode()


def test_nobody_there(site: "Site", closed_port: int) -> None:
    alice = site.create("alice")
    with pytest.raises(RelayUnreachableError):
        alice.move(at(site.address, closed_port))
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RelayUnreachableError):
        alice.move(at(site.address, silent.getsockname()[1]), timeout=0.01)
    assert alice.address == site.address
    assert alice.catch_up(PATIENCE)


def test_a_move_that_the_disk_does_not_take(
    site: "Site", door: Callable[[str], RecordingProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = site.create("alice")
    entrance = door(site.address)
    execute = Database.execute

    def failing(database: Database, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        if sql.startswith("COMMIT") and alice.address != site.address:
            raise StorageError("the disk is full")
        return execute(database, sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "execute", failing)
        with pytest.raises(StorageError):
            alice.move(at(site.address, entrance.port))
    assert alice.address == site.address
    assert inside(alice)._records.own("address") == site.address.encode()


def test_a_move_before_anything_is_connected(site: "Site", door: Callable[[str], RecordingProxy]) -> None:
    site.create("alice").close()
    address = at(site.address, door(site.address).port)
    with site.open("alice", connect=False) as alice:
        alice.move(address)
        assert not inside(alice).runtime.started
    with site.open("alice") as alice:
        assert alice.address == address
        assert alice.catch_up(PATIENCE)


def test_of_a_link_that_was_retired_nothing_is_heard(site: "Site") -> None:
    alice = site.create("alice")
    runtime = inside(alice).runtime
    with runtime._changed:
        old = runtime._links["mailbox"]
    runtime.relink()
    assert alice.catch_up(PATIENCE)
    runtime.link_down(old, RelayUnreachableError("too late"))
    runtime.link_frames(old, [(1, b"too late")])
    runtime.link_up(old, bytes(32))
    assert alice.status().connected
    alice.require_connection()


def test_links_that_nobody_needs_make_room(site: "Site", closed_port: int) -> None:
    alice = site.create("alice")
    runtime = inside(alice).runtime
    stale, wanted = (at(site.address, port) for port in (closed_port, closed_port + 1))
    with runtime._changed:
        runtime._carry_out([Want(stale)])
        assert stale in runtime._links
        runtime._carry_out([Want(wanted)])
        assert set(runtime._links) == {"mailbox", site.address, wanted}
        inside(alice)._engine.inquiries.wanted[wanted, "carol"] = False
        runtime._carry_out([Want(stale)])
        assert wanted in runtime._links


# --- a proxy --------------------------------------------------------------------------------------------------------


@pytest.fixture
def socks(site: "Site") -> Iterator[SocksServer]:
    server = SocksServer({"relay.invalid": ("127.0.0.1", RelayAddress.parse(site.address).port)})
    yield server
    server.close()


@pytest.mark.usefixtures("site")
def test_an_account_behind_a_proxy_looks_nothing_up_and_keeps_to_it(
    site: "Site", socks: SocksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(dialing, "resolve", look_up)
    address = RelayAddress.parse(site.address)
    hidden = str(RelayAddress(address.key, "relay.invalid", address.port))
    with Account.create(site.home("alice"), "alice", hidden, None, proxy=str(socks)) as alice:
        assert alice.status().proxy == str(socks)
    with site.open("alice") as alice:
        assert alice.catch_up(PATIENCE)
        assert alice.status().proxy == str(socks)
    logins = [asked.login for asked in socks.asked]
    assert len(set(logins)) == len(logins) >= 4  # the owner's connection and the anonymous one, twice
    assert {(asked.host, asked.port) for asked in socks.asked} == {("relay.invalid", address.port)}


def test_a_proxy_chosen_later_is_used_at_once_and_given_up_again(site: "Site", socks: SocksServer) -> None:
    alice = site.create("alice")
    assert socks.asked == []
    alice.go_through(str(socks))
    assert alice.catch_up(PATIENCE)
    asked = len(socks.asked)
    assert asked >= 1
    alice.go_through("none")
    assert alice.catch_up(PATIENCE)
    assert alice.status().proxy is None
    with pytest.raises(InvalidProxyError):
        alice.go_through("http://127.0.0.1:1")


def test_a_proxy_for_one_time(site: "Site", socks: SocksServer) -> None:
    site.create("alice").close()
    with Account.open(site.home("alice"), lambda: "", proxy=str(socks)) as alice:
        assert alice.catch_up(PATIENCE)
    assert socks.asked
    del socks.asked[:]
    with site.open("alice") as alice:
        assert alice.catch_up(PATIENCE)
        alice.go_through(str(socks))
    with Account.open(site.home("alice"), lambda: "", proxy="none") as alice:
        del socks.asked[:]
        assert alice.catch_up(PATIENCE)
    assert socks.asked == []
    with pytest.raises(InvalidProxyError):
        Account.open(site.home("alice"), lambda: "", proxy="nonsense")
    with pytest.raises(InvalidProxyError):
        Account.create(site.home("eve"), "eve", site.address, None, proxy="nonsense")
    assert not site.home("eve").exists()


def test_a_move_is_proved_through_the_proxy(site: "Site", socks: SocksServer) -> None:
    alice = site.create("alice")
    alice.go_through(str(socks))
    address = RelayAddress.parse(site.address)
    alice.move(str(RelayAddress(address.key, "relay.invalid", address.port)))
    assert alice.catch_up(PATIENCE)
    assert "relay.invalid" in {asked.host for asked in socks.asked}
    assert threading.active_count() < 50
