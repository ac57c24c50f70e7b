import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2echat.errors import RelayDataError
from e2echat.relay.datadir import DataDirectory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "relay"


@pytest.fixture
def directory(path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory.open(path)
    yield directory
    directory.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_modes_do_not_depend_on_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        directory = DataDirectory.open(path)
        directory.write("file", b"content")
        directory.reserve("database")
        directory.close()
    finally:
        os.umask(before)
    assert mode(path) == 0o700
    assert {mode(each) for each in path.iterdir()} == {0o600}


def test_what_is_written_is_read(directory: DataDirectory) -> None:
    assert directory.read("file") is None
    directory.write("file", b"one")
    directory.write("file", b"other")
    assert directory.read("file") == b"other"
    assert sorted(each.name for each in directory.path.iterdir()) == ["file", "lock"]


def test_modes_that_are_too_wide_are_mended(directory: DataDirectory) -> None:
    directory.write("file", b"content")
    for name in ("file", "lock"):
        (directory.path / name).chmod(0o644)
    directory.read("file")
    directory.reserve("lock")
    assert mode(directory.path / "file") == mode(directory.path / "lock") == 0o600
    directory.path.chmod(0o755)
    directory.close()
    again = DataDirectory.open(directory.path)
    assert mode(directory.path) == 0o700
    directory._lock = again._lock


def test_a_link_is_refused(directory: DataDirectory, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    (directory.path / "file").symlink_to(target)
    with pytest.raises(RelayDataError):
        directory.read("file")
    with pytest.raises(RelayDataError):
        directory.reserve("file")
    directory.write("file", b"ours")
    assert target.read_bytes() == b"theirs"


def test_a_directory_in_place_of_a_file_is_refused(directory: DataDirectory) -> None:
    (directory.path / "file").mkdir()
    with pytest.raises(RelayDataError):
        directory.read("file")
    with pytest.raises(RelayDataError):
        directory.reserve("file")
    with pytest.raises(RelayDataError):
        directory.write("file", b"content")


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(RelayDataError):
        DataDirectory.open(tmp_path / "link")


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RelayDataError):
            DataDirectory.open(path)


def test_another_users_directory_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DataDirectory.open(path).close()
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(RelayDataError):
        DataDirectory.open(path)


def test_another_users_file_is_refused(directory: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.write("file", b"content")
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(RelayDataError):
        directory.read("file")


def test_one_at_a_time(directory: DataDirectory) -> None:
    with pytest.raises(RelayDataError):
        DataDirectory.open(directory.path)
