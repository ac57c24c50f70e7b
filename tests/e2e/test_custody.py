"""What opens a profile, with real processes: its passphrase while others have it open, and locking."""

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.store.passphrase import FLOOR
from e2echat.store.private_files import read_private, write_private
from e2echat.store.vault import MAX_VAULT, open_vault, seal_vault
from tests.e2e.processes import PATIENCE, RelayProcess, Someone, Terminal

pytestmark = pytest.mark.campaign


def passphrase_file(directory: Path, passphrase: str) -> str:
    path = directory / f"passphrase-{passphrase}"
    path.write_text(passphrase)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def alice(relay: RelayProcess, people: Callable[..., Someone]) -> Someone:
    return people("alice", relay.address).join()


def test_a_passphrase_while_a_daemon_has_the_profile_open(alice: Someone, tmp_path: Path) -> None:
    first, second = (passphrase_file(tmp_path, each) for each in ("first", "second"))
    daemon = alice.daemon()
    alice.variables["E2ECHAT_NEW_PASSPHRASE_FILE"] = first
    assert alice.run("passphrase").returncode == 0
    alice.variables |= {"E2ECHAT_PASSPHRASE_FILE": first, "E2ECHAT_NEW_PASSPHRASE_FILE": second}
    done = alice.run("passphrase")
    assert done.returncode == 0, done.stderr
    # Now the former one is not the one that it has.
    assert alice.run("passphrase").returncode == 6
    assert alice.json("status")[0]["passphrase"] is True
    daemon.terminate()
    assert daemon.communicate(timeout=PATIENCE) == (b"", b"")
    assert alice.run("contacts").returncode == 6
    alice.variables["E2ECHAT_PASSPHRASE_FILE"] = second
    assert alice.run("contacts").returncode == 0


# --- locking ---------------------------------------------------------------------------------------------------------

PASSPHRASE = "correct horse"
SECRET = "NOBODY-ELSE-READS-THIS"


def memory(process: int) -> bytes:
    """All that a process can write to, and so all that it may have written."""
    found = []
    with Path(f"/proc/{process}/maps").open() as maps, Path(f"/proc/{process}/mem").open("rb", 0) as mem:
        for line in maps:
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                start, end = (int(each, 16) for each in span.split("-"))
                mem.seek(start)
                with suppress(OSError):  # what the system keeps for itself
                    found.append(mem.read(end - start))
    return b"".join(found)


def secrets_in(process: int, someone: Someone) -> set[str]:
    """Which of a profile's secrets a process has."""
    vault = open_vault(read_private(someone.profile / "vault", MAX_VAULT), PASSPHRASE)
    wanted = {
        "account key": vault.account_seed,
        "database key": vault.database_key,
        "database key in hexadecimal": vault.database_key.hex().encode(),
        "text": SECRET.encode(),
        "passphrase": PASSPHRASE.encode(),
    }
    present = memory(process)
    return {name for name, needle in wanted.items() if needle in present}


@pytest.fixture
def knowing(alice: Someone, randomness: SystemRandomness, tmp_path: Path) -> Someone:
    """alice, with a passphrase that takes little work, and with a file that has it."""
    vault = alice.profile / "vault"
    contents = open_vault(read_private(vault, MAX_VAULT), None)
    write_private(vault, seal_vault(contents, PASSPHRASE, randomness, FLOOR))
    alice.variables["E2ECHAT_PASSPHRASE_FILE"] = passphrase_file(tmp_path, PASSPHRASE)
    return alice


@pytest.fixture
def ignorant(knowing: Someone) -> Someone:
    """The same, who has to type it."""
    return replace(knowing, variables={})


@pytest.fixture
def bob(knowing: Someone, relay: RelayProcess, people: Callable[..., Someone]) -> Someone:
    """Who has written to her."""
    bob = people("bob", relay.address).join()
    assert bob.run("send", "--peer", "alice", SECRET).returncode == 0
    assert knowing.texts() == [SECRET]
    return bob


def talk_with_bob(someone: Someone) -> Terminal:
    talk = someone.terminal("talk", "--peer", "bob")
    talk.wait_for("Passphrase:")
    talk.type(PASSPHRASE + "\r")
    talk.wait_for(SECRET)
    return talk


