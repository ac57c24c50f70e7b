"""A deletion that is killed at each system call on the profile: the account is there, or it is gone and can be got rid of."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import NoProfileError
from e2echat.store.private_files import write_private
from e2echat.store.profile import Profile
from e2echat.store.vault import VaultContents, seal_vault
from tests.crash.tracing import strace

pytestmark = pytest.mark.campaign

CALLS = ("openat", "pwrite64", "fsync", "close", "unlink", "rmdir")
DELETION = """
import sys
from pathlib import Path
from e2echat.store.profile import Profile
profile = Profile.open(Path(sys.argv[1]))
with profile.lock():
    profile.delete()
"""
MOST = 60
"""Calls of one kind; there are fewer."""


def _create_anew(home: Path) -> None:
    with Profile.create(home).lock():
        assert {path.name for path in home.iterdir()} == {"lock", "incomplete"}
    shutil.rmtree(home)


def _remove(home: Path) -> None:
    # Where nothing but the lock is left, there is nothing to find.
    if Profile.remove_left_over(home):
        assert not home.exists()
    else:
        assert {path.name for path in home.iterdir()} <= {"lock"}
        _create_anew(home)


@pytest.mark.parametrize("go_on", [_create_anew, _remove])
@pytest.mark.parametrize("call", CALLS)
def test_it_can_always_be_gone_on_with(
    tmp_path: Path, randomness: SystemRandomness, call: str, go_on: Callable[[Path], None]
) -> None:
    vault = seal_vault(VaultContents.generate(randomness), None, randomness)
    left_of_vault = set()
    for k in range(1, MOST):
        profile = Profile.create(tmp_path / "home")
        with profile.lock():
            profile.database.write_bytes(b"database")
            write_private(profile.vault, vault)
        with profile.lock():
            profile.mark.renew()
        files = (*profile.home.iterdir(), profile.home / "incomplete")
        tracer = strace(
            [call], inject=f"signal=KILL:when={k}", threads=False, paths=(profile.home, *sorted(files))
        )
        code = subprocess.run(
            [*tracer, sys.executable, "-c", DELETION, str(profile.home)], check=False, timeout=60
        ).returncode
        if code == 0:
            assert not profile.home.exists()
            break
        assert code in (-signal.SIGKILL, 128 + signal.SIGKILL)
        if not profile.home.exists():
            continue
        left_of_vault.add(profile.vault.read_bytes() if profile.vault.exists() else None)
        if profile.exists:
            assert profile.vault.read_bytes() == vault
            with Profile.open(profile.home).lock():
                profile.delete()
            continue
        with pytest.raises(NoProfileError):
            Profile.open(profile.home)
        go_on(profile.home)
    else:
        pytest.fail("it never came to its end")
    assert k > 1, "nothing was killed"
    assert left_of_vault <= {vault, bytes(len(vault)), None}
    assert call != "fsync" or bytes(len(vault)) in left_of_vault
