"""The end of an account: gone at the relay, gone from the disk, its key first, and whoever had it open is done with it."""

import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from e2echat.client import keeper, leaving, locking
from e2echat.errors import (
    LocalError,
    LockedError,
    NoProfileError,
    NoSuchPeerError,
    ProfileBusyError,
    RefusedError,
    RelayUnreachableError,
    StorageError,
)
from e2echat.store.profile import Profile
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0


def _is_gone(site: "Site", name: str) -> bool:
    with pytest.raises(NoProfileError):
        site.open(name)
    return not site.home(name).exists()


def test_it_is_gone_here_and_there(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    bob.send("alice", "hello")
    alice.delete_account("alice")
    assert _is_gone(site, "alice")
    with pytest.raises(NoProfileError):
        alice.status()
    with pytest.raises(NoSuchPeerError):
        site.create("carol").safety("alice")
    with pytest.raises(RefusedError):
        site.create("alice")
    with pytest.raises(RefusedError):
        site.create("a1ice")


def test_through_another_process_and_for_all(site: "Site") -> None:
    alice = site.create("alice")
    heir, other = site.open("alice", stays=True), site.open("alice")
    other.delete_account("alice")
    for account in (alice, heir, other):
        with pytest.raises(NoProfileError):
            account.contacts()
        assert account._sharing._vault is None
        assert account._sharing._bequest is None
    assert _is_gone(site, "alice")


def test_another_name_deletes_nothing(site: "Site") -> None:
    alice = site.create("alice")
    for name in ("bob", "Alice", "", "alice "):
        with pytest.raises(LocalError):
            alice.delete_account(name)
    assert alice.name == "alice"


def test_without_the_relay_nothing_is_deleted_unless_that_is_wanted(site: "Site") -> None:
    alice = site.create("alice")
    site.stop()
    with pytest.raises(RelayUnreachableError):
        alice.delete_account("alice", timeout=1)
    assert alice.name == "alice"
    alice.delete_account("alice", local_only=True)
    assert _is_gone(site, "alice")
    site.start()
    with pytest.raises(RefusedError):
        site.create("alice")


def test_it_may_be_asked_for_again_when_the_answer_was_lost(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = site.create("alice")

    def lost(*arguments: object) -> None:
        leaving.leave(*arguments)  # type: ignore[arg-type]
        raise RelayUnreachableError

    with monkeypatch.context() as patch:
        patch.setattr(keeper, "leave", lost)
        with pytest.raises(RelayUnreachableError):
            alice.delete_account("alice")
    assert alice.name == "alice"
    alice.delete_account("alice")
    assert _is_gone(site, "alice")


def test_the_key_goes_before_anything_else(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    alice, home = site.create("alice"), site.home("alice")
    os.link(home / "vault", home.parent / "blocks")
    monkeypatch.setattr(locking, "WAIT", 0.1)
    monkeypatch.setattr(Profile, "delete", lambda _: None)
    with pytest.raises(StorageError):
        alice.delete_account("alice", local_only=True)
    blocks = (home.parent / "blocks").read_bytes()
    assert blocks == bytes(len(blocks))
    assert (home / "database").exists()
    with pytest.raises(NoProfileError):
        site.open("alice")


def test_what_a_killed_deletion_left_is_no_profile_and_makes_room_for_another(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = site.create("alice")
    with monkeypatch.context() as patch:
        patch.setattr(locking, "WAIT", 0.1)
        patch.setattr(Profile, "delete", lambda _: None)
        with pytest.raises(StorageError):
            alice.delete_account("alice")
    with site.create("carol", "alice") as carol:
        assert carol.name == "carol"


def test_files_of_others_stay(site: "Site") -> None:
    alice, home = site.create("alice"), site.home("alice")
    (home / "downloads").mkdir()
    (home / "downloads" / "picture").write_text("precious")
    (home / "notes").write_text("mine")
    alice.delete_account("alice", local_only=True)
    assert {path.name for path in home.iterdir()} == {"downloads", "notes"}


def test_a_relay_that_refuses_keeps_all(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    alice = site.create("alice")

    def refuse(*_: object) -> None:
        raise RefusedError("the relay's disk failed", "storage")

    monkeypatch.setattr(keeper, "leave", refuse)
    with pytest.raises(RefusedError):
        alice.delete_account("alice")
    assert alice.name == "alice"


@pytest.mark.parametrize("way", ["delete", "passphrase"])
def test_whoever_was_locked_out_meanwhile_touches_nothing_any_more(
    site: "Site", monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The relay answers late, or Argon2 is slow; by then the profile may be another process's."""
    alice = site.create("alice")
    local = inside(alice)
    vault = local.profile.vault.read_bytes()
    alice.close()
    monkeypatch.setattr(keeper, "leave", lambda *_: None)
    change = {
        "delete": partial(local.delete_account, "alice"),
        "passphrase": partial(local.change_passphrase, None, "correct horse"),
    }[way]
    with pytest.raises(LockedError):
        change()
    assert local.profile.vault.read_bytes() == vault
    assert not local.deleted


def test_the_profile_is_not_let_go_of_while_its_vault_changes(site: "Site") -> None:
    alice = site.create("alice")
    local = inside(alice)
    closing = threading.Thread(target=alice.close)
    with local._at_vault:
        closing.start()
        with pytest.raises(ProfileBusyError):
            local.profile.lock(0.2)
    closing.join(PATIENCE)
    local.profile.lock(PATIENCE).release()
