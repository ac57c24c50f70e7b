import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import UnsafeProfileError
from e2echat.store.counter import MOST_COPIES, WriteCounter
from e2echat.store.database import Database
from e2echat.store.records import Records

KEY = bytes(32)


class Life:
    """A profile's database with its counter."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.open()

    def open(self) -> None:
        self.records = Records(Database.open(self.home / "database", KEY))
        self.counter = WriteCounter(self.home / "counter", self.records)
        self.records.counter = self.counter
        if self.counter.is_new:
            self.begin()

    def begin(self) -> None:
        with self.records.transaction():
            self.counter.stay()
            self.counter.begin(SystemRandomness())

    def change(self, times: int = 1) -> None:
        for number in range(times):
            with self.records.transaction():
                self.records.set_own("something", bytes([number]))

    def again(self) -> bool:
        """Whether, opened anew, it is found to be older than it was."""
        self.records.close()
        self.open()
        return self.counter.is_older

    def copy(self, *names: str) -> Path:
        """Keep these files as they are now."""
        kept = self.home / "kept"
        kept.mkdir(exist_ok=True)
        for name in names:
            if (self.home / name).exists():
                shutil.copyfile(self.home / name, kept / name)
        return kept

    def put_back(self, *names: str) -> None:
        for name in names:
            if (self.home / "kept" / name).exists():
                shutil.copyfile(self.home / "kept" / name, self.home / name)
            else:
                (self.home / name).unlink(missing_ok=True)


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    (tmp_path / "home").mkdir()
    life = Life(tmp_path / "home")
    yield life
    life.records.close()


DATABASE = ("database", "database-wal")


def test_a_life_is_never_older_than_itself(life: Life) -> None:
    for times in (0, 1, 5, 0):
        life.change(times)
        assert not life.again()


def test_an_older_database_is_noticed(life: Life) -> None:
    life.change()
    life.records.close()
    life.copy(*DATABASE)
    life.open()
    life.change()
    life.records.close()
    life.put_back(*DATABASE)
    life.open()
    assert life.counter.is_older


def test_one_of_the_same_state_is_not(life: Life) -> None:
    life.change()
    life.records.close()
    life.copy(*DATABASE)
    life.put_back(*DATABASE)
    life.open()
    assert not life.counter.is_older


def test_a_database_without_its_file_is_older(life: Life) -> None:
    (life.home / "counter").unlink()
    assert life.again()


@pytest.mark.parametrize("content", [b"", b"x" * 10, b"x" * 24, b"x" * 30])
def test_a_file_that_is_another(life: Life, content: bytes) -> None:
    (life.home / "counter").write_bytes(content)
    assert life.again()


def test_a_new_life_ends_the_alarm_and_makes_every_former_copy_older(life: Life) -> None:
    life.change(3)
    life.records.close()
    life.copy(*DATABASE)
    life.open()
    life.change(5)
    life.records.close()
    life.put_back(*DATABASE)
    for _ in range(2):
        life.open()
        assert life.counter.is_older
        with life.records.transaction():
            life.counter.begin(SystemRandomness())
        assert not life.again()
        life.records.close()
        life.put_back(*DATABASE)
    life.open()


def moved(life: Life, number: int) -> None:
    """The profile's whole directory is copied, and the copy is used."""
    life.records.close()
    shutil.copytree(life.home, life.home.parent / f"copy{number}")
    life.home = life.home.parent / f"copy{number}"
    life.open()


def test_a_copy_of_the_whole_directory_is_older(life: Life) -> None:
    life.change()
    assert not life.again()
    assert not life.counter.is_elsewhere
    moved(life, 0)
    assert life.counter.is_older
    life.begin()
    assert not life.again()
    assert not life.counter.is_elsewhere


def test_a_directory_that_is_moved_is_the_same(life: Life) -> None:
    life.change()
    life.records.close()
    life.home = life.home.rename(life.home.parent / "elsewhere")
    life.open()
    assert not life.counter.is_older


def test_another_file_under_the_number_of_a_former_one_is_another(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems give numbers of removed files to new ones; where they say so, it is noticed."""
    for generation, older in [(1, True), (None, False), (2, False), (3, True)]:

        def said(*_: object, generation: int | None = generation) -> bytes:
            if generation is None:
                raise OSError(25, "no such thing")
            return generation.to_bytes(8)

        monkeypatch.setattr(fcntl, "ioctl", said)
        assert life.again() is older
        life.begin()


def test_a_file_system_that_numbers_files_anew_raises_no_alarm_for_ever(life: Life) -> None:
    alarms = 0
    for number in range(MOST_COPIES + 2):
        moved(life, number)
        alarms += life.counter.is_older
        life.begin()
    assert alarms == MOST_COPIES
    (life.home / "counter").write_bytes(b"")
    assert life.again()


def test_a_profile_of_an_earlier_version_is_not_taken_for_a_copy(life: Life) -> None:
    with life.records.transaction():
        life.records.delete_own("counter_file")
    assert not life.again()
    assert life.counter.is_elsewhere


def test_what_changes_nothing_is_not_counted(life: Life) -> None:
    before = (life.home / "counter").read_bytes()
    with life.records.transaction():
        life.records.own("something")
    assert (life.home / "counter").read_bytes() == before


def test_what_is_undone_is_not_counted(life: Life) -> None:
    life.change()
    before = (life.home / "counter").read_bytes()
    with suppress(ZeroDivisionError), life.records.transaction():
        life.records.set_own("something", b"else")
        _ = 1 // 0
    assert (life.home / "counter").read_bytes() == before
    life.change()
    assert not life.again()


def test_a_process_that_dies_between_commit_and_file_raises_no_alarm(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WriteCounter, "mirror", lambda _: None)
    life.change(2)
    assert not life.again()


def test_a_disk_that_does_not_take_it_loses_no_transaction(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pwrite", fail)
    life.change()
    monkeypatch.undo()
    assert life.records.own("something") == b"\0"
    assert not life.again()


def test_it_is_private(life: Life) -> None:
    assert stat.S_IMODE((life.home / "counter").stat().st_mode) == 0o600


def test_a_link_is_refused(life: Life) -> None:
    (life.home / "counter").unlink()
    (life.home / "counter").symlink_to(life.home / "database")
    with pytest.raises(UnsafeProfileError):
        WriteCounter(life.home / "counter", life.records)
