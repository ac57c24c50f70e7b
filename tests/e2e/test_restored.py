"""A laptop is lost in the middle of a conversation, and its account restored on another from last month's backup."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.processes import RelayProcess, Someone

pytestmark = pytest.mark.campaign
BACKUP = "correct horse battery"


@pytest.fixture(autouse=True)
def _passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "passphrase"
    file.write_text(BACKUP)
    file.chmod(0o600)
    monkeypatch.setattr("tests.e2e.processes.KEPT_VARIABLES", {"E2ECHAT_BACKUP_PASSPHRASE_FILE": str(file)})


@pytest.fixture
def friends(relay: RelayProcess, people: Callable[..., Someone]) -> tuple[Someone, Someone]:
    """They have talked, and have verified each other."""
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    assert alice.run("send", "--peer", "bob", "before the backup").returncode == 0
    assert bob.texts() == ["before the backup"]
    assert bob.run("send", "--peer", "alice", "--wait", "stored", "answer").returncode == 0
    assert alice.texts() == ["answer"]
    number = str(alice.json("fingerprint", "bob")[0]["safety_number"])
    assert alice.run("verify", "bob", number).returncode == 0
    assert bob.run("verify", "alice", number).returncode == 0
    return alice, bob


def verified(somebody: Someone, name: str) -> object:
    (contact,) = [each for each in somebody.json("contacts") if each["name"] == name]
    return contact["verified"]


def history(somebody: Someone, name: str) -> list[object]:
    return [line["text"] for line in somebody.json("history", name)]


def test_it_talks_again_at_once_and_verification_is_kept(
    friends: tuple[Someone, Someone], tmp_path: Path
) -> None:
    alice, bob = friends
    file = tmp_path / "alice.backup"
    assert alice.run("backup", str(file)).returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    alice.run("send", "--peer", "bob", "lost with the laptop")
    bob.run("send", "--peer", "alice", "to the lost laptop")
    shutil.rmtree(alice.profile)

    restored = alice.run("restore", str(file), "--no-passphrase")
    assert restored.returncode == 0, restored.stderr
    assert history(alice, "bob") == ["before the backup", "answer"]
    assert verified(alice, "bob")
    assert alice.run("send", "--peer", "bob", "--wait", "stored", "I am back").returncode == 0
    assert bob.texts() == ["lost with the laptop", "I am back"]
    assert bob.run("send", "--peer", "alice", "--wait", "stored", "welcome").returncode == 0
    assert alice.texts() == ["to the lost laptop", "welcome"]
    assert verified(bob, "alice")
    assert history(bob, "alice").count("before the backup") == 1


def test_in_the_middle_of_a_conversation_nothing_is_sent_twice(
    friends: tuple[Someone, Someone], people: Callable[..., Someone], tmp_path: Path
) -> None:
    """Things are under way both ways when the laptop goes: some read, some confirmed, some only at the relay."""
    alice, bob = friends
    file = tmp_path / "alice.backup"
    assert alice.run("backup", str(file)).returncode == 0
    for one, other in ((alice, bob), (bob, alice)):
        assert one.run("send", "--peer", other.name, f"read, of {one.name}").returncode == 0
        assert other.texts() == [f"read, of {one.name}"]
    lost = alice.daemon()
    assert (
        bob.run("send", "--peer", "alice", "seen by the laptop alone", "--wait", "delivered").returncode == 0
    )
    assert alice.run("send", "--peer", "bob", "waits at the relay").returncode == 0
    lost.kill()
    lost.wait()
    assert bob.run("send", "--peer", "alice", "comes too late for it").returncode == 0
    shutil.rmtree(alice.profile)

    (tmp_path / "elsewhere").mkdir()
    laptop = people("alice", alice.address)
    laptop.home = tmp_path / "elsewhere"
    assert laptop.run("restore", str(file), "--no-passphrase").returncode == 0
    assert verified(laptop, "bob")
    assert laptop.run("send", "--peer", "bob", "from the new one").returncode == 0
    assert bob.texts() == ["waits at the relay", "from the new one"]
    assert bob.run("send", "--peer", "alice", "both ways again").returncode == 0
    assert laptop.texts() == ["comes too late for it", "both ways again"]
    assert laptop.run("send", "--peer", "bob", "done").returncode == 0
    assert bob.texts() == ["done"]
    assert laptop.texts() == []
    assert history(laptop, "bob") == [
        *("before the backup", "answer", "from the new one", "comes too late for it"),
        *("both ways again", "done"),
    ]
    assert {line["state"] for line in laptop.json("history", "bob")} <= {"received", "delivered", "read"}
    assert history(bob, "alice") == [
        *("before the backup", "answer", "read, of alice", "read, of bob", "seen by the laptop alone"),
        *("comes too late for it", "waits at the relay", "from the new one", "both ways again", "done"),
    ]
    assert verified(bob, "alice")


def test_an_older_copy_of_the_database_goes_on_as_such(
    friends: tuple[Someone, Someone], tmp_path: Path
) -> None:
    alice, bob = friends
    shutil.copytree(alice.profile, tmp_path / "older")
    alice.run("send", "--peer", "bob", "in the later life")
    assert bob.texts() == ["in the later life"]
    for name in ("database", "database-wal"):
        (alice.profile / name).unlink(missing_ok=True)
        if (tmp_path / "older" / name).exists():
            shutil.copyfile(tmp_path / "older" / name, alice.profile / name)
    assert alice.run("send", "--peer", "bob", "--wait", "stored", "from the older one").returncode == 0
    assert bob.texts() == ["from the older one"]
    assert bob.run("send", "--peer", "alice", "--wait", "stored", "both ways").returncode == 0
    assert alice.texts() == ["both ways"]
    assert verified(bob, "alice")


def test_an_older_copy_of_the_whole_profile_goes_on_as_such(
    friends: tuple[Someone, Someone], tmp_path: Path
) -> None:
    alice, bob = friends
    shutil.copytree(alice.profile, tmp_path / "older")
    for one, other, text in ((alice, bob, "later"), (bob, alice, "answer to it"), (alice, bob, "and later")):
        assert one.run("send", "--peer", other.name, text).returncode == 0
        assert other.texts() == [text]
    shutil.rmtree(alice.profile)
    (tmp_path / "older").rename(alice.profile)
    assert bob.run("send", "--peer", "alice", "while it was away").returncode == 0
    sent = alice.run("send", "--peer", "bob", "from the older one")
    assert sent.returncode == 0, sent.stderr
    assert bob.texts() == ["from the older one"]
    assert bob.run("send", "--peer", "alice", "--wait", "stored", "both ways").returncode == 0
    assert alice.texts() == ["while it was away", "both ways"]
    assert {line["state"] for line in alice.json("history", "bob")} <= {"received", "delivered", "read"}
    assert verified(alice, "bob")
    assert verified(bob, "alice")


def test_a_wrong_passphrase_and_a_damaged_file_leave_no_profile(
    friends: tuple[Someone, Someone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = friends
    file = tmp_path / "alice.backup"
    assert alice.run("backup", str(file)).returncode == 0
    shutil.rmtree(alice.profile)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(raw)
    assert alice.run("restore", str(tmp_path / "damaged"), "--no-passphrase").returncode == 1
    assert not alice.profile.exists()
    (tmp_path / "passphrase").write_text("wrong")
    assert alice.run("restore", str(file), "--no-passphrase").returncode == 6
    assert not alice.profile.exists()


def test_nothing_else_is_overwritten(friends: tuple[Someone, Someone], tmp_path: Path) -> None:
    alice, _ = friends
    letter = tmp_path / "letter"
    letter.write_text("dear")
    assert alice.run("backup", str(letter)).returncode == 1
    assert letter.read_text() == "dear"
    assert not list(alice.profile.glob("snapshot*"))
