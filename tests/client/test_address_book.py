"""From what a person types to a contact, with a relay that answers what it likes."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2echat.client.account import Account
from e2echat.errors import (
    InvalidAddressError,
    InvalidNameError,
    LocalError,
    NoSuchPeerError,
    RefusedError,
    RelayUnreachableError,
    WrongRelayError,
)
from e2echat.wire.relay_messages import Bundle, Refusal
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0


@pytest.fixture(name="alice")
def _alice(site: "Site") -> Account:
    return site.create("alice")


def _answer(alice: Account, monkeypatch: pytest.MonkeyPatch, answer: Bundle | Refusal | None) -> None:
    """Whatever is asked from now on, this is the answer."""
    inquiries = inside(alice)._engine.inquiries

    def want(_: object, link: str, name: str, *, prekeys: bool) -> None:
        if answer is not None:
            inquiries.answers[link, name] = answer

    monkeypatch.setattr(type(inquiries), "want", want)


@pytest.mark.parametrize("typed", ["bob", " Bob ", "BOB", "bob@{address}", "bob@{elsewhere}"])
def test_one_person_in_many_spellings(alice: Account, typed: str) -> None:
    elsewhere = alice.address.replace("127.0.0.1", "relay.example")
    named = inside(alice)._book.named(typed.format(address=alice.address, elsewhere=elsewhere))
    assert (named.name, str(named.address), named.shown(inside(alice)._own)) == ("bob", alice.address, "bob")


def test_somebody_at_another_relay(alice: Account) -> None:
    there = f"relay://{'a' * 52}@relay.example:7443"
    named = inside(alice)._book.named(f"bob@{there}")
    assert named.shown(inside(alice)._own) == f"bob@{there}"
    assert inside(alice)._book.named(f"alice@{there}").name == "alice"


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("alice", LocalError),
        ("ALICE", LocalError),
        ("", InvalidNameError),
        ("b\u043eb", InvalidNameError),
        ("bob@", LocalError),
        ("bob@relay://x", InvalidAddressError),
    ],
)
def test_what_names_nobody(alice: Account, typed: str, error: type[LocalError]) -> None:
    with pytest.raises(error):
        inside(alice)._book.named(typed) if typed != "bob@" else inside(alice)._book.require(typed)


def test_who_is_no_contact_is_not_required(alice: Account) -> None:
    with pytest.raises(NoSuchPeerError):
        inside(alice)._book.require("bob")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Refusal.NO_SUCH_NAME, NoSuchPeerError),
        (Refusal.LIMIT, RefusedError),
        (None, RelayUnreachableError),
    ],
)
def test_what_a_relay_may_answer(
    alice: Account, monkeypatch: pytest.MonkeyPatch, answer: Refusal | None, error: type[Exception]
) -> None:
    _answer(alice, monkeypatch, answer)
    with pytest.raises(error):
        inside(alice)._book.known_or_met("bob", 0 if answer is None else PATIENCE)
    assert alice.contacts() == []


def test_somebody_elses_keys_are_no_answer(
    site: "Site", alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.create("mallory")
    bundle = inside(alice)._book.look_up(inside(alice)._book.named("mallory"), PATIENCE, prekeys=True)
    _answer(alice, monkeypatch, replace(bundle, request=9))
    with pytest.raises(WrongRelayError):
        alice.send("bob", "secret", timeout=PATIENCE)
    with pytest.raises(WrongRelayError):
        alice.safety("bob", timeout=PATIENCE)
    assert alice.contacts() == []
