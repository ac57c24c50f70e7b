"""What a disk may hold after a loss of power, told from a trace of all that was asked of it.

The model is the weakest that POSIX allows: what was written to a file is there for certain once an ``fsync`` or
``fdatasync`` of it that began later has ended; a name once its directory was synced. Anything else may be there or
not, page by page, and half a page is possible.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.crash.tracing import Call

SECTOR = 512
REFUSED = {
    *("writev", "pwritev", "pwritev2", "sync_file_range", "msync", "fallocate"),
    *("renameat", "renameat2", "link", "sendmsg", "recvmsg"),
}


@dataclass(frozen=True)
class Change:
    """Bytes at an offset; None in their place cuts the file there."""

    offset: int
    data: bytes | None
    ended: int

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            content[self.offset :] = bytes(max(0, self.offset - len(content)))
            return
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class File:
    """A file's content: what is certain, and what was done since."""

    certain: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def sync(self, begun: int) -> list[Change]:
        """Everything that had ended when the sync began is certain now."""
        through = [change for change in self.pending if change.ended < begun]
        for change in through:
            change.apply(self.certain)
        self.pending = [change for change in self.pending if change.ended >= begun]
        return through

    def after_loss(self, survives: Callable[[], bool]) -> bytes:
        """What is there if of what is not certain each sector survives or not."""
        content = bytearray(self.certain)
        for change in self.pending:
            if change.data is None:
                if survives():
                    change.apply(content)
                continue
            for start in range(0, len(change.data), SECTOR):
                if survives():
                    Change(change.offset + start, change.data[start : start + SECTOR], 0).apply(content)
        return bytes(content)


class Disk:
    """The files of one directory, as they were when all in it was synced and then were changed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names: dict[str, File] = {}
        if directory.exists():
            for path in directory.iterdir():
                if path.is_file():
                    self._names[path.name] = File(bytearray(path.read_bytes()))
        self._certain_names = dict(self._names)
        self._positions: dict[int, int] = {}

    def take(self, call: Call) -> list[bytes]:
        """Take in a call; gives what it has made certain."""
        if call.name == "openat":
            self._open(call)
        elif call.name in ("rename", "unlink"):
            self._rename(call)
        elif call.file == str(self._directory):
            if call.name in ("fsync", "fdatasync"):
                self._certain_names = dict(self._names)
        elif Path(call.file).parent == self._directory:
            return self._change(call)
        return []

    def _open(self, call: Call) -> None:
        path = Path(call.path(1))
        if path.parent == self._directory and "O_DIRECTORY" not in call.arguments[2]:
            self._positions[call.result] = 0
            self._names.setdefault(path.name, File())
            assert "O_TRUNC" not in call.arguments[2]

    def _rename(self, call: Call) -> None:
        path = Path(call.path(0))
        if path.parent == self._directory:
            file = self._names.pop(path.name, None)
            if call.name == "rename" and file is not None:
                self._names[Path(call.path(1)).name] = file

    def _change(self, call: Call) -> list[bytes]:
        assert call.name not in REFUSED, call
        file = self._names[Path(call.file).name]
        match call.name:
            case "fsync" | "fdatasync":
                return [change.data for change in file.sync(call.begun) if change.data is not None]
            case "pwrite64":
                file.pending.append(Change(call.number(3), call.data, call.ended))
            case "write":
                position = self._positions[call.descriptor]
                file.pending.append(Change(position, call.data, call.ended))
                self._positions[call.descriptor] = position + call.result
            case "lseek":
                self._positions[call.descriptor] = call.result
            case "ftruncate":
                file.pending.append(Change(call.number(1), None, call.ended))
        return []

    def lose_power(self, directory: Path, survives: Callable[[], bool]) -> None:
        """Put into ``directory`` what may be left. ``survives``: whether something that is not certain is there."""
        directory.mkdir(mode=0o700)
        names = self._names if survives() else self._certain_names
        for name, file in names.items():
            path = directory / name
            path.write_bytes(file.after_loss(survives))
            path.chmod(0o600)


def nothing() -> bool:
    """Nothing survives that is not certain."""
    return False


def by_luck(seed: int) -> Callable[[], bool]:
    """Half of it survives."""
    random = Random(seed)
    return lambda: random.random() < 0.5
