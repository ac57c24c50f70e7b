"""What opens a profile, with real processes: its passphrase, while others have it open."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.processes import PATIENCE, RelayProcess, Someone


def passphrase_file(directory: Path, passphrase: str) -> str:
    path = directory / f"passphrase-{passphrase}"
    path.write_text(passphrase)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def alice(relay: RelayProcess, people: Callable[..., Someone]) -> Someone:
    return people("alice", relay.address).join()


def test_a_passphrase_while_a_daemon_has_the_profile_open(alice: Someone, tmp_path: Path) -> None:
    first, second = (passphrase_file(tmp_path, each) for each in ("first", "second"))
    daemon = alice.daemon()
    alice.variables["E2ECHAT_NEW_PASSPHRASE_FILE"] = first
    assert alice.run("passphrase").returncode == 0
    alice.variables |= {"E2ECHAT_PASSPHRASE_FILE": first, "E2ECHAT_NEW_PASSPHRASE_FILE": second}
    done = alice.run("passphrase")
    assert done.returncode == 0, done.stderr
    # Now the former one is not the one that it has.
    assert alice.run("passphrase").returncode == 6
    assert alice.json("status")[0]["passphrase"] is True
    daemon.terminate()
    assert daemon.communicate(timeout=PATIENCE) == (b"", b"")
    assert alice.run("contacts").returncode == 6
    alice.variables["E2ECHAT_PASSPHRASE_FILE"] = second
    assert alice.run("contacts").returncode == 0
