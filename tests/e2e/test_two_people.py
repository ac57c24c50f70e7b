"""The main job, as two people see it: real processes, real terminals, a relay that can read none of it."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import RecordingProxy
from tests.e2e.processes import COMMAND, PATIENCE, RelayProcess, Someone, environment


def test_two_terminals_and_nothing_for_the_relay_to_read(
    relay: RelayProcess,
    people: Callable[..., Someone],
    proxy_to: Callable[[str, int], RecordingProxy],
) -> None:
    proxy = proxy_to("127.0.0.1", relay.port)
    address = relay.address.replace(f":{relay.port}", f":{proxy.port}")
    # Names that are in no key by chance.
    alice, bob = people("alice", address).join(), people("barnabas", address).join()
    at_alice = alice.terminal("talk", "--peer", "barnabas")
    at_bob = bob.terminal("talk", "--peer", "alice")
    at_alice.wait_for("connected")
    at_bob.wait_for("connected")

    at_bob.type("a line that is being ty")
    at_bob.wait_for("> a line that is being ty")
    at_alice.type("the crow flies at midnight\r")
    at_bob.wait_for("the crow flies at midnight", "> a line that is being ty")
    at_bob.type("ped\r")
    at_alice.wait_for("a line that is being typed")
    at_alice.type("/quit\r")
    at_bob.type("/quit\r")
    assert (at_alice.end(), at_bob.end()) == (0, 0)

    assert relay.stop() == 0
    seen = relay.everything() + proxy.recorded()
    # Long enough to be in no base64 by chance.
    for secret in (b"crow flies", b"midnight", b"being typed"):
        assert secret not in seen
    assert b"alice" in seen
    assert b"barnabas" in seen
    for connection in proxy.connections:
        both = bytes(connection.to_relay + connection.to_client)
        assert not (b"alice" in both and b"barnabas" in both)
    relay.start()


def test_thirty_messages_wait_through_a_killed_relay(
    relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    lines = "".join(f"message {number}\n" for number in range(15)).encode()
    sent = alice.run("talk", "--peer", "bob", "--timeout", "1", stdin=lines)
    assert sent.returncode == 3  # bob has confirmed nothing
    relay.stop(signal.SIGKILL)
    relay.start()
    more = "".join(f"message {number}\n" for number in range(15, 30)).encode()
    alice.run("talk", "--peer", "bob", "--timeout", "1", stdin=more)
    assert bob.texts() == [f"message {number}" for number in range(30)]
    assert bob.texts() == []


def test_what_is_sent_while_the_relay_is_down_is_kept_and_arrives(
    relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    assert alice.run("send", "--peer", "bob", "one").returncode == 0
    assert relay.stop() == 0
    kept = alice.run("send", "--peer", "bob", "two", "--timeout", "0.2")
    assert kept.returncode == 3
    assert alice.run("send", "--peer", "carol", "x", "--timeout", "5").returncode == 5
    relay.start()
    assert alice.run("send", "--peer", "bob", "three").returncode == 0
    assert bob.texts() == ["one", "two", "three"]


def test_both_sides_show_one_number_and_verify_it(
    relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    (mine,) = alice.json("fingerprint", "bob")
    (yours,) = bob.json("fingerprint", "alice")
    assert mine["safety_number"] == yours["safety_number"]
    number = str(mine["safety_number"]).split()
    assert bob.run("verify", "alice", *number).returncode == 0
    assert alice.run("verify", "bob", "1" * 60).returncode == 4
    (own,) = alice.json("fingerprint")
    assert alice.run("verify", "bob", str(own["fingerprint"])).returncode == 2
    assert [contact["verified"] for contact in bob.json("contacts")] == [True]


def refusals(relay: RelayProcess, alice: Someone, tmp_path: Path) -> dict[str, tuple[list[str], int]]:
    """Bad use: arguments, and the contract's exit code."""
    home = ["--home", str(alice.profile)]
    fresh = ["--home", str(tmp_path / "fresh")]
    wrong = relay.address.replace("relay://", "relay://").replace(relay.address[8:12], "aaaa", 1)
    (tmp_path / "a-file").write_text("not a directory")
    return {
        "unknown peer": ([*home, "send", "--peer", "nobody", "x"], 7),
        "malformed peer": ([*home, "send", "--peer", "no body", "x"], 2),
        "oneself": ([*home, "send", "--peer", "alice", "x"], 2),
        "taken name": ([*fresh, "init", "alice", "--relay", relay.address, "--no-passphrase"], 8),
        "case variant": ([*fresh, "init", "ALICE", "--relay", relay.address, "--no-passphrase"], 8),
        "lookalike": ([*fresh, "init", "a1ice", "--relay", relay.address, "--no-passphrase"], 8),
        "malformed name": ([*fresh, "init", "-alice", "--relay", relay.address, "--no-passphrase"], 2),
        "malformed address": ([*fresh, "init", "dora", "--relay", "nonsense", "--no-passphrase"], 2),
        "wrong pin": ([*fresh, "init", "dora", "--relay", wrong, "--no-passphrase"], 4),
        "relay down": (
            [*fresh, "init", "dora", "--relay", relay.address.rpartition(":")[0] + ":1", "--no-passphrase"],
            5,
        ),
        "second account": ([*home, "init", "dora", "--relay", relay.address, "--no-passphrase"], 2),
        "no profile": ([*fresh, "send", "--peer", "bob", "x"], 2),
        "home is a file": (["--home", str(tmp_path / "a-file"), "status"], 2),
        "unknown flag": ([*home, "send", "--frobnicate"], 2),
        "no text": ([*home, "send", "--peer", "bob"], 2),
    }


