"""Behind a proxy nothing leaves another way: the system calls of real processes are what is looked at."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import COMMAND, PATIENCE, RelayProcess, Someone, environment
from tests.helpers.socks_server import SocksServer

pytestmark = pytest.mark.campaign


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    process = RelayProcess(tmp_path / "relay")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def socks(relay: RelayProcess) -> Iterator[SocksServer]:
    server = SocksServer({"relay.invalid": ("127.0.0.1", relay.port)})
    yield server
    server.close()


def destinations(trace: Path) -> set[str]:
    """Where a traced process tried to connect, or sent without connecting: every internet address, any Unix socket."""
    return {
        " ".join(found)
        for line in trace.read_text().splitlines()
        if "sa_family=" in line
        for found in re.findall(r"sa_family=(\w+), (\S+.*?)\}", line)
    }


def test_only_the_proxy_is_ever_spoken_to(relay: RelayProcess, socks: SocksServer, tmp_path: Path) -> None:
    address = re.sub("@.*", "@relay.invalid:7443", relay.address)
    alice, bob = (Someone(name, tmp_path, relay.address) for name in ("alice", "bob"))
    bob.join()
    seen = set()
    for number, command in enumerate(
        (
            ("init", "alice", "--relay", address, "--no-passphrase", "--proxy", str(socks)),
            ("send", "--peer", "bob", "through it"),
            ("move", address),
            ("receive", "--timeout", "0.1"),
        )
    ):
        trace = tmp_path / f"trace-{number}"
        done = subprocess.run(
            [
                "strace",
                "-f",
                "-qq",
                "-e",
                "trace=connect,sendto,sendmsg,sendmmsg",
                "-o",
                str(trace),
                *COMMAND,
                "--home",
                str(alice.profile),
                *command,
            ],
            capture_output=True,
            env=environment(tmp_path),
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen |= destinations(trace)
    # The profile's own socket, where it looks for a process that has it open.
    seen.discard(f'AF_UNIX sun_path="{alice.profile}/agent.sock"')
    assert seen == {f'AF_INET sin_port=htons({socks.port}), sin_addr=inet_addr("127.0.0.1")'}
    assert {(asked.host, asked.port) for asked in socks.asked} == {("relay.invalid", 7443)}
    assert bob.texts() == ["through it"]


def test_a_proxy_that_is_down_or_none_is_said_so(
    relay: RelayProcess, socks: SocksServer, tmp_path: Path
) -> None:
    alice = Someone("alice", tmp_path, relay.address).join()
    assert alice.run("proxy", "socks5h://proxy.example:9050").returncode == 2
    assert alice.run("proxy", str(socks)).returncode == 0
    assert [line["proxy"] for line in alice.json("status")] == [str(socks)]
    socks.close()
    done = alice.run("receive")
    assert (done.returncode, done.stdout) == (5, b"")
    assert alice.run("proxy", "none").returncode == 0
    assert alice.run("receive").returncode == 0


def test_a_relay_that_moves(relay: RelayProcess, tmp_path: Path) -> None:
    alice, bob = (Someone(name, tmp_path, relay.address).join() for name in ("alice", "bob"))
    assert alice.run("send", "--peer", "bob", "before").returncode == 0
    former = relay.address
    relay.stop()
    assert alice.run("send", "--peer", "bob", "meanwhile", "--timeout", "0.2").returncode == 3
    assert alice.run("move", former).returncode == 0  # where it was, which changes nothing
    relay.port = 0
    relay.start()
    assert relay.address != former
    assert alice.run("move", former.replace(former[8:12], "aaaa", 1)).returncode == 4
    assert alice.run("move", former[: former.index("@")] + "@127.0.0.1:1").returncode == 5
    for person in (alice, bob):
        (moved,) = person.json("move", relay.address)
        assert moved == {"type": "moved", "address": relay.address, "own": True, "contacts": 0}
    assert alice.run("send", "--peer", "bob", "after").returncode == 0
    assert bob.texts() == ["before", "meanwhile", "after"]