def test_talk_is_locked_and_opened_again(bob: Someone, ignorant: Someone) -> None:
    talk = ignorant.terminal("talk", "--peer", "bob")
    talk.wait_for("Passphrase:")
    talk.type("wrong\r")
    talk.wait_for("wrong passphrase")
    talk.type(PASSPHRASE + "\r")
    talk.wait_for(SECRET, "connected")
    talk.type("half a li")
    talk.wait_for("> half a li")
    before = secrets_in(talk.child.pid, ignorant)
    assert {"account key", "database key", "text"} <= before
    assert ignorant.json("lock") == [{"type": "locked", "was_open": True}]
    talk.wait_for("Locked.", "Passphrase:")
    assert not [line for line in talk.lines() if SECRET in line or "half a li" in line]
    assert secrets_in(talk.child.pid, ignorant) == set()
    assert ignorant.run("contacts").returncode == 6
    talk.type(PASSPHRASE + "\r")
    talk.wait_for(SECRET, "connected")
    assert ignorant.run("contacts").returncode == 0
    talk.type("/quit\r")
    assert talk.end() == 0
    assert ignorant.json("lock") == [{"type": "locked", "was_open": False}]


@pytest.fixture
def asking(
    bob: Someone, ignorant: Someone, knowing: Someone, relay: RelayProcess, people: Callable[..., Someone]
) -> Terminal:
    """Where talk asks with whom: bob, or carol."""
    assert bob
    people("carol", relay.address).join()
    assert knowing.run("send", "--peer", "carol", "hello").returncode == 0
    talk = ignorant.terminal("talk")
    talk.wait_for("Passphrase:")
    talk.type(PASSPHRASE + "\r")
    talk.wait_for("bob", "carol", "With whom?")
    return talk


def test_talk_is_locked_while_it_asks_with_whom(asking: Terminal, ignorant: Someone) -> None:
    assert ignorant.json("lock") == [{"type": "locked", "was_open": True}]
    asking.wait_for("Locked.", "Passphrase:")
    assert not [line for line in asking.lines() if "bob" in line or "carol" in line]


def test_talk_comes_back_to_the_conversation_that_was_chosen(asking: Terminal) -> None:
    asking.type("bob\r")
    asking.wait_for(SECRET, "connected")
    asking.type("/lock\r")
    asking.wait_for("Locked.", "Passphrase:")
    asking.type(PASSPHRASE + "\r")
    asking.wait_for(SECRET, "bob | not verified | connected")
    asking.type("/quit\r")
    assert asking.end() == 0


def test_talk_comes_back_to_a_conversation_in_which_nothing_was_said(
    asking: Terminal, relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    people("dora", relay.address).join()
    asking.type("dora\r")
    asking.wait_for("Ask the relay for them?")
    asking.type("y\r")
    asking.wait_for("dora | not verified | connected")
    asking.type("/lock\r")
    asking.wait_for("Locked.", "Passphrase:")
    asking.type(PASSPHRASE + "\r")
    asking.wait_for("dora | not verified | connected")
    asking.type("/quit\r")
    assert asking.end() == 0


def test_what_is_typed_before_the_question_is_not_shown(asking: Terminal) -> None:
    asking.type("/lock\r")
    asking.wait_for("Locked.")
    assert not asking.child.getecho()
    asking.type("typed ahead\r")
    asking.wait_for("Passphrase:")
    asking.type(PASSPHRASE + "\r")
    asking.wait_for("With whom?")
    assert not [line for line in asking.lines() if "typed ahead" in line]
    assert asking.child.getecho()
    asking.type("/lock\r")
    asking.wait_until_gone("With whom?")
    asking.wait_for("Locked.", "Passphrase:")
    # It ends, and leaves the terminal as it was.
    asking.type("\x03")
    asking.child.expect(pexpect.EOF)
    assert asking.child.getecho()


def test_a_daemon_is_locked_and_opens_with_the_next_command(knowing: Someone, ignorant: Someone) -> None:
    daemon = knowing.daemon()
    follower = knowing.start("receive", "--follow")
    assert ignorant.run("contacts").returncode == 0
    assert {"account key", "database key"} <= secrets_in(daemon.pid, ignorant)
    assert ignorant.run("lock").returncode == 0
    assert follower.wait(PATIENCE) == 6
    while knowing.owner() != daemon.pid:
        assert daemon.poll() is None
    # It has a file with the passphrase in its environment, and leaves it alone.
    assert secrets_in(daemon.pid, ignorant) == set()
    assert ignorant.run("contacts").returncode == 6
    assert knowing.run("contacts").returncode == 0
    while knowing.owner() != daemon.pid:
        assert daemon.poll() is None
    assert ignorant.run("contacts").returncode == 0
    daemon.terminate()
    assert daemon.communicate(timeout=PATIENCE) == (b"", b"")
    assert daemon.returncode == 0


def test_a_daemon_may_begin_locked(ignorant: Someone) -> None:
    daemon = ignorant.start("daemon", "--locked")
    while ignorant.owner() != daemon.pid:
        assert daemon.poll() is None
    assert ignorant.run("contacts").returncode == 6
    daemon.terminate()
    assert daemon.wait(PATIENCE) == 0


def is_stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2][:1] == b"T"


