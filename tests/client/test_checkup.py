"""What a checkup finds: each thing that may be wrong, on real profiles, and in what an account says."""

import fcntl
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.client import checkup as module
from e2echat.client import holding
from e2echat.client.account import Account
from e2echat.client.checkup import BACKUP_LASTS, LEAST_FREE, RENEWED_LATELY, WAITED_LONG, checkup
from e2echat.client.events import MessageState
from e2echat.client.findings import Finding, State
from e2echat.client.local import LocalAccount
from e2echat.client.status import MOST_SKEW, RelayAnswer, Status, span_words
from e2echat.client.values import from_json, to_json
from e2echat.errors import (
    DamagedStorageError,
    E2EChatError,
    NewerStorageError,
    NoProfileError,
    ProfileBusyError,
    RefusedError,
    RelayUnreachableError,
    StorageError,
    UnsafeProfileError,
    VaultMissingError,
    WrongClockError,
    WrongPassphraseError,
    WrongRelayError,
)
from e2echat.store.database import Database
from e2echat.store.passphrase import FLOOR
from e2echat.store.vault import seal_vault
from tests.helpers.inside import inside

if TYPE_CHECKING:
    from tests.client.conftest import Site

PATIENCE = 30.0
NOW = datetime.now(UTC)
CHECKS = [
    *("versions", "profile", "permissions", "vault", "process", "disk", "database", "relay"),
    *("clock", "sign-in", "queue", "keys", "copy", "prekeys", "backup", "owner"),
]


def _wrong_passphrase() -> str:
    return "wrong"


def examined(home: Path, passphrase: Callable[[], str] = str) -> dict[str, Finding]:
    found = list(checkup(home, lambda: Account.open(home, passphrase), PATIENCE))
    assert len({each.check for each in found}) == len(found)
    return {each.check: each for each in found}


def errors(found: dict[str, Finding]) -> dict[str, type[E2EChatError]]:
    return {check: type(each.error) for check, each in found.items() if each.error is not None}


def warned(found: dict[str, Finding]) -> set[str]:
    return {check for check, each in found.items() if each.state is State.WARNING}


@pytest.fixture(name="home")
def _home(site: "Site") -> Path:
    """An account that nobody has open."""
    site.create("alice").close()
    return site.home("alice")


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have an account's status say something else."""
    really = LocalAccount.status

    def change(**changes: object) -> None:
        def status(account: LocalAccount) -> Status:
            return replace(really(account), **changes)  # type: ignore[arg-type] # as the test says

        monkeypatch.setattr(LocalAccount, "status", status)

    return change


def test_all_is_looked_at_and_fine(home: Path) -> None:
    found = examined(home)
    assert list(found) == CHECKS
    assert errors(found) == {}
    assert warned(found) == {"vault", "backup"}
    assert all(each.command for each in found.values() if each.state is State.WARNING)
    assert str(home) in found["profile"].words


# --- what needs no passphrase -----------------------------------------------------------------------------------------


def test_no_profile(tmp_path: Path) -> None:
    found = examined(tmp_path / "none")
    assert errors(found) == {"profile": NoProfileError}
    assert found["profile"].command == module.INIT
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("text")
    assert errors(examined(tmp_path / "file")) == {"profile": StorageError}


def test_a_deletion_that_was_killed_is_said_and_can_be_gone_on_with(home: Path) -> None:
    vault = home / "vault"
    vault.write_bytes(bytes(vault.stat().st_size))
    found = examined(home)
    assert errors(found) == {"profile": NoProfileError}
    assert "was deleted" in found["profile"].words
    assert found["profile"].command == module.DELETE
    assert Account.remove_left_over(home)
    assert not home.exists()


def test_a_missing_vault_is_not_taken_for_no_account(home: Path) -> None:
    (home / "vault").unlink()
    found = examined(home)
    assert errors(found) == {"profile": VaultMissingError}
    assert found["profile"].command == module.RESTORE
    with pytest.raises(VaultMissingError):
        Account.open(home, str)


def test_modes_are_told_and_mended(home: Path) -> None:
    home.chmod(0o755)
    (home / "database").chmod(0o644)
    found = examined(home)["permissions"]
    assert found.state is State.MENDED
    assert f"{home.name} from 0755 to 0700" in found.words
    assert "database from 0644 to 0600" in found.words
    assert (home / "database").stat().st_mode & 0o777 == 0o600
    assert examined(home)["permissions"].state is State.FINE


def test_a_planted_link_is_wrong_and_nothing_is_opened(home: Path, tmp_path: Path) -> None:
    (home / "database").rename(tmp_path / "elsewhere")
    (home / "database").symlink_to(tmp_path / "elsewhere")
    found = examined(home)
    assert errors(found) == {"permissions": UnsafeProfileError}
    assert found["permissions"].command == f"ls -ld {home / 'database'}"
    assert list(found)[-1] == "permissions"


