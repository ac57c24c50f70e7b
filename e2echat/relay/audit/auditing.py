"""An audit of files: a relay's record, and whatever else it has written."""

import mmap
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from e2echat.errors import BadRecordError, EnvironmentFault
from e2echat.relay.audit.checks import Check, check_texts, checks
from e2echat.relay.audit.learned import Learned, learned
from e2echat.relay.audit.traffic import Collected
from e2echat.relay.record import RecordReader, Sighting

SHORTEST_TEXT = 4
"""Bytes of a text that is worth looking for: random bytes contain any shorter one."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome. ``first`` and ``last`` are unix seconds of the record's lines; ``frames`` how many it has."""

    first: float
    last: float
    frames: int
    checks: tuple[Check, ...]
    learned: Learned

    @property
    def holds(self) -> bool:
        """Whether every check does."""
        return all(check.holds for check in self.checks)


def audit(record: Path, texts: Iterable[bytes] = (), also: Iterable[Path] = ()) -> Audit:
    """Check a record, and look for ``texts`` in it and in the files ``also``, folders with all that is in them.

    Raises:
        BadRecordError: the file is no record, or an empty one.
        EnvironmentFault: a file cannot be read.
    """
    seen = Collected.of(_sightings(record))
    if seen.first_time is None:
        raise BadRecordError("the record is empty: nothing has connected to the relay yet")
    done = checks(seen)
    if wanted := [text for text in texts if len(text) >= SHORTEST_TEXT]:
        done.append(check_texts(wanted, _places(record, also)))
    return Audit(seen.first_time, seen.last_time, seen.frames, tuple(done), learned(seen))


def _sightings(record: Path) -> Iterator[Sighting]:
    try:
        reader = RecordReader(record)
    except OSError as error:
        raise EnvironmentFault(f"{record} cannot be read: {error.strerror}") from error
    with closing(reader):
        yield from reader.sightings()


def _places(record: Path, also: Iterable[Path]) -> Iterator[tuple[str, bytes | mmap.mmap]]:
    for sighting in _sightings(record):
        yield f"a frame of connection {sighting.connection}", sighting.data
    for path in also:
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            yield from _content(file)


def _content(file: Path) -> Iterator[tuple[str, mmap.mmap]]:
    try:
        with file.open("rb") as opened:
            if not opened.seek(0, 2):
                return
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield str(file), data
    except OSError as error:
        raise EnvironmentFault(f"{file} cannot be read: {error.strerror}") from error
