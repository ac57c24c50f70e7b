import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2echat.errors import (
    NoProfileError,
    ProfileBusyError,
    ProfileExistsError,
    StorageError,
    UnsafeProfileError,
    VaultMissingError,
)
from e2echat.store.private_files import read_private, write_private
from e2echat.store.profile import Profile

HOLDER = """
import sys, time
from pathlib import Path
from e2echat.store.profile import Profile
lock = Profile.open(Path(sys.argv[1])).lock()
print("held", flush=True)
sys.stdin.read()
"""


class Clock:
    """Moves by what is slept."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "above" / "home"


@pytest.fixture
def profile(home: Path) -> Profile:
    """A complete one, held by nobody."""
    made = Profile.create(home)
    with made.lock():
        made.complete(b"vault")
    return Profile.open(home)


@pytest.fixture(params=[0, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_creation_is_private_whatever_the_umask(umask: None, home: Path) -> None:
    profile = Profile.create(home)
    with profile.lock():
        assert mode(home / "incomplete") == 0o600
        profile.complete(b"vault")
    assert mode(home.parent) == mode(home) == 0o700
    assert {path.name: mode(path) for path in home.iterdir()} == {"lock": 0o600, "vault": 0o600}


def test_an_empty_directory_is_taken_and_mended(home: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o777)
    Profile.create(home)
    assert mode(home) == 0o700


def test_an_account_is_not_replaced(profile: Profile, home: Path) -> None:
    (home / "downloads").mkdir()
    with pytest.raises(ProfileExistsError):
        Profile.create(home)
    assert read_private(profile.vault, 100) == b"vault"


def test_somebody_elses_directory_is_not_taken(home: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o755)
    (home / "letter.txt").write_text("mine")
    with pytest.raises(ProfileExistsError):
        Profile.create(home)
    assert mode(home) == 0o755


@pytest.mark.parametrize("make", [Profile.create, Profile.open])
def test_a_file_where_a_directory_should_be(make: Callable[[Path], Profile], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for home in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        with pytest.raises(StorageError):
            make(home)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_takes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = os.mkdir

    def fail(path: Any, mode: int) -> None:
        if os.fspath(path) == os.fspath(home):
            raise OSError(code, os.strerror(code))
        real(path, mode)

    monkeypatch.setattr(os, "mkdir", fail)
    with pytest.raises(StorageError):
        Profile.create(home)
    assert not home.parent.exists()


def test_no_profile(home: Path) -> None:
    with pytest.raises(NoProfileError):
        Profile.open(home)
    home.mkdir(parents=True)
    with pytest.raises(NoProfileError):
        Profile.open(home)


def test_modes_are_mended(profile: Profile, home: Path) -> None:
    profile.database.touch()
    for path in (home, profile.vault, profile.database, home / "lock"):
        path.chmod(0o777)
    Profile.open(home)
    assert mode(home) == 0o700
    assert {mode(path) for path in home.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "name", ["vault", "database", "database-wal", "database-shm", "database-journal", "lock"]
)
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_is_refused(
    profile: Profile, home: Path, name: str, put: Callable[[Path], None]
) -> None:
    (home / name).unlink(missing_ok=True)
    put(home / name)
    with pytest.raises(UnsafeProfileError):
        Profile.open(home)


def test_a_link_in_place_of_the_directory_is_refused(profile: Profile, home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    with pytest.raises(UnsafeProfileError):
        Profile.open(tmp_path / "link")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    with pytest.raises(UnsafeProfileError):
        Profile.create(tmp_path / "nowhere")


def test_a_foreign_owner_is_refused(profile: Profile, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(UnsafeProfileError):
        Profile.open(home)
    with pytest.raises(UnsafeProfileError):
        Profile.create(home)
    with pytest.raises(UnsafeProfileError):
        read_private(profile.vault, 100)
    assert mode(home) == 0o755


def test_a_foreign_file_in_our_directory_is_refused(
    profile: Profile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = list(real(path))
        if path == profile.vault:
            found[stat.ST_UID] += 1
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(UnsafeProfileError):
        Profile.open(home)


def test_a_killed_creation_is_begun_anew(home: Path) -> None:
    killed = Profile.create(home)
    with killed.lock():
        killed.database.write_bytes(b"under a key that is gone")
        (home / "vault.new").write_bytes(b"half a vault")
    again = Profile.create(home)
    with again.lock():
        assert not again.database.exists()
        assert not (home / "vault.new").exists()


@pytest.mark.parametrize("name", ["database", "database-wal", "database.old", "snapshot"])
def test_a_database_without_its_vault_is_left_alone(profile: Profile, home: Path, name: str) -> None:
    (home / name).write_bytes(b"somebody's history")
    (home / "downloads").mkdir()
    profile.vault.rename(home.parent / "vault")
    before = sorted(home.iterdir())
    for make in (Profile.create, Profile.open):
        with pytest.raises(VaultMissingError, match=name):
            make(home)
    assert (home / name).read_bytes() == b"somebody's history"
    assert sorted(home.iterdir()) == before
    (home.parent / "vault").rename(profile.vault)
    Profile.open(home).lock().release()


def test_a_database_that_comes_while_one_waits_for_the_lock_is_left_alone(home: Path) -> None:
    late = Profile.create(home)
    (home / "database").write_bytes(b"somebody's history")
    with pytest.raises(VaultMissingError):
        late.lock()
    late.remove()
    assert (home / "database").read_bytes() == b"somebody's history"


def test_a_creation_killed_behind_the_vault_is_complete(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Profile.create(home)
    with monkeypatch.context() as killed, made.lock():
        killed.setattr(Profile, "_sweep_mark", lambda _: None)
        made.database.touch()
        made.complete(b"vault")
    with Profile.open(home).lock():
        made.vault.unlink()
    with pytest.raises(VaultMissingError):
        Profile.create(home)


def test_a_killed_deletion_leaves_nothing_to_keep(
    profile: Profile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile.database.touch()
    with profile.lock(), monkeypatch.context() as killed:
        killed.setattr("e2echat.store.profile.destroy_secret", os.unlink)
        killed.setattr(Path, "unlink", _killed)
        with pytest.raises(ZeroDivisionError):
            profile.delete()
    assert profile.database.exists()
    with Profile.create(home).lock():
        assert not profile.database.exists()


@pytest.mark.parametrize("blank", [b"", bytes(170)])
@pytest.mark.parametrize("marked", [True, False])
def test_a_vault_that_was_overwritten_is_no_vault(
    profile: Profile, home: Path, blank: bytes, marked: bool
) -> None:
    profile.database.touch()
    profile.vault.write_bytes(blank)
    if marked:
        # A full disk takes no mark.
        (home / "incomplete").touch()
    assert not profile.exists
    with pytest.raises(NoProfileError, match="delete-account --local-only"):
        Profile.open(home)
    with Profile.create(home).lock():
        assert {path.name for path in home.iterdir()} == {"lock", "incomplete"}
    profile.database.touch()
    profile.vault.write_bytes(blank)
    assert Profile.remove_left_over(home)
    assert not home.exists()
    assert not Profile.remove_left_over(home)


def _large(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 20)


def _unreadable(path: Path) -> None:
    path.write_bytes(b"vault")
    path.chmod(0)


@pytest.mark.parametrize(
    "make", [lambda path: path.symlink_to("lock"), Path.mkdir, os.mkfifo, _unreadable, _large]
)
def test_what_is_no_file_of_zeros_is_not_taken_for_one(
    profile: Profile, make: Callable[[Path], None]
) -> None:
    (profile.home / "lock").touch()
    profile.vault.unlink()
    make(profile.vault)
    assert profile.exists
    assert not Profile.remove_left_over(profile.home)


def test_an_account_is_not_left_over(profile: Profile, home: Path) -> None:
    (home / "incomplete").touch()
    assert not Profile.remove_left_over(home)
    assert profile.vault.exists()


def _killed(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_of_two_creations_at_once_one_wins(home: Path) -> None:
    first, second = Profile.create(home), Profile.create(home)
    with first.lock():
        with pytest.raises(ProfileBusyError):
            second.lock(0)
        write_private(first.vault, b"first")
    with pytest.raises(ProfileExistsError):
        second.lock()
    second.remove()
    assert read_private(first.vault, 100) == b"first"


def test_a_refused_creation_leaves_nothing(home: Path, tmp_path: Path) -> None:
    profile = Profile.create(home)
    with profile.lock():
        profile.database.touch()
        write_private(profile.vault, b"vault")
        profile.remove()
    assert list(tmp_path.iterdir()) == []


def test_removing_keeps_what_was_there_before(home: Path) -> None:
    home.mkdir(parents=True)
    profile = Profile.create(home)
    with profile.lock():
        profile.remove()
    assert list(home.iterdir()) == []


def test_removing_keeps_what_is_not_ours(home: Path) -> None:
    profile = Profile.create(home)
    with profile.lock():
        (home / "letter.txt").write_text("mine")
        profile.remove()
    assert [path.name for path in home.iterdir()] == ["letter.txt"]


def test_an_opened_profile_is_not_removed(profile: Profile) -> None:
    with pytest.raises(ValueError, match="created"), profile.lock():
        profile.remove()
    assert profile.vault.exists()


def test_the_second_waits_and_is_told_who_holds_it(profile: Profile, home: Path) -> None:
    clock = Clock()
    with profile.lock(), pytest.raises(ProfileBusyError) as caught:
        Profile.open(home).lock(clock=clock, sleep=clock.sleep)
    assert str(os.getpid()) in str(caught.value)
    assert sum(clock.slept) == pytest.approx(5, abs=0.1)
    Profile.open(home).lock(0).release()


def test_the_second_gets_in_once_the_first_is_done(profile: Profile, home: Path) -> None:
    first = profile.lock()
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 3:
            first.release()
            first.release()

    with Profile.open(home).lock(clock=clock, sleep=sleep):
        assert len(clock.slept) == 3


def test_a_profile_that_is_removed_while_one_waits(home: Path) -> None:
    creating = Profile.create(home)
    waiting = Profile.create(home)
    lock = creating.lock()

    def sleep(_: float) -> None:
        creating.remove()
        lock.release()

    with pytest.raises(NoProfileError):
        waiting.lock(sleep=sleep)


def test_a_lock_on_a_file_that_is_no_longer_there_does_not_count(
    profile: Profile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = fcntl.flock, 0

    def flock(descriptor: int, operation: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:  # between our opening it and locking it
            (home / "lock").unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with profile.lock(sleep=lambda _: None), pytest.raises(ProfileBusyError):
        Profile.open(home).lock(0)


def test_a_killed_holder_holds_nothing(profile: Profile, home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ProfileBusyError) as caught:
            profile.lock(0)
        assert str(holder.pid) in str(caught.value)
        holder.send_signal(signal.SIGKILL)
    profile.lock(0).release()


def test_the_lock_sweeps_up_half_a_vault(profile: Profile, home: Path) -> None:
    (home / "vault.new").write_bytes(b"half")
    with profile.lock():
        assert not (home / "vault.new").exists()
    assert read_private(profile.vault, 100) == b"vault"


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_write_that_fails_keeps_what_was_there(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(StorageError):
        write_private(profile.vault, b"new")
    monkeypatch.undo()
    assert read_private(profile.vault, 100) == b"vault"
    assert not profile.vault.with_name("vault.new").exists()


def test_a_write_is_synced_before_and_after_it_takes_its_place(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor: int) -> None:
        done.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def record_replace(old: Any, new: Any) -> None:
        done.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    write_private(profile.vault, b"new")
    assert done == ["file", "replace", "directory"]


def test_a_write_follows_no_link(profile: Profile, home: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    profile.vault.unlink()
    for name in ("vault", "vault.new"):
        (home / name).symlink_to(target)
    write_private(profile.vault, b"new")
    assert target.read_text() == "untouched"
    assert read_private(profile.vault, 100) == b"new"


def test_a_read_is_bounded_and_follows_no_link(profile: Profile, home: Path) -> None:
    assert read_private(profile.vault, 5) == b"vault"
    with pytest.raises(StorageError):
        read_private(profile.vault, 4)
    (home / "link").symlink_to(profile.vault)
    with pytest.raises(UnsafeProfileError):
        read_private(home / "link", 100)
    os.mkfifo(home / "pipe")
    with pytest.raises(UnsafeProfileError):
        read_private(home / "pipe", 100)
    with pytest.raises(StorageError):
        read_private(home / "missing", 100)
