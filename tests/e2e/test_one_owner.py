"""Many processes on one profile: whoever owns it serves the others, and its end, of whatever kind, loses nothing."""

import signal
from collections.abc import Callable

import pytest

from tests.e2e.processes import PATIENCE, RelayProcess, Someone

pytestmark = pytest.mark.campaign

Pair = tuple[Someone, Someone]


@pytest.fixture
def pair(relay: RelayProcess, people: Callable[..., Someone]) -> Pair:
    """Two who have met."""
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    assert alice.run("send", "--peer", "bob", "hello").returncode == 0
    assert bob.texts() == ["hello"]
    assert bob.run("send", "--peer", "alice", "hi", "--wait", "delivered", "--timeout", "0").returncode == 3
    assert alice.texts() == ["hi"]
    return alice, bob


def test_six_sends_at_once_beside_an_open_talk(pair: Pair) -> None:
    alice, bob = pair
    at_alice = alice.terminal("talk", "--peer", "bob")
    at_alice.wait_for("connected")
    texts = [f"number {number}" for number in range(6)]
    sending = [alice.start("send", "--peer", "bob", text) for text in texts]
    assert [process.wait(PATIENCE) for process in sending] == [0] * 6
    at_alice.type("and one by hand\r")
    at_alice.wait_for("alice: and one by hand")
    assert sorted(map(str, bob.texts())) == sorted([*texts, "and one by hand"])


def test_six_sends_at_once_with_nobody_else_there(pair: Pair) -> None:
    """Each may be the owner for a moment."""
    alice, bob = pair
    texts = [f"number {number}" for number in range(6)]
    sending = [alice.start("send", "--peer", "bob", text) for text in texts]
    assert [process.wait(PATIENCE) for process in sending] == [0] * 6
    assert sorted(map(str, bob.texts())) == texts
    assert sorted(
        str(line["text"]) for line in alice.json("history", "bob") if line["direction"] == "out"
    ) == [
        "hello",
        *texts,
    ]


def test_talk_takes_over_from_an_owner_that_is_killed(pair: Pair) -> None:
    alice, bob = pair
    daemon = alice.daemon()
    at_alice = alice.terminal("talk", "--peer", "bob")
    at_alice.wait_for("connected")
    at_alice.type("through the daemon\r")
    at_alice.wait_for("alice: through the daemon")
    daemon.kill()
    at_alice.type("on its own\r")
    at_alice.wait_for("alice: on its own")
    assert bob.run("send", "--peer", "alice", "heard", "--wait", "read").returncode == 0
    at_alice.wait_for("bob: heard")
    assert alice.owner() == at_alice.child.pid
    at_alice.type("/quit\r")
    assert at_alice.end() == 0
    assert bob.texts() == ["through the daemon", "on its own"]
    assert alice.texts() == []


def test_ctrl_z_leaves_the_profile_to_others(pair: Pair) -> None:
    alice, bob = pair
    at_alice = alice.terminal("talk", "--peer", "bob")
    at_alice.wait_for("connected")
    at_alice.type("half a li")
    at_alice.wait_for("> half a li")
    at_alice.type("\x1a")
    while alice.owner() is not None:
        pass
    assert alice.run("send", "--peer", "bob", "from elsewhere").returncode == 0
    assert bob.run("send", "--peer", "alice", "what came meanwhile").returncode == 0
    assert bob.texts() == ["from elsewhere"]
    at_alice.child.kill(signal.SIGCONT)
    at_alice.wait_for("bob: what came meanwhile", "> half a li")
    at_alice.type("ne\r")
    at_alice.wait_for("alice: half a line")
    assert sum("what came meanwhile" in line for line in at_alice.lines()) == 1
    at_alice.type("/quit\r")
    assert at_alice.end() == 0
    assert bob.texts() == ["half a line"]


@pytest.mark.parametrize("command", [["receive", "--follow"], ["talk", "--peer", "bob", "--timeout", "60"]])
def test_sigtstp_leaves_the_profile_to_others(pair: Pair, command: list[str]) -> None:
    alice, bob = pair
    following = alice.start(*command)
    while alice.owner() != following.pid:
        pass
    following.send_signal(signal.SIGTSTP)
    while alice.owner() is not None:
        pass
    assert alice.run("send", "--peer", "bob", "from elsewhere").returncode == 0
    assert bob.run("send", "--peer", "alice", "and here").returncode == 0
    following.send_signal(signal.SIGCONT)
    assert following.stdout is not None
    assert b"and here" in following.stdout.readline()


def test_an_owner_that_is_stopped_is_named(pair: Pair) -> None:
    alice, bob = pair
    daemon = alice.daemon()
    daemon.send_signal(signal.SIGSTOP)
    done = alice.run("send", "--peer", "bob", "text")
    assert done.returncode == 6
    assert str(daemon.pid).encode() in done.stderr
    assert b"Traceback" not in done.stderr
    daemon.send_signal(signal.SIGCONT)
    assert alice.run("send", "--peer", "bob", "later").returncode == 0
    assert bob.texts() == ["later"]


def test_a_daemon_ends_when_it_is_told_to_and_says_nothing(pair: Pair) -> None:
    alice, bob = pair
    daemon = alice.daemon()
    assert bob.run("send", "--peer", "alice", "to the daemon", "--wait", "delivered").returncode == 0
    daemon.terminate()
    assert daemon.communicate(timeout=PATIENCE) == (b"", b"")
    assert daemon.returncode == 0
    assert alice.texts() == ["to the daemon"]


def test_a_daemon_takes_over_when_whoever_was_there_first_ends(pair: Pair) -> None:
    alice, _ = pair
    first, second = alice.daemon(), alice.start("daemon")
    assert alice.run("status").returncode == 0
    first.kill()
    while alice.owner() != second.pid:
        assert second.poll() is None
    second.terminate()
    assert second.communicate(timeout=PATIENCE) == (b"", b"")


def test_a_terminal_that_takes_nothing_holds_up_nobody(pair: Pair) -> None:
    """As after Ctrl+S: what is printed there waits, and nothing else does."""
    alice, bob = pair
    at_alice = alice.terminal("talk", "--peer", "bob")
    at_alice.wait_for("connected")
    flood = "x" * 45_000
    for _ in range(4):
        assert bob.run("send", "--peer", "alice", flood, "--wait", "delivered").returncode == 0
    bob_listens = bob.daemon()
    assert alice.run("send", "--peer", "bob", "unhindered", "--wait", "delivered").returncode == 0
    assert alice.owner() == at_alice.child.pid
    assert bob_listens.poll() is None
    assert bob.texts() == ["unhindered"]
