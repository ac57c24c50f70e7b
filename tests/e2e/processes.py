"""Real processes of e2echat on loopback, and terminals that a person could sit at."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pyte

from e2echat.unix_sockets import peer_of
from tests.faces.conftest import AnsweringScreen

PATIENCE = 60
"""Seconds until a test gives up on something that must happen."""
COMMAND = [sys.executable, "-m", "e2echat"]


KEPT_VARIABLES: dict[str, str] = {}
"""What a test wants in every process's environment."""


def environment(home: Path) -> dict[str, str]:
    """Nothing of the developer's own: an empty home, a plain terminal."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("E2ECHAT_")}
    return (
        kept | KEPT_VARIABLES | {"HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    )


@dataclass
class RelayProcess:
    """``e2echat relay`` in ``data``; starts again on the same port."""

    data: Path
    tls: bool = True
    port: int = 0
    address: str = ""
    log: bytes = b""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def record(self) -> Path:
        return self.data.parent / "relay-record.jsonl"

    def start(self) -> None:
        flags = ["--listen", f"127.0.0.1:{self.port}", "--data", str(self.data), "--record", str(self.record)]
        flags += ["--limit", "work_bits=4"]
        self._process = subprocess.Popen(
            [*COMMAND, "relay", *flags, *([] if self.tls else ["--no-tls"])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(self.data.parent),
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().decode().strip()
        assert self.address.startswith("relay://"), self.stop(signal.SIGKILL)
        self.port = int(self.address.rpartition(":")[2])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        _, log = self._process.communicate(timeout=PATIENCE)
        self.log += log
        return self._process.returncode

    def everything(self) -> bytes:
        """All that the relay has kept: files, log, and its record with the frames decoded."""
        kept = [path.read_bytes() for path in self.data.rglob("*") if path.is_file()]
        lines = [json.loads(line) for line in self.record.read_text().splitlines()]
        frames = [base64.b64decode(line["bytes"]) for line in lines if "bytes" in line]
        return b"\n".join([*kept, self.log, self.record.read_bytes(), *frames])


@dataclass
class Someone:
    """A person with a profile; every command is a process of its own."""

    name: str
    home: Path
    address: str
    variables: dict[str, str] = field(default_factory=dict)
    """What else is in the environment of every command."""
    terminals: list["Terminal"] = field(default_factory=list)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def profile(self) -> Path:
        return self.home / self.name

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, "--home", str(self.profile), *arguments],
            input=stdin,
            capture_output=True,
            env=environment(self.home) | self.variables,
            timeout=PATIENCE,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that runs beside others."""
        process = subprocess.Popen(
            [*COMMAND, "--home", str(self.profile), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(self.home) | self.variables,
        )
        self.started.append(process)
        return process

    def daemon(self) -> subprocess.Popen[bytes]:
        """``e2echat daemon``, once it serves."""
        process = self.start("daemon")
        while self.owner() != process.pid:
            assert process.poll() is None
        return process

    def owner(self) -> int | None:
        """The process that serves the profile."""
        with socket.socket(socket.AF_UNIX) as connected:
            try:
                connected.connect(str(self.profile / "agent.sock"))
            except OSError:
                return None
            return peer_of(connected)[0]

    def end_all(self) -> None:
        """Kill whatever still runs."""
        for terminal in self.terminals:
            terminal.close()
        for process in self.started:
            process.kill()
            process.communicate()

    def join(self) -> "Someone":
        done = self.run("init", self.name, "--relay", self.address, "--no-passphrase")
        assert done.returncode == 0, done.stderr
        return self

    def json(self, *arguments: str) -> list[dict[str, object]]:
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def texts(self) -> list[object]:
        """What ``receive`` prints."""
        return [line["text"] for line in self.json("receive") if line["type"] == "message"]

    def terminal(self, *arguments: str) -> "Terminal":
        terminal = Terminal(["--home", str(self.profile), *arguments], self.home, self.variables)
        self.terminals.append(terminal)
        return terminal


class Terminal:
    """A pseudo-terminal with one command in it, and what its screen shows."""

    def __init__(
        self,
        arguments: list[str],
        home: Path,
        variables: dict[str, str] | None = None,
        *,
        columns: int = 100,
        lines: int = 24,
    ) -> None:
        self.child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            env=environment(home) | (variables or {}),
            dimensions=(lines, columns),
            timeout=PATIENCE,
        )
        self.screen = AnsweringScreen(self.child.send)
        self._stream = pyte.ByteStream(self.screen)

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    def wait_for(self, *texts: str) -> None:
        """Until the screen shows all of them at once."""
        while not all(self._shows(text) for text in texts):
            self._read_on()

    def wait_until_gone(self, text: str) -> None:
        """Until the screen does not show it any more."""
        while self._shows(text):
            self._read_on()

    def _shows(self, text: str) -> bool:
        return any(text in line for line in self.lines())

    def _read_on(self) -> None:
        try:
            self._stream.feed(self.child.read_nonblocking(4096, timeout=PATIENCE))
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise AssertionError("\n".join(self.lines())) from error

    def end(self) -> int:
        """Read to the end; the exit code."""
        while True:
            try:
                self._stream.feed(self.child.read_nonblocking(4096, timeout=PATIENCE))
            except pexpect.EOF:
                # Whoever is closed before he has ended is killed.
                self.child.wait()
                break
        self.child.close()
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)

    def close(self) -> None:
        self.child.close(force=True)
