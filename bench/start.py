"""How long it takes until something is there, beside a Python that does nothing."""

import atexit
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import Figure

BARE = "python -c pass"
DELIVERED = "send --wait delivered, beside a daemon"
E2ECHAT = [sys.executable, "-m", "e2echat"]


AIMS = {"e2echat --version": 3, "e2echat --help": 8, DELIVERED: 20}
"""At most how many times a bare Python's start each may take."""


def _python(*arguments: str) -> Callable[[], None]:
    def work() -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return work


def _started(name: str, *arguments: str, beside: tuple[str, ...] = (BARE,)) -> Figure:
    return Figure(name, _python(*arguments), beside=beside, clock=time.perf_counter)


class Delivered:
    """A message to the other side and its receipt back: a relay, and a daemon for each of two people."""

    def __init__(self) -> None:
        self._home: Path | None = None

    def __call__(self) -> None:
        if self._home is None:
            self._home = self._set_up()
        self._run("alice", "send", "--peer", "bob", "hello", "--wait", "delivered")

    def _set_up(self) -> Path:
        directory = tempfile.TemporaryDirectory()
        atexit.register(directory.cleanup)
        self._home = Path(directory.name)
        relay = self._start("relay", "--listen", "127.0.0.1:0", "--data", str(self._home / "relay"))
        assert relay.stdout is not None
        address = relay.stdout.readline().decode().strip()
        for name in ("alice", "bob"):
            self._run(name, "init", name, "--relay", address, "--no-passphrase")
        for name, peer in (("alice", "bob"), ("bob", "alice")):
            self._run(name, "send", "--peer", peer, "hello")
            self._run(peer, "receive")
            self._run(peer, "accept", name)
        for name in ("alice", "bob"):
            self._start("--home", str(self._home / name), "daemon")
            while not (self._home / name / "agent.sock").exists():
                time.sleep(0.01)
        return self._home

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([*E2ECHAT, *arguments], stdout=subprocess.PIPE)
        atexit.register(process.wait)
        atexit.register(process.terminate)
        return process

    def _run(self, name: str, *arguments: str) -> None:
        command = [*E2ECHAT, "--home", str((self._home or Path()) / name), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def figures() -> list[Figure]:
    return [
        _started(BARE, "-c", "pass", beside=()),
        _started("e2echat --version", "-m", "e2echat", "--version"),
        _started("e2echat --help", "-m", "e2echat", "--help"),
        Figure(DELIVERED, Delivered(), beside=(BARE,), clock=time.perf_counter),
        _started("import of the session", "-c", "import e2echat.crypto.session"),
    ]
