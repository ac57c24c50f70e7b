"""A change of the passphrase that is killed at each system call on the vault: the former or the new one opens it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import WrongPassphraseError
from e2echat.store.passphrase import FLOOR
from e2echat.store.private_files import read_private, unfinished, write_private
from e2echat.store.profile import Profile
from e2echat.store.vault import MAX_VAULT, VaultContents, open_vault, seal_vault
from tests.crash.tracing import strace

pytestmark = pytest.mark.campaign

CALLS = ("openat", "write", "pwrite64", "fchmod", "fsync", "rename", "unlink", "close")
CHANGE = """
import sys
from pathlib import Path
from e2echat.store.private_files import replace_secret
replace_secret(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes())
"""
MOST = 40
"""Calls of one kind; there are fewer."""


def _opens(profile: Profile, contents: VaultContents, passphrase: str) -> bool:
    try:
        return open_vault(read_private(profile.vault, MAX_VAULT), passphrase) == contents
    except WrongPassphraseError:
        return False


@pytest.mark.parametrize("call", CALLS)
def test_one_of_the_two_opens_it(tmp_path: Path, randomness: SystemRandomness, call: str) -> None:
    contents = VaultContents.generate(randomness)
    former, new = (seal_vault(contents, each, randomness, FLOOR) for each in ("former", "new"))
    (tmp_path / "new").write_bytes(new)
    profile = Profile.create(tmp_path / "home")
    with profile.lock():
        write_private(profile.vault, former)
    found = set()
    for k in range(1, MOST):
        with profile.lock():
            write_private(profile.vault, former)
        os.link(profile.vault, tmp_path / "blocks")
        paths = (profile.home, profile.vault, unfinished(profile.vault))
        tracer = strace([call], inject=f"signal=KILL:when={k}", threads=False, paths=paths)
        command = [*tracer, sys.executable, "-c", CHANGE, str(profile.vault), str(tmp_path / "new")]
        code = subprocess.run(command, check=False, timeout=60).returncode
        # Whoever takes the lock next sweeps up.
        with Profile.open(profile.home).lock():
            left = profile.vault.read_bytes()
            assert {each.name for each in profile.home.iterdir()} == {"lock", "vault"}
        assert left in (former, new)
        assert [_opens(profile, contents, each) for each in ("former", "new")] in (
            [True, False],
            [False, True],
        )
        found.add(left)
        overwritten = (tmp_path / "blocks").read_bytes() == bytes(len(former))
        (tmp_path / "blocks").unlink()
        # Never before the new one is in its place.
        assert not (overwritten and left == former)
        if code == 0:
            assert (left, overwritten) == (new, True)
            break
        assert code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    else:
        pytest.fail("it never came to its end")
    assert k > 1, "nothing was killed"
    assert found <= {former, new}