def test_who_is_suspended_forgets_before_it_goes_on(bob: Someone, ignorant: Someone) -> None:
    talk = talk_with_bob(ignorant)
    talk.wait_for("connected")
    talk.type("\x1a")
    while not is_stopped(talk.child.pid):
        pass
    assert ignorant.json("lock") == [{"type": "locked", "was_open": False}]
    talk.child.kill(signal.SIGCONT)
    talk.wait_for("Locked.", "Passphrase:")
    assert secrets_in(talk.child.pid, ignorant) == set()


def test_it_locks_by_itself(bob: Someone, knowing: Someone, ignorant: Someone) -> None:
    assert knowing.run("settings", "--lock-after", "1s").returncode == 0
    talk = ignorant.terminal("talk", "--peer", "bob")
    talk.wait_for("Passphrase:")
    talk.type(PASSPHRASE + "\r")
    talk.wait_for("Locked.", "Passphrase:")
    assert not [line for line in talk.lines() if SECRET in line]


def test_without_a_passphrase_nothing_is_promised(alice: Someone) -> None:
    done = alice.run("lock")
    assert done.returncode == 2
    assert b"no passphrase" in done.stderr
    assert alice.run("settings", "--lock-after", "10m").returncode == 2


def test_an_owner_that_hangs_is_named(knowing: Someone, ignorant: Someone) -> None:
    daemon = knowing.daemon()
    daemon.send_signal(signal.SIGSTOP)
    done = ignorant.run("lock")
    assert done.returncode == 6
    assert str(daemon.pid).encode() in done.stderr
    daemon.send_signal(signal.SIGCONT)


# --- the end ---------------------------------------------------------------------------------------------------------


def test_a_deleted_account_is_gone_for_everybody(
    relay: RelayProcess, bob: Someone, knowing: Someone, ignorant: Someone
) -> None:
    assert knowing.run("send", "--peer", "bob", "hi").returncode == 0
    daemon, home = knowing.daemon(), knowing.profile
    talk = ignorant.terminal("talk", "--peer", "bob")
    talk.wait_for("connected")
    relay.stop()
    assert ignorant.run("delete-account", "--yes", "alice", "--timeout", "1").returncode == 5
    assert home.exists()
    relay.start()
    assert ignorant.run("delete-account", "--yes", "bob").returncode == 2
    done = ignorant.run("delete-account", "--yes", "alice")
    assert done.returncode == 0, done.stderr
    assert not home.exists()
    assert talk.end() == 2
    assert daemon.wait(PATIENCE) == 2
    assert ignorant.run("contacts").returncode == 2
    assert ignorant.run("init", "alice", "--relay", relay.address, "--no-passphrase").returncode == 8
    assert not home.exists()
    assert bob.run("send", "--peer", "alice", "are you there?", "--timeout", "2").returncode == 3
