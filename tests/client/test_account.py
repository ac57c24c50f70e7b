"""The public API against a real relay: real sockets, threads, files. Every wait is for a condition."""

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from e2echat.client import inquiries
from e2echat.client.account import Account
from e2echat.client.address_book import AddressBook
from e2echat.client.arrivals import Arrivals
from e2echat.client.events import AllIn, KeyChanged, MessageArrived, MessageState
from e2echat.client.link import Link
from e2echat.errors import (
    InvalidAddressError,
    InvalidNameError,
    InvalidTextError,
    KeyChangedError,
    LocalError,
    NoProfileError,
    NoSuchPeerError,
    ProfileExistsError,
    RefusedError,
    RelayUnreachableError,
    TextTooLongError,
    WrongRelayError,
)
from e2echat.relay import operating
from e2echat.store import database
from e2echat.store.migrations import schema_scripts
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0
DELIVERED = MessageState.DELIVERED


def _hear(account: Account, count: int) -> list[str]:
    """The next ``count`` texts that arrive."""
    texts: list[str] = []
    while len(texts) < count:
        event = account.next_event(PATIENCE)
        assert event is not None
        if isinstance(event, MessageArrived):
            texts.append(event.message.text)
    return texts


def _unreachable() -> str:
    """The address of a relay that nobody runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"relay://{'a' * 52}@127.0.0.1:{probe.getsockname()[1]}"


def _meet(one: Account, other: Account) -> None:
    one.send(other.name, "hello")
    _hear(other, 1)
    other.send(one.name, "hi")
    _hear(one, 1)


# --- making an account ----------------------------------------------------------------------------------------------


def test_two_people_talk(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    first = alice.send("bob", "hello")
    assert alice.wait(first, MessageState.STORED, PATIENCE) is MessageState.STORED
    assert _hear(bob, 1) == ["hello"]
    answer = bob.send("alice", "hi")
    assert _hear(alice, 1) == ["hi"]
    assert bob.wait(answer, DELIVERED, PATIENCE) is DELIVERED
    assert alice.wait(first, DELIVERED, PATIENCE) is DELIVERED
    assert alice.safety("bob").number == bob.safety("alice").number
    assert [message.text for message in alice.history("bob")] == ["hello", "hi"]


def test_a_taken_name_leaves_no_profile(site: "Site", tmp_path: Path) -> None:
    site.create("alice")
    with pytest.raises(RefusedError) as refused:
        Account.create(tmp_path / "second", "Alice", site.address, None, timeout=PATIENCE)
    assert refused.value.reason == "name_taken"
    assert not (tmp_path / "second").exists()


def test_a_name_that_the_relay_removed_is_not_called_taken(site: "Site") -> None:
    site.create("alice").close()
    operating.remove(site.directory / "relay", "alice")
    alice = site.open("alice")
    while alice.status().problem is None or "claiming" in str(alice.status().problem):
        assert alice.next_event(PATIENCE)
    with pytest.raises(RefusedError, match="was removed from the relay") as refused:
        alice.require_connection()
    assert refused.value.reason == "name_lost"
    assert "removed" in (alice.status().problem or "")


def test_a_relay_that_is_down_leaves_no_profile(tmp_path: Path) -> None:
    with pytest.raises(RelayUnreachableError):
        Account.create(tmp_path / "home", "alice", _unreachable(), None, timeout=PATIENCE)
    assert not (tmp_path / "home").exists()


def test_another_relay_than_the_address_says_leaves_no_profile(site: "Site", tmp_path: Path) -> None:
    where = site.address.partition("@")[2]
    with pytest.raises(WrongRelayError):
        Account.create(tmp_path / "home", "alice", f"relay://{'a' * 52}@{where}", None, timeout=PATIENCE)
    assert not (tmp_path / "home").exists()


def test_an_account_is_not_made_over_another(site: "Site") -> None:
    site.create("alice").close()
    with pytest.raises(ProfileExistsError):
        Account.create(site.home("alice"), "bob", site.address, None, timeout=PATIENCE)
    assert site.open("alice").name == "alice"


@pytest.mark.parametrize(
    ("name", "address", "error"),
    [
        ("-", "relay://a", InvalidNameError),
        ("alice", "relay://a", InvalidAddressError),
    ],
)
def test_bad_names_and_addresses_touch_nothing(
    tmp_path: Path, name: str, address: str, error: type[LocalError]
) -> None:
    with pytest.raises(error):
        Account.create(tmp_path / "home", name, address, None)
    assert not (tmp_path / "home").exists()


# --- opening --------------------------------------------------------------------------------------------------------


def test_a_profile_is_open_as_often_as_one_likes(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    again = site.open("alice")
    message = again.send("bob", "hello")
    assert _hear(bob, 1) == ["hello"]
    assert alice.wait(message, MessageState.STORED, PATIENCE) is MessageState.STORED
    alice.close()
    alice.close()
    assert [message.text for message in again.history("bob")] == ["hello"]


def test_there_must_be_a_profile(tmp_path: Path) -> None:
    with pytest.raises(NoProfileError):
        Account.open(tmp_path / "home", lambda: "")


def test_without_a_connection_one_can_read_and_accept(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    alice.send("bob", "hello")
    _hear(bob, 1)
    bob.close()
    with site.open("bob", connect=False) as offline:
        assert [message.text for message in offline.history("alice")] == ["hello"]
        offline.accept("alice")
        assert [contact.standing for contact in offline.contacts()] == ["contact"]
        assert not offline.status().connected
        assert not offline.catch_up(0)


# --- sending --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "text", "error"),
    [
        ("nobody", "text", NoSuchPeerError),
        ("alice", "text", LocalError),
        ("-", "text", InvalidNameError),
        ("bob@nowhere", "text", InvalidAddressError),
        ("bob", "", InvalidTextError),
        ("bob", "\ud800", InvalidTextError),
        ("bob", "x" * 50_001, TextTooLongError),
    ],
)
def test_bad_use_of_send(site: "Site", peer: str, text: str, error: type[LocalError]) -> None:
    alice = site.create("alice")
    with pytest.raises(error):
        alice.send(peer, text, timeout=PATIENCE)
    assert alice.status().queued == 0
    assert alice.contacts() == []


def test_the_longest_text_goes_through(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    text = "\U0001f642" * 12_500
    alice.send("bob", text)
    assert _hear(bob, 1) == [text]


def test_a_new_peer_cannot_be_written_to_when_the_relay_is_down(site: "Site") -> None:
    site.create("bob").close()
    alice = site.create("alice")
    site.stop()
    with pytest.raises(RelayUnreachableError):
        alice.send("bob", "text", timeout=PATIENCE)
    assert alice.contacts() == []


def test_a_known_peer_is_written_to_once_the_relay_is_back(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    site.stop()
    message = alice.send("bob", "while it was down")
    assert alice.wait(message, MessageState.STORED, 0) is MessageState.QUEUED
    site.start()
    assert alice.wait(message, DELIVERED, PATIENCE) is DELIVERED
    assert _hear(bob, 1) == ["while it was down"]


def test_what_is_written_has_the_links_try_again_soon(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    hurried: list[Link] = []

    def note(link: Link) -> None:
        hurried.append(link)

    monkeypatch.setattr(Link, "hurry", note)
    alice.status()
    assert not hurried
    alice.send("bob", "text")
    assert len(hurried) == 2


def test_thirty_messages_wait_through_a_restart_for_somebody_away(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    bob.close()
    texts = [f"message {number}" for number in range(30)]
    sent = [alice.send("bob", text) for text in texts[:20]]
    alice.wait(sent[-1], MessageState.STORED, PATIENCE)
    site.stop()
    sent += [alice.send("bob", text) for text in texts[20:]]
    site.start()
    alice.wait(sent[-1], MessageState.STORED, PATIENCE)
    alice.close()
    again = site.open("bob")
    assert again.catch_up(PATIENCE)
    assert [message.text for message in again.unshown()][1:] == texts


def test_people_on_two_relays_talk(make_site: "Callable[[str], Site]") -> None:
    here, there = make_site("here"), make_site("there")
    alice, bob = here.create("alice"), there.create("bob")
    message = alice.send(f"bob@{there.address}", "hello over there")
    assert _hear(bob, 1) == ["hello over there"]
    answer = bob.send(f"alice@{here.address}", "hello over here")
    assert _hear(alice, 1) == ["hello over here"]
    assert alice.wait(message, DELIVERED, PATIENCE) is DELIVERED
    assert bob.wait(answer, DELIVERED, PATIENCE) is DELIVERED
    assert [contact.name for contact in alice.contacts()] == [f"bob@{there.address}"]


def test_another_relay_in_the_place_of_ours_is_not_waited_for(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    alice.close()
    site.stop()
    (site.directory / "relay").rename(site.directory / "gone")
    site.start()
    again = site.open("alice")
    message = again.send("bob", "to whom?")
    with pytest.raises(WrongRelayError):
        again.catch_up(PATIENCE)
    with pytest.raises(WrongRelayError):
        again.wait(message, MessageState.STORED, PATIENCE)


def test_another_relays_wrong_key_does_not_disturb_ours(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    where = site.address.partition("@")[2]
    with pytest.raises(WrongRelayError):
        alice.send(f"carol@relay://{'a' * 52}@{where}", "text", timeout=PATIENCE)
    _meet(alice, bob)
    message = alice.send("bob", "text")
    assert alice.wait(message, DELIVERED, PATIENCE) is DELIVERED
    assert alice.catch_up(PATIENCE)


# --- waiting, showing -----------------------------------------------------------------------------------------------


def test_waiting_for_what_is_not_ours(site: "Site") -> None:
    alice = site.create("alice")
    with pytest.raises(LocalError):
        alice.wait("00" * 16, DELIVERED, PATIENCE)


def test_shown_messages_become_read(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    message = alice.send("bob", "read me")
    _hear(bob, 1)
    for unshown in bob.unshown():
        bob.mark_shown(unshown.number)
    assert alice.wait(message, MessageState.READ, PATIENCE) is MessageState.READ
    assert bob.unshown() == []
    assert bob.status().unread == 0


def test_closing_lets_receipts_leave(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    bob.close()
    message = alice.send("bob", "are you there?")
    alice.wait(message, MessageState.STORED, PATIENCE)
    with site.open("bob") as again:
        assert again.catch_up(PATIENCE)
    assert alice.wait(message, DELIVERED, PATIENCE) is DELIVERED


def test_closing_waits_for_a_connection_that_is_being_made(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that carries receipts is begun only once the account is being closed."""
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    bob.close()
    message = alice.send("bob", "are you there?")
    alice.wait(message, MessageState.STORED, PATIENCE)
    start, hurry = Link.start, Arrivals.hurry
    links: list[Link] = []

    def start_the_first(link: Link) -> None:
        links.append(link)
        if len(links) == 1:
            start(link)

    def hurry_late(arrivals: Arrivals) -> None:
        hurry(arrivals)
        while len(links) > 1:
            start(links.pop())

    with monkeypatch.context() as patch:
        patch.setattr(Link, "start", start_the_first)
        again = site.open("bob")
        assert again.catch_up(PATIENCE)
        patch.setattr(Arrivals, "hurry", hurry_late)
        again.close()
    assert alice.wait(message, DELIVERED, PATIENCE) is DELIVERED


