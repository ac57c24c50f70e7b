import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2echat.errors import BadRecordError
from e2echat.relay.record import RecordReader, Sighting
from e2echat.relay.recorder import Recorder
from e2echat.wire.frames import Tag, frame, submission
from e2echat.wire.relay_messages import Fetch, encode

CHANNEL = 0x1A2B3C4D


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record"


@pytest.fixture
def recorder(path: Path) -> Iterator[Recorder]:
    with closing(Recorder(path)) as recorder:
        recorder.opened(1, "127.0.0.1")
        yield recorder


def recorded(recorder: Recorder, path: Path, data: bytes) -> Sighting:
    recorder.passed(1, "in", data)
    recorder.flush()
    with closing(RecordReader(path)) as reader:
        return reader.new()[-1]


def test_an_envelope(recorder: Recorder, path: Path) -> None:
    seen = recorded(recorder, path, submission(CHANNEL, bytes(range(16)), b"sealed"))
    assert (seen.kind, seen.is_envelope, seen.content) == ("envelope", True, b"sealed")
    assert (seen.connection, seen.direction, len(seen.data)) == (1, "in", 8 + 16 + 6)
    assert seen.envelope_id == bytes(range(16))
    assert seen.message is None


def test_what_the_relay_is_asked(recorder: Recorder, path: Path) -> None:
    seen = recorded(recorder, path, encode(Fetch(1, "bob", prekeys=False)))
    assert (seen.kind, seen.is_envelope) == ("fetch", False)
    assert seen.message == Fetch(1, "bob", prekeys=False)
    assert seen.names("alice", "bob") == {"bob"}


def test_the_address_of_a_connection(recorder: Recorder, path: Path) -> None:
    recorder.flush()
    with closing(RecordReader(path)) as reader:
        assert [seen.address for seen in reader.new()] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (frame(Tag.PING), "ping"),
        (frame(200), "tag 200"),
        (frame(Tag.CONTROL, b"nothing"), "control"),
        (frame(CHANNEL), "envelope"),
        (b"\xff" * 8, "junk"),
    ],
)
def test_other_frames(recorder: Recorder, path: Path, data: bytes, kind: str) -> None:
    seen = recorded(recorder, path, data)
    assert (seen.kind, seen.is_envelope) == (kind, False)


def test_names_stand_behind_their_length(recorder: Recorder, path: Path) -> None:
    seen = recorded(recorder, path, frame(CHANNEL, b"\0\0\0\5alice and bob"))
    assert seen.names("alice", "bob") == {"alice"}


def test_it_is_read_as_it_grows(recorder: Recorder, path: Path) -> None:
    recorder.flush()
    with closing(RecordReader(path)) as reader, path.open("a") as more:
        assert [seen.event for seen in reader.new()] == ["opened"]
        assert reader.new() == []
        line = json.dumps({"time": 1.0, "event": "closed", "connection": 1}) + "\n"
        more.write(line[:20])
        more.flush()
        assert reader.new() == []
        more.write(line[20:])
        more.flush()
        assert [seen.event for seen in reader.new()] == ["closed"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nothing",
        "[]",
        "[" * 100_000,
        "1",
        '{"time": 1.0, "event": "opened"}',
        '{"time": null, "event": "opened", "connection": 1}',
        '{"time": 1.0, "event": 3, "connection": 1}',
        '{"time": 1.0, "event": "frame", "connection": 1, "bytes": "?"}',
        '{"time": 1.0, "event": "frame", "connection": 1, "bytes": 5}',
        '{"time": 1.0, "event": "frame", "connection": 1, "tag": {}}',
        '{"time": 1.0, "event": "opened", "connection": 1, "address": []}',
        '{"time": 1.0, "event": "opened", "connection": Infinity}',
        '{"time": 1.0, "event": "frame", "connection": 1, "tag": 1e999}',
        '{"time": Infinity, "event": "opened", "connection": 1}',
        '{"time": 1e999, "event": "opened", "connection": 1}',
        '{"time": NaN, "event": "opened", "connection": 1}',
    ],
)
def test_a_line_that_is_none(path: Path, line: str) -> None:
    path.write_text(line + "\n")
    with closing(RecordReader(path)) as reader, pytest.raises(BadRecordError):
        reader.new()


def test_a_line_without_end(path: Path) -> None:
    path.write_bytes(b"\xff" * 2_000_000)
    with closing(RecordReader(path)) as reader, pytest.raises(BadRecordError):
        reader.new()
