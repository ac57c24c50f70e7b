"""``doctor`` with real processes: what is broken is found, named and told by the exit code, and nothing secret is printed."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Direction, Recording, RecordingProxy
from tests.e2e.processes import RelayProcess, Someone

pytestmark = pytest.mark.campaign

TIME = b"dtime\x1b"
"""How the field begins in a relay's greeting."""


@pytest.fixture
def alice(relay: RelayProcess, people: Callable[..., Someone]) -> Someone:
    made = people("alice", relay.address)
    assert isinstance(made, Someone)
    return made.join()


def examined(somebody: Someone, code: int) -> dict[str, dict[str, str]]:
    """What ``doctor`` finds, by what it looked at."""
    done = somebody.run("doctor", "--json")
    assert done.returncode == code, (done.stdout, done.stderr)
    assert b"Traceback" not in done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["check"]: line for line in lines}


def test_a_new_account_is_fine(alice: Someone) -> None:
    found = examined(alice, 0)
    assert {line["state"] for line in found.values()} == {"fine", "warning"}
    assert found["backup"]["command"] == "e2echat backup FILE"
    assert b"e2echat backup FILE" in alice.run("doctor").stdout


def test_beside_a_daemon_and_behind_one_that_was_killed(alice: Someone) -> None:
    daemon = alice.daemon()
    found = examined(alice, 0)
    assert str(daemon.pid) in found["process"]["words"]
    assert str(daemon.pid) in found["owner"]["words"]
    daemon.send_signal(signal.SIGSTOP)
    stopped = examined(alice, 6)
    assert stopped["account"]["command"] == f"kill {daemon.pid}"
    daemon.kill()
    daemon.wait()
    assert "was killed" in examined(alice, 0)["process"]["words"]


def test_a_relay_that_is_gone_or_another(alice: Someone, relay: RelayProcess, tmp_path: Path) -> None:
    relay.stop()
    found = examined(alice, 5)
    assert (found["relay"]["state"], found["clock"]["state"]) == ("wrong", "unknown")
    shutil.move(relay.data, tmp_path / "former")
    relay.start()
    assert examined(alice, 4)["relay"]["command"] == "e2echat move ADDRESS"


def test_a_clock_that_is_wrong(
    alice: Someone, relay: RelayProcess, proxy_to: Callable[[str, int], RecordingProxy]
) -> None:
    proxy = proxy_to("127.0.0.1", relay.port)

    def earlier(_recording: Recording, direction: Direction, data: bytes) -> bytes:
        if direction == "to_client" and TIME in data:
            head, _, tail = data.partition(TIME)
            then = int.from_bytes(tail[:8]) - 7_200_000
            return head + TIME + then.to_bytes(8) + tail[8:]
        return data

    proxy.script = earlier
    there = f"{relay.address.rpartition(':')[0]}:{proxy.port}"
    assert alice.run("move", there).returncode == 0
    found = examined(alice, 1)["clock"]
    assert "behind" in found["words"]
    assert "UTC" in found["advice"]
    (now,) = alice.json("status")
    assert isinstance(now["clock_ahead"], float)
    assert round(now["clock_ahead"] / 60) == -120


def test_what_is_broken_on_the_disk(alice: Someone) -> None:
    assert examined(Someone("nobody", alice.home, ""), 2)["profile"]["command"].startswith("e2echat init")
    (alice.profile / "database").chmod(0o644)
    assert examined(alice, 0)["permissions"]["state"] == "mended"
    database = (alice.profile / "database").read_bytes()
    for place in (100, len(database) - 2000):
        (alice.profile / "database").write_bytes(
            database[:place] + bytes([database[place] ^ 1]) + database[place + 1 :]
        )
        assert examined(alice, 1)["database"]["command"] == "e2echat --home NEW restore FILE"
    (alice.profile / "database").write_bytes(database)
    assert examined(alice, 0)["database"]["state"] == "fine"
    (alice.profile / "vault").write_bytes(b"neither a vault nor blank, as a deletion leaves it")
    assert examined(alice, 1)["vault"]["state"] == "wrong"


def test_without_the_passphrase_it_looks_as_far_as_it_can(
    relay: RelayProcess, people: Callable[..., Someone], tmp_path: Path
) -> None:
    alice = people("alice", relay.address)
    (tmp_path / "passphrase").write_text("open sesame")
    (tmp_path / "passphrase").chmod(0o600)
    alice.variables["E2ECHAT_PASSPHRASE_FILE"] = str(tmp_path / "passphrase")
    assert alice.run("init", "alice", "--relay", relay.address).returncode == 0
    assert examined(alice, 0)["vault"]["state"] == "fine"
    assert b"sesame" not in alice.run("doctor").stdout
    alice.variables.clear()
    found = examined(alice, 6)
    assert (found["disk"]["state"], found["account"]["state"]) == ("fine", "unknown")
    screen = alice.terminal("doctor")
    screen.wait_for("disk", "Passphrase:")
    screen.type("\r")
    screen.wait_for("locked")
    assert screen.end() == 6