def test_bad_use_gets_a_sentence_and_the_contracts_exit_code(
    relay: RelayProcess, people: Callable[..., Someone], tmp_path: Path
) -> None:
    alice = people("alice", relay.address).join()
    for what, (arguments, expected) in refusals(relay, alice, tmp_path).items():
        done = subprocess.run(
            [*COMMAND, *arguments], input=b"", capture_output=True, env=environment(tmp_path), check=False
        )
        assert done.returncode == expected, (what, done.returncode, done.stderr)
        assert done.stderr.strip(), what
        assert b"Traceback" not in done.stderr, what
        assert done.stdout == b"", what
        assert not (tmp_path / "fresh").exists(), what


def test_binary_junk_is_refused_and_nothing_of_it_sent(
    relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    for command in (("send", "--peer", "bob", "-"), ("talk", "--peer", "bob")):
        done = alice.run(*command, stdin=b"\xff\xfe\x00\x01 junk \x80\n")
        assert done.returncode == 2, done.stderr
        assert b"Traceback" not in done.stderr
    assert bob.texts() == []


def test_wrong_passphrase(relay: RelayProcess, people: Callable[..., Someone], tmp_path: Path) -> None:
    alice = people("alice", relay.address)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    for path in (right, wrong):
        path.chmod(0o600)
    codes = []
    for path, command in (
        (right, ["init", "alice", "--relay", relay.address]),
        (wrong, ["status"]),
        (right, ["status"]),
    ):
        done = subprocess.run(
            [*COMMAND, "--home", str(alice.profile), *command],
            capture_output=True,
            env=environment(tmp_path) | {"E2ECHAT_PASSPHRASE_FILE": str(path)},
            check=False,
        )
        assert b"Traceback" not in done.stderr
        codes.append(done.returncode)
    assert codes == [0, 6, 0]


def test_disk_that_takes_nothing_loses_nothing(relay: RelayProcess, people: Callable[..., Someone]) -> None:
    alice, bob = (people(name, relay.address).join() for name in ("alice", "bob"))
    assert alice.run("send", "--peer", "bob", "before").returncode == 0
    for person, command in ((alice, ["send", "--peer", "bob", "during"]), (bob, ["receive"])):
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *COMMAND, "--home", str(person.profile), *command],
            capture_output=True,
            env=environment(person.home),
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"disk" in done.stderr
        assert b"Traceback" not in done.stderr
    assert alice.run("send", "--peer", "bob", "after").returncode == 0
    assert bob.texts() == ["before", "after"]