def test_a_damaged_vault(home: Path) -> None:
    (home / "vault").write_bytes(b"nonsense")
    found = examined(home)
    assert errors(found) == {"vault": DamagedStorageError}
    assert found["vault"].command == module.RESTORE


@pytest.fixture
def sealed(site: "Site", monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile under a passphrase."""
    monkeypatch.setattr(holding, "seal_vault", partial(seal_vault, cost=FLOOR))
    Account.create(site.home("alice"), "alice", site.address, "right", timeout=PATIENCE).close()
    return site.home("alice")


def test_without_the_passphrase_the_rest_is_unknown(sealed: Path) -> None:
    found = examined(sealed, _wrong_passphrase)
    assert found["vault"].state is State.FINE
    assert errors(found) == {"account": WrongPassphraseError}
    assert found["account"].state is found["relay"].state is State.UNKNOWN
    assert "database" not in found
    assert errors(examined(sealed, lambda: "right")) == {}


def test_who_has_the_profile_open(home: Path, site: "Site") -> None:
    assert "nobody" in examined(home)["process"].words
    owner = site.open("alice")
    found = examined(home)
    assert str(os.getpid()) in found["process"].words
    assert errors(found) == {}
    owner.close()


def test_a_socket_that_a_killed_process_left(home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "agent.sock"))
    found = examined(home)
    assert "was killed" in found["process"].words
    assert errors(found) == {}


def test_a_process_that_holds_the_profile_and_serves_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.client.sharing.WAIT", 0.1)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        found = examined(home)
    assert "4711" in found["process"].words
    assert errors(found) == {"account": ProfileBusyError}
    assert found["account"].command == "kill 4711"


def test_a_disk_that_is_full(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, wrong in ((LEAST_FREE - 1, True), (LEAST_FREE, False)):
        monkeypatch.setattr(module, "free_at", lambda _, free=free: free)
        found = examined(home)
        assert ("disk" in errors(found)) is wrong
        assert "relay" in found


# --- the database -----------------------------------------------------------------------------------------------------


def _spoil(home: Path, place: int) -> None:
    raw = bytearray((home / "database").read_bytes())
    raw[place] ^= 1
    (home / "database").write_bytes(raw)


def test_a_database_that_does_not_open(home: Path) -> None:
    _spoil(home, 100)
    found = examined(home)
    assert errors(found) == {"database": DamagedStorageError}
    assert found["database"].command == module.RESTORE
    assert found["relay"].state is State.UNKNOWN


def test_one_bad_page_anywhere_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The last page is no page that anything of an empty account is read from.
    account = Account.open(home, str, connect=False)
    records = inside(account).runtime.records
    with records.transaction():
        records.set_own("filling", bytes(100_000))
    with records.transaction():
        records.delete_own("filling")
    account.close()
    _spoil(home, -2000)
    found = examined(home)
    assert errors(found) == {"database": DamagedStorageError}
    assert found["relay"].state is State.FINE
    monkeypatch.setattr(Database, "check", lambda _: None)
    assert errors(examined(home)) == {}


def test_a_newer_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account.open(home, str, connect=False)
    inside(account).runtime.records._database.execute("PRAGMA user_version = 1000")
    account.close()
    found = examined(home)
    assert errors(found) == {"database": NewerStorageError}
    assert found["database"].command == module.UPGRADE


# --- the relay --------------------------------------------------------------------------------------------------------


def test_a_relay_that_is_down(home: Path, site: "Site") -> None:
    site.stop()
    found = examined(home)
    assert errors(found) == {"relay": RelayUnreachableError}
    assert site.address in found["relay"].words
    assert {found[check].state for check in ("clock", "sign-in", "prekeys")} == {State.UNKNOWN}


def test_another_relay_in_its_place(home: Path, site: "Site") -> None:
    site.stop()
    site.directory /= "another"
    site.start()
    found = examined(home)
    assert errors(found) == {"relay": WrongRelayError}
    assert found["relay"].command == "e2echat move ADDRESS"


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("beyond", "wrong"), [(1, True), (-1, False)])
def test_clocks_that_are_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch, sign: int, beyond: float, wrong: bool
) -> None:
    answer = RelayAnswer("relay", 2.0, sign * (MOST_SKEW + 2 + beyond))
    monkeypatch.setattr(LocalAccount, "ask_relay", lambda *_, timeout: answer if timeout else None)
    found = examined(home)
    assert errors(found) == ({"clock": WrongClockError} if wrong else {})
    assert ("ahead" in found["clock"].words) is (sign > 0)


def test_an_account_that_the_relay_does_not_let_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: LocalAccount) -> None:
        raise RefusedError("the relay has seen a newer installation of this account", "stale")

    monkeypatch.setattr(LocalAccount, "require_connection", refused)
    found = examined(home)
    assert errors(found) == {"sign-in": RefusedError}
    assert found["sign-in"].command == module.RESTORE


# --- what may cost something one day ----------------------------------------------------------------------------------


def test_what_waits_for_long(home: Path, change: Callable[..., None]) -> None:
    change(queued=3, oldest_queued=NOW - WAITED_LONG + timedelta(hours=1))
    assert examined(home)["queue"].state is State.FINE
    change(queued=3, oldest_queued=NOW - WAITED_LONG - timedelta(hours=1))
    found = examined(home)
    assert "queue" in warned(found)
    assert "3" in found["queue"].words


def test_what_waits_really(home: Path, site: "Site") -> None:
    alice, bob = site.open("alice"), site.create("bob")
    hello = alice.send("bob", "hello")
    assert alice.wait(hello, MessageState.STORED, PATIENCE) is not MessageState.QUEUED
    bob.close()
    site.stop()
    alice.send("bob", "waits")
    now = alice.status()
    assert now.queued == 1
    assert now.oldest_queued == alice.history("bob")[-1].sent_at
    assert now.local_prekeys == 100


def test_a_contacts_changed_key(home: Path, site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    alice = site.open("alice")
    site.create("bob")
    alice.send("bob", "hello")
    (bob,) = alice.contacts()
    monkeypatch.setattr(LocalAccount, "contacts", lambda _: [replace(bob, key_changed=True)])
    found = examined(home)
    assert "keys" in warned(found)
    assert found["keys"].command == "e2echat verify bob"


def test_prekeys_that_run_short(home: Path, change: Callable[..., None]) -> None:
    for left, short in ((24, True), (25, False)):
        change(one_time_prekeys=left)
        assert ("prekeys" in warned(examined(home))) is short


def test_a_copied_profile(home: Path, change: Callable[..., None]) -> None:
    with Account.open(home, str, connect=False) as account:
        assert account.status().renewed is None
    shutil.copytree(home, home.with_name("copy"))
    shutil.rmtree(home)
    home.with_name("copy").rename(home)
    for _ in range(2):
        found = examined(home)
        assert found["copy"].state is State.WARNING
        assert "this profile is a copy" in found["copy"].words
        assert "contacts are told" in found["copy"].words
    with Account.open(home, str, connect=False) as account:
        renewed = account.status().renewed
    assert renewed is not None
    assert timedelta(0) <= datetime.now(UTC) - renewed < timedelta(hours=1)
    change(renewed=NOW - RENEWED_LATELY - timedelta(hours=1))
    assert "copy" not in warned(examined(home))


def test_the_last_backup(home: Path, tmp_path: Path, change: Callable[..., None]) -> None:
    with Account.open(home, str, connect=False) as account:
        assert account.status().last_backup is None
        account.backup(str(tmp_path / "backup"), "of its own")
        last = account.status().last_backup
    assert last is not None
    assert timedelta(0) <= datetime.now(UTC) - last < timedelta(minutes=5)
    assert "backup" not in warned(examined(home))
    change(last_backup=NOW - BACKUP_LASTS - timedelta(hours=1))
    assert "backup" in warned(examined(home))


def test_an_owner_of_another_version(home: Path, site: "Site", change: Callable[..., None]) -> None:
    owner = site.open("alice")
    now = owner.status()
    assert now.versions is not None
    change(process=4711)
    assert "owner" not in warned(examined(home))
    change(process=4711, versions=replace(now.versions, e2echat="0.0.1"))
    assert examined(home)["owner"].command == "kill 4711"
    change(process=4711, versions=None)
    assert "owner" in warned(examined(home))


def test_a_status_goes_through_the_socket_as_it_is(home: Path, site: "Site") -> None:
    now = site.open("alice").status()
    assert from_json(Status, to_json(now), "status") == now
    assert now.size > 0
    assert now.free > 0


def test_damage_is_told_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> None:
        raise DamagedStorageError("page 7 is damaged")

    for name in ("check_database", "status", "contacts"):
        monkeypatch.setattr(LocalAccount, name, damaged)
    found = examined(home)
    assert errors(found) == {"database": DamagedStorageError}
    assert found["queue"].state is found["owner"].state is State.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (119.0, "119.0 s"),
        (120.0, "2 minutes"),
        (10_800.0, "3 hours"),
        (30 * 86_400.0, "30 days"),
    ],
)
def test_a_span_is_said_as_people_would(seconds: float, words: str) -> None:
    assert span_words(seconds) == words
    assert f"{words} behind" in RelayAnswer("relay", 0.0, -seconds).clock_words
