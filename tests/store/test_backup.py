import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from e2echat.crypto.primitives import KEY_SIZE, STREAM_OVERHEAD, SystemRandomness
from e2echat.errors import InvalidPassphraseError, StorageError, WrongPassphraseError
from e2echat.store import backup
from e2echat.store.backup import BackupContents, BackupReader, write_backup
from e2echat.store.passphrase import FLOOR

PASSPHRASE = "correct horse"
CONTENTS = BackupContents(b"s" * 32, b"k" * 32)
CHUNK = 32 * 1024 + STREAM_OVERHEAD


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "database"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def write(database: Path, target: Path) -> Callable[[], int]:
    def write() -> int:
        return write_backup(target, CONTENTS, database, PASSPHRASE, SystemRandomness(), FLOOR)

    return write


def read(path: Path, passphrase: str = PASSPHRASE) -> tuple[BackupContents, bytes]:
    out = io.BytesIO()
    with BackupReader.opened(path, passphrase) as reader:
        reader.copy_to(out)
        return reader.contents, out.getvalue()


@pytest.mark.parametrize("size", [0, 1, 32 * 1024 - 72, 256 * 1024 - 72, 256 * 1024, 300_001])
def test_what_was_written_is_read(write: Callable[[], int], database: Path, target: Path, size: int) -> None:
    database.write_bytes(b"d" * size)
    assert write() == target.stat().st_size
    assert read(target) == (CONTENTS, b"d" * size)


def test_small_ones_have_one_size(write: Callable[[], int], database: Path) -> None:
    sizes = set()
    for size in (1000, 100_000, 250_000):
        database.write_bytes(b"d" * size)
        sizes.add(write())
    assert len(sizes) == 1


def test_it_is_private_from_the_first(write: Callable[[], int], target: Path) -> None:
    write()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_nothing_of_it_is_in_the_clear(write: Callable[[], int], target: Path) -> None:
    write()
    raw = target.read_bytes()
    assert b"s" * 32 not in raw
    assert bytes(range(64)) not in raw


def test_an_older_backup_is_replaced(write: Callable[[], int], database: Path, target: Path) -> None:
    write()
    database.write_bytes(b"newer")
    write()
    assert read(target)[1] == b"newer"


@pytest.mark.parametrize("content", [b"", b"a letter", b"\0\0\0\1e" * 100])
def test_anything_else_is_not(write: Callable[[], int], target: Path, content: bytes) -> None:
    target.write_bytes(content)
    with pytest.raises(StorageError):
        write()
    assert target.read_bytes() == content


def test_nothing_beside_it_is_touched(write: Callable[[], int], target: Path) -> None:
    beside = target.with_name(f"{target.name}.new")
    beside.write_text("somebody's own")
    write()
    assert beside.read_text() == "somebody's own"
    assert {path.name for path in target.parent.iterdir()} >= {target.name, beside.name}
    assert not [path for path in target.parent.iterdir() if path.name.endswith(".part")]


def test_a_failing_disk_leaves_the_older_one(
    write: Callable[[], int], database: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    before = target.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError):
        write()
    assert target.read_bytes() == before
    assert sorted(path.name for path in target.parent.iterdir()) == ["backup", "database"]


def test_a_wrong_passphrase(write: Callable[[], int], target: Path) -> None:
    write()
    with pytest.raises(WrongPassphraseError):
        read(target, "wrong horse")


@pytest.mark.parametrize("passphrase", ["", "x" * 2000, "\ud800"])
def test_what_is_no_passphrase(database: Path, target: Path, passphrase: str) -> None:
    with pytest.raises(InvalidPassphraseError):
        write_backup(target, CONTENTS, database, passphrase, SystemRandomness(), FLOOR)
    assert not target.exists()


def test_every_flipped_part_is_noticed(write: Callable[[], int], target: Path) -> None:
    write()
    raw = bytearray(target.read_bytes())
    for position in (3, 30, 60, 100, 160, 170, 200, 5000, len(raw) // 2, len(raw) - 1):
        raw[position] ^= 1
        target.write_bytes(raw)
        with pytest.raises((StorageError, WrongPassphraseError)):
            read(target)
        raw[position] ^= 1


def test_every_cut_is_noticed(write: Callable[[], int], target: Path) -> None:
    size = write()
    raw = target.read_bytes()
    first = size % CHUNK
    for length in (0, 10, first - 1, first, first + CHUNK, size - CHUNK, size - 1):
        target.write_bytes(raw[:length])
        with pytest.raises(StorageError):
            read(target)


def test_bytes_behind_it_are_noticed(write: Callable[[], int], target: Path) -> None:
    write()
    with target.open("ab") as file:
        file.write(b"x")
    with pytest.raises(StorageError):
        read(target)


def test_chunks_swapped_are_noticed(write: Callable[[], int], target: Path) -> None:
    size = write()
    raw = target.read_bytes()
    start = size - 3 * CHUNK
    target.write_bytes(
        raw[:start] + raw[start + CHUNK : start + 2 * CHUNK] + raw[start : start + CHUNK] + raw[-CHUNK:]
    )
    with pytest.raises(StorageError):
        read(target)


class OneKey(SystemRandomness):
    """Every backup under the same file key."""

    def octets(self, count: int) -> bytes:
        return b"o" * count if count == KEY_SIZE else super().octets(count)


def test_the_beginning_of_another_backup_is_noticed(database: Path, target: Path) -> None:
    raws = []
    for _ in range(2):
        write_backup(target, CONTENTS, database, PASSPHRASE, OneKey(), FLOOR)
        raws.append(target.read_bytes())
    size = backup._SEAL.sealed_size
    target.write_bytes(raws[0][:size] + raws[1][size:])
    with pytest.raises(StorageError):
        read(target)


@pytest.mark.parametrize("size", [2**63, 1_000_000])
def test_a_size_beyond_the_file(
    database: Path, target: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(backup, "u64", lambda _: size.to_bytes(8))
    write_backup(target, CONTENTS, database, PASSPHRASE, SystemRandomness(), FLOOR)
    with pytest.raises(StorageError):
        read(target)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read(tmp_path / "none")
