"""Attacks from the outside: real processes at a relay that was made hostile."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from e2echat.client.holding import unlock
from e2echat.store.database import Database
from e2echat.store.profile import Profile
from e2echat.store.records import Records
from tests.e2e.conftest import RecordingProxy
from tests.e2e.processes import COMMAND, PATIENCE, RelayProcess, Someone, environment
from tests.helpers.hostile_relay import Fate, Frame, HostileRelay

pytestmark = pytest.mark.campaign
FLOOD = 400


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path / "relay", tls=False)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def relay(honest: RelayProcess, proxy_to: Callable[[str, int], RecordingProxy]) -> HostileRelay:
    return HostileRelay(proxy_to("127.0.0.1", honest.port))


@pytest.fixture
def people(honest: RelayProcess, relay: HostileRelay, tmp_path: Path) -> tuple[Someone, Someone]:
    """Alice and Bob, who do not know each other yet."""
    alice, bob = (Someone(name, tmp_path, relay.address(honest.address)).join() for name in ("alice", "bob"))
    return alice, bob


def acquaint(alice: Someone, bob: Someone) -> None:
    assert alice.run("send", "--peer", "bob", "hello").returncode == 0
    assert bob.run("send", "--peer", "alice", "hi").returncode == 0
    assert alice.texts() == ["hi"]
    assert bob.texts() == ["hello"]


def test_9_what_the_relay_loses_after_it_said_accepted_is_sent_again(
    relay: HostileRelay, people: tuple[Someone, Someone]
) -> None:
    alice, bob = people
    acquaint(alice, bob)
    before = len(relay.seen)
    relay.fate = lambda _: Fate.LOST
    command = [*COMMAND, "--home", str(bob.profile), "receive", "--follow"]
    listening = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(bob.home))
    assert alice.run("send", "--peer", "bob", "one", "--wait", "stored").returncode == 0
    unsure = alice.run("send", "--peer", "bob", "two", "--wait", "delivered", "--timeout", "0.5")
    assert unsure.returncode == 3  # it says no more than is true
    relay.proxy.wait_for(lambda: len(relay.seen) >= before + 2)
    listening.terminate()
    assert listening.communicate(timeout=PATIENCE)[0] == b""
    relay.fate = lambda _: Fate.GIVEN
    assert bob.texts() == []  # the relay really has nothing any more
    assert alice.run("send", "--peer", "bob", "three").returncode == 0
    assert bob.texts() == ["one", "two", "three"]
    assert alice.run("receive").returncode == 0
    assert {line["state"] for line in alice.json("history", "bob") if line["direction"] == "out"} <= {
        "delivered",
        "read",
    }


def test_11_a_flood_of_garbage_changes_nothing(relay: HostileRelay, people: tuple[Someone, Someone]) -> None:
    alice, bob = people
    acquaint(alice, bob)
    random = Random(11)

    def garbage(real: Frame) -> list[Frame]:
        tag, body = real
        flood = [random.randbytes(random.choice([17, 18, 60, 2064, 4624, 61_456])) for _ in range(FLOOD // 4)]
        # Of every kind of envelope; bits of a real one turned; a real one that is not whole.
        flood += [
            body[:16] + bytes([kind]) + random.randbytes(4607) for kind in (1, 2) for _ in range(FLOOD // 4)
        ]
        for _ in range(FLOOD // 4):
            bent = bytearray(body)
            bent[random.randrange(16, len(bent))] ^= 1 << random.randrange(8)
            flood.append(bytes(bent[: random.choice([len(bent), random.randrange(17, len(bent))])]))
        return [(tag, one) for one in flood]

    before = sum(path.stat().st_size for path in bob.profile.iterdir())
    relay.made_up = garbage
    for text in ("one", "two"):
        assert alice.run("send", "--peer", "bob", text).returncode == 0
    done = bob.run("receive", "--max", "2", "--timeout", "30")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().count("\n") == 2
    assert sorted(str(line["text"]) for line in bob.json("history", "alice")) == ["hello", "hi", "one", "two"]
    assert [contact["name"] for contact in bob.json("contacts")] == ["alice"]
    assert sum(path.stat().st_size for path in bob.profile.iterdir()) < before + 200_000


def test_18_drained_of_one_time_prekeys_people_still_meet_and_are_told(
    relay: HostileRelay, people: tuple[Someone, Someone]
) -> None:
    alice, bob = people
    relay.without_one_time = True
    assert alice.run("send", "--peer", "bob", "hello").returncode == 0
    assert b"reduced forward secrecy" in bob.run("receive").stdout
    assert bob.run("send", "--peer", "alice", "hi").returncode == 0
    assert alice.texts() == ["hi"]
    assert alice.run("send", "--peer", "bob", "again").returncode == 0
    said = bob.run("receive").stdout
    assert b"again" in said
    assert b"reduced forward secrecy" not in said


def test_26_a_first_message_that_is_repeated_for_ever_is_shown_once(
    relay: HostileRelay, people: tuple[Someone, Someone]
) -> None:
    alice, bob = people
    assert alice.run("send", "--peer", "bob", "hello").returncode == 0
    assert bob.texts() == ["hello"]
    ((tag, first),) = relay.seen
    again = [(tag, first), (tag, bytes(16) + first[16:])]
    relay.made_up = lambda _: again
    for number in range(2):
        assert alice.run("send", "--peer", "bob", str(number)).returncode == 0
        assert bob.texts() == [str(number)]
        assert bob.run("send", "--peer", "alice", f"re: {number}").returncode == 0
        assert alice.texts() == [f"re: {number}"]
    assert [contact["name"] for contact in bob.json("contacts")] == ["alice"]
    assert b"restarted" not in bob.run("receive").stderr


def hide_that_it_is_a_copy(home: Path) -> None:
    """Whoever steals a device uses another program, if ours says that it is one."""
    profile = Profile.open(home)
    with profile.lock():
        vault = unlock(profile, str)
        records = Records(Database.open(profile.database, vault.database_key, must_exist=True))
        with records.transaction():
            records.delete_own("counter_file")
        records.close()


def test_38_a_cloned_device_is_out_once_its_victim_has_talked(
    people: tuple[Someone, Someone], tmp_path: Path
) -> None:
    alice, bob = people
    acquaint(alice, bob)
    (tmp_path / "elsewhere").mkdir()
    clone = Someone("bob", tmp_path / "elsewhere", bob.address)
    shutil.copytree(bob.profile, clone.profile)
    hide_that_it_is_a_copy(clone.profile)
    # A round trip, after which the clone's chains are over.
    assert bob.run("send", "--peer", "alice", "one").returncode == 0
    assert alice.texts() == ["one"]
    assert alice.run("send", "--peer", "bob", "two").returncode == 0
    assert bob.texts() == ["two"]
    posing = clone.run("send", "--peer", "alice", "send money", "--wait", "delivered", "--timeout", "1")
    assert posing.returncode == 3
    assert alice.texts() == []
    assert bob.run("send", "--peer", "alice", "three").returncode == 0
    assert alice.texts() == ["three"]
