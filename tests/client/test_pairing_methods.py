"""Inviting and adding through accounts, with a real relay, sockets and threads."""

import re
import threading
from typing import TYPE_CHECKING

import pytest

from e2echat.client.events import Event, MessageState, Paired, PairingFailed
from e2echat.errors import (
    InvalidCodeError,
    InvalidInvitationError,
    KeyChangedError,
    PairingError,
    RelayUnreachableError,
)
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import Invitation
from tests.client.conftest import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2echat.client.account import Account
    from tests.client.conftest import Site


def _event(account: "Account", kind: type[Event]) -> Event:
    """The next event of that kind."""
    while True:
        event = account.next_event(PATIENCE)
        assert event is not None
        if isinstance(event, kind):
            return event


def test_two_accounts_pair_by_a_code(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    given = alice.invite()
    assert re.fullmatch("[1-9][0-9]{3}-[a-z]+-[a-z]+", given.code)
    before = threading.active_count()
    assert bob.add(given.code.upper().replace("-", " ")) == Paired("alice", "code", verified=True)
    assert _event(alice, Paired) == Paired("bob", "code", verified=True, invitation=given.id)
    for account in (alice, bob):
        assert [(one.verified, one.verified_by) for one in account.contacts()] == [(True, "code")]
    message = bob.send("alice", "hello")
    assert bob.wait(message, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED
    assert threading.active_count() <= before
    alice.withdraw(given.code)


def test_two_accounts_pair_by_a_link(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    given = alice.invite()
    another = alice.invite()
    assert given.link_ends > given.code_ends
    assert given.id != another.id
    assert bob.add(f"  {given.link.upper()}\n") == Paired("alice", "link", verified=True)
    assert _event(alice, Paired) == Paired("bob", "link", verified=False, invitation=given.id)
    assert [(one.verified, one.verified_by) for one in alice.contacts()] == [(False, "link")]


def test_a_wrong_code_is_told_on_both_sides(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    given = alice.invite()
    number = given.code.partition("-")[0]
    with pytest.raises(PairingError):
        bob.add(f"{number}-otter-otter" if "otter-otter" not in given.code else f"{number}-yeti-yeti")
    assert _event(alice, PairingFailed)
    with pytest.raises(PairingError):
        bob.add(given.code)
    assert alice.contacts() == bob.contacts() == []


def test_nobody_comes_in_time(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    given = alice.invite()
    alice.withdraw(given.code)
    with pytest.raises(PairingError):
        bob.add(given.code)


def test_a_code_at_another_relay(make_site: "Callable[[str], Site]") -> None:
    here, there = make_site("here"), make_site("there")
    alice, bob = here.create("alice"), there.create("bob")
    given = alice.invite()
    paired = bob.add(f"{given.code}@{here.address}")
    assert paired.peer == f"alice@{here.address}"
    name = f"bob@{there.address}"
    assert _event(alice, Paired) == Paired(name, "code", verified=True, invitation=given.id)
    message = alice.send(f"bob@{there.address}", "across")
    assert alice.wait(message, MessageState.DELIVERED, PATIENCE) is MessageState.DELIVERED


def test_without_a_relay_nothing_begins(site: "Site") -> None:
    alice = site.create("alice")
    site.stop()
    with pytest.raises(RelayUnreachableError):
        alice.invite()
    with pytest.raises(RelayUnreachableError):
        alice.add("4821-guitar-otter")


def test_what_is_neither_is_refused(site: "Site") -> None:
    alice = site.create("alice")
    with pytest.raises(InvalidCodeError):
        alice.add("bob")
    with pytest.raises(InvalidInvitationError):
        alice.add("e2echat:nothing")


def test_a_link_to_somebody_else_is_a_changed_key(make_site: "Callable[[str], Site]") -> None:
    site, other = make_site("site"), make_site("other")
    site.create("alice")
    bob, impostor = site.create("bob"), other.create("alice")
    link = impostor.invite().link
    given = Invitation.parse(link)
    bent = Invitation(
        RelayAddress.parse(site.address), given.name, given.fingerprint, given.capability, given.secret
    )
    with pytest.raises(KeyChangedError):
        bob.add(bent.link())
    assert bob.contacts() == []
