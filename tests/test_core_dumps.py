"""No process that holds keys leaves its memory on the disk when it crashes."""

import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.processes import RelayProcess, Someone

CRASH = "import os, signal; {}; os.kill(os.getpid(), signal.SIGSEGV)"
FORBID = "from e2echat.core_dumps import forbid_core_dumps; forbid_core_dumps()"


def _crash(directory: Path, before: str) -> list[str]:
    """What a process leaves in its directory that does ``before`` and then crashes."""
    directory.mkdir()

    def allow() -> None:
        # Not everybody may, once a test in this process has forbidden them.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    done = subprocess.run(
        [sys.executable, "-c", CRASH.format(before)],
        cwd=directory,
        preexec_fn=allow,
        check=False,
    )
    assert done.returncode < 0
    return [path.name for path in directory.iterdir()]


def test_a_crash_leaves_nothing(tmp_path: Path) -> None:
    if not _crash(tmp_path / "without", "pass"):
        pytest.skip("here nobody leaves a core in the directory where it crashes, so that none is no news")
    assert _crash(tmp_path / "with", FORBID) == []


def _core_limit(process: int) -> list[str]:
    limits = Path(f"/proc/{process}/limits").read_text().splitlines()
    (line,) = [line for line in limits if line.startswith("Max core file size")]
    return line.split()[4:6]


ATTACHED = """
import resource, sys
from pathlib import Path
from e2echat.client import Account
with Account.open(Path(sys.argv[1]), str, stays=True) as account:
    print(account.status().process, *resource.getrlimit(resource.RLIMIT_CORE))
"""
LOCKED = """
import resource, sys
from pathlib import Path
from e2echat.client import Account
from e2echat.errors import LocalError
try:
    Account.guarded(Path(sys.argv[1]), print).__enter__()
except LocalError:
    print(*resource.getrlimit(resource.RLIMIT_CORE))
"""


def _said(code: str, home: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_it_is_so_in_every_process(tmp_path: Path) -> None:
    """At most one byte: what the system hands to a program instead of writing it is stopped by that alone."""
    relay = RelayProcess(tmp_path / "relay", tls=False)
    relay.start()
    alice = Someone("alice", tmp_path, relay.address)
    try:
        assert relay._process is not None
        owner = alice.join().daemon()
        assert [_core_limit(each.pid) for each in (relay._process, owner)] == [["1", "1"]] * 2
        assert _said(ATTACHED, alice.profile) == [str(owner.pid), "1", "1"]
        assert _said(LOCKED, alice.profile) == ["1", "1"]
    finally:
        alice.end_all()
        relay.stop()