def test_catching_up_fails_at_once_when_the_relay_is_down(site: "Site") -> None:
    site.create("bob").close()
    site.stop()
    assert not site.open("bob").catch_up(PATIENCE)


def test_events_end_with_the_account(site: "Site") -> None:
    alice = site.create("alice")
    kinds = []
    while not isinstance(event := alice.next_event(PATIENCE), AllIn):
        kinds.append(event)
    assert alice.next_event(0) is None
    alice.close()
    with pytest.raises(LocalError):
        alice.next_event(None)


# --- verifying ------------------------------------------------------------------------------------------------------


def test_a_number_verifies_whose_it_is(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    number = bob.safety("alice").number
    with pytest.raises(KeyChangedError):
        alice.verify("bob", "1" * 60)
    assert alice.contacts() == []
    assert not alice.safety("bob").verified
    alice.verify("bob", " ".join(number[place : place + 5] for place in range(0, 60, 5)))
    assert alice.safety("bob").verified
    with pytest.raises(LocalError):
        alice.verify("bob", "12345")


def test_a_number_that_is_not_the_right_one_is_told_apart(site: "Site") -> None:
    alice, bob, carol = (site.create(name) for name in ("alice", "bob", "carol"))
    for friend in (bob, carol):
        _meet(alice, friend)
    number = alice.safety("bob").number
    for error, typed, sentence in (
        (KeyChangedError, alice.safety("carol").number, "of you and carol"),
        (KeyChangedError, number[5:10] + number[:5] + number[10:], "another order"),
        (KeyChangedError, bob.safety("carol").number, "not the one of you and bob"),
        (LocalError, alice.fingerprint, "your own fingerprint"),
        (LocalError, bob.fingerprint, "bob's fingerprint"),
        (LocalError, number[:55], "55 of sixty"),
    ):
        with pytest.raises(error, match=sentence):
            alice.verify("bob", typed)
    assert not any(contact.verified for contact in alice.contacts())


def test_a_changed_key_is_loud_everywhere(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay loses its disk, and somebody else takes Bob's name there."""
    monkeypatch.setattr(inquiries, "ASK_AGAIN", 100)
    alice, bob = site.create("alice"), site.create("bob")
    _meet(alice, bob)
    number, theirs = alice.safety("bob").number, inside(bob)._own.identity.raw
    bob.close()
    site.stop()
    for path in (site.directory / "relay").glob("relay.db*"):
        path.unlink()
    site.start()
    impostor = site.create("bob", home="impostor")
    with suppress(KeyChangedError):  # a receipt may have met the new key before
        alice.send("bob", "for bob alone")
    message = alice.history("bob")[-1].id
    while not isinstance(event := alice.next_event(PATIENCE), KeyChanged):
        assert event is not None
    with pytest.raises(KeyChangedError):
        alice.wait(message, DELIVERED, PATIENCE)
    with pytest.raises(KeyChangedError) as held:
        alice.send("bob", "held as well")
    assert held.value.message_id is not None
    with pytest.raises(KeyChangedError, match="bob's former key"):
        alice.verify("bob", number)
    assert [(contact.key_changed, contact.verified) for contact in alice.contacts()] == [(True, False)]
    with monkeypatch.context() as repentant:
        repentant.setattr(AddressBook, "look_up", lambda *_, **__: SimpleNamespace(identity=theirs))
        alice.verify("bob", number)
    assert [(contact.key_changed, contact.verified) for contact in alice.contacts()] == [(False, True)]
    with pytest.raises(KeyChangedError):
        alice.wait(alice.send("bob", "held again"), DELIVERED, PATIENCE)
    alice.accept("bob")
    assert _hear(impostor, 3) == ["for bob alone", "held as well", "held again"]


def test_who_opens_a_profile_of_an_earlier_version_is_told_that_it_takes_time(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    site.create("alice").close()
    told: list[str] = []

    def opened() -> None:
        Account.open(site.home("alice"), str, connect=False, upgrading=lambda: told.append("it")).close()

    opened()
    assert told == []
    later = [*schema_scripts(), "CREATE TABLE of_a_later_version (id INTEGER) STRICT;"]
    monkeypatch.setattr(database, "schema_scripts", lambda: later)
    opened()
    assert told == ["it"]
    opened()
    assert told == ["it"]
