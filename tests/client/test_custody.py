"""Passphrases of accounts that are open, in this process and through another's socket."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.client import keeper
from e2echat.client.account import Account
from e2echat.errors import InvalidPassphraseError, WrongPassphraseError
from e2echat.store.passphrase import FLOOR
from e2echat.store.vault import needs_passphrase, seal_vault

if TYPE_CHECKING:
    from tests.client.conftest import Site


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "seal_vault", partial(seal_vault, cost=FLOOR))


def _opens(home: Path, passphrase: str) -> bool:
    try:
        Account.open(home, lambda: passphrase, connect=False).close()
    except WrongPassphraseError:
        return False
    return True


def test_one_is_added_changed_and_taken_away(site: "Site") -> None:
    site.create("alice").close()
    vault = site.home("alice") / "vault"
    for former, new in ((None, "first"), ("first", "second"), ("second", None)):
        with Account.open(site.home("alice"), partial(str, former), connect=False) as account:
            account.change_passphrase(former, new)
            assert account.status().passphrase == (new is not None)
        assert needs_passphrase(vault.read_bytes()) == (new is not None)
        if new is not None:
            assert _opens(site.home("alice"), new)
            assert not _opens(site.home("alice"), former or "other")


def test_the_wrong_one_changes_nothing(site: "Site") -> None:
    alice = site.create("alice")
    alice.change_passphrase(None, "first")
    before = (site.home("alice") / "vault").read_bytes()
    for former, new, error in (
        ("wrong", "second", WrongPassphraseError),
        (None, "second", WrongPassphraseError),
        ("first", "", InvalidPassphraseError),
        ("first", "x" * 2000, InvalidPassphraseError),
    ):
        with pytest.raises(error):
            alice.change_passphrase(former, new)
    assert (site.home("alice") / "vault").read_bytes() == before


def test_through_another_process_which_goes_on(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    # As another process would: attached to the first.
    with site.open("alice") as second:
        second.change_passphrase(None, "first")
        with pytest.raises(WrongPassphraseError):
            second.change_passphrase("wrong", "second")
    bob.send("alice", "hello")
    while not alice.unshown():
        alice.next_event(30)
    alice.close()
    assert _opens(site.home("alice"), "first")


def test_a_page_begins_at_the_first(site: "Site") -> None:
    alice, _ = site.create("alice"), site.create("bob")
    for number in range(5):
        alice.send("bob", str(number))
    read: list[str] = []
    after = 0
    while page := alice.page("bob", after=after, limit=2):
        assert len(page) <= 2
        read += [message.text for message in page]
        after = page[-1].number
    assert read == ["0", "1", "2", "3", "4"]
