import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.buffer import Buffer

from e2echat.faces.demo import stage as stage_module
from e2echat.faces.demo.__main__ import has_screen
from e2echat.faces.demo.play import ALICE, BOB, LEFT_FOR_BOB, check, names_by_connection, require_unseen
from e2echat.faces.demo.record import FIRST_CHANNEL, KINDS, RecordReader, Sighting
from e2echat.faces.demo.screen import LONGEST_TEXT, Person, sighting_line
from e2echat.faces.demo.stage import DemoError, Stage, Talker, within
from e2echat.faces.output import Output
from e2echat.relay.recorder import Recorder
from e2echat.wire import frames
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


class TestRecord:
    def test_its_tags_are_those_of_the_protocol(self) -> None:
        assert [tag.name.lower() for tag in Tag] == list(KINDS)
        assert [tag.value for tag in Tag] == list(range(len(KINDS)))
        assert frames.FIRST_CHANNEL == FIRST_CHANNEL

    def test_an_envelope(self, recorder: Recorder, path: Path) -> None:
        seen = recorded(recorder, path, submission(CHANNEL, bytes(16), b"sealed"))
        assert (seen.kind, seen.is_envelope, seen.content) == ("envelope", True, b"sealed")
        assert (seen.connection, seen.direction, len(seen.data)) == (1, "in", 8 + 16 + 6)

    def test_what_the_relay_is_asked(self, recorder: Recorder, path: Path) -> None:
        seen = recorded(recorder, path, encode(Fetch(1, "bob", prekeys=False)))
        assert (seen.kind, seen.is_envelope) == ("fetch", False)
        assert seen.names("alice", "bob") == {"bob"}

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (frame(Tag.PING), "ping"),
            (frame(200), "tag 200"),
            (frame(Tag.CONTROL, b"nothing"), "control"),
            (b"\xff" * 8, "junk"),
        ],
    )
    def test_other_frames(self, recorder: Recorder, path: Path, data: bytes, kind: str) -> None:
        assert recorded(recorder, path, data).kind == kind

    def test_names_stand_behind_their_length(self, recorder: Recorder, path: Path) -> None:
        seen = recorded(recorder, path, frame(CHANNEL, b"\0\0\0\5alice and bob"))
        assert seen.names("alice", "bob") == {"alice"}

    def test_it_is_read_as_it_grows(self, recorder: Recorder, path: Path) -> None:
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

    def test_a_line_on_the_screen_is_harmless(self, recorder: Recorder, path: Path) -> None:
        seen = recorded(recorder, path, frame(Tag.CONTROL, b"\xa1dkindd\x1b[2J"))
        assert sighting_line(seen)[1].isprintable()


class TestCheck:
    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        stage = Stage(tmp_path)
        stage.relay_data.mkdir()
        for path in (stage.record, stage.relay_log, stage.relay_data / "relay.db"):
            path.write_bytes(b"nothing")
        return stage

    def test_nothing_is_found(self, stage: Stage) -> None:
        assert require_unseen(stage, [Sighting(0, "frame", 1, "in", 0, b"none")]) == 3 * len("nothing") + 4

    @pytest.mark.parametrize("place", ["relay.record", "relay.log", "relay/relay.db"])
    def test_a_text_in_a_file_is_found(self, stage: Stage, place: str) -> None:
        (stage.directory / place).write_bytes(b"\0" + LEFT_FOR_BOB.encode() + b"\0")
        with pytest.raises(DemoError):
            require_unseen(stage, [])

    def test_a_text_in_the_traffic_is_found(self, stage: Stage) -> None:
        with pytest.raises(DemoError):
            require_unseen(stage, [Sighting(0, "frame", 1, "in", 0, LEFT_FOR_BOB.encode())])

    @pytest.mark.parametrize(
        ("carried", "good"),
        [
            ({1: b"ealice", 2: b"cbob"}, True),
            ({1: b"ealicecbob"}, False),
            ({1: b"ealice", 2: b""}, False),
        ],
    )
    def test_which_names_may_be_found(self, stage: Stage, carried: dict[int, bytes], good: bool) -> None:
        seen = [Sighting(0, "frame", number, "in", 0, data) for number, data in carried.items()]
        out = io.StringIO()
        if good:
            check(stage, seen, Output(out, out))
        else:
            with pytest.raises(DemoError):
                check(stage, seen, Output(out, out))

    def test_names_by_connection(self) -> None:
        seen = [
            Sighting(0, "frame", 1, "in", 0, b"ealice"),
            Sighting(0, "frame", 2, "in", 0, b""),
            Sighting(0, "frame", 1, "out", 0, b"cbob"),
        ]
        assert names_by_connection(seen) == {1: {ALICE, BOB}, 2: set()}


class TestStage:
    def test_no_wait_is_endless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stage_module, "PATIENCE", 0.0)
        with pytest.raises(DemoError):
            asyncio.run(within(asyncio.Event().wait(), "Nothing happened"))

    def test_a_relay_that_does_not_start(self, tmp_path: Path) -> None:
        async def begin() -> None:
            stage = Stage(tmp_path, record=tmp_path / "no" / "such" / "directory")
            try:
                await stage.begin()
            finally:
                await stage.end()

        with pytest.raises(DemoError):
            asyncio.run(begin())

    def test_a_name_that_is_none(self, tmp_path: Path) -> None:
        async def begin() -> None:
            stage = Stage(tmp_path)
            try:
                await stage.begin("no name")
            finally:
                await stage.end()

        with pytest.raises(DemoError):
            asyncio.run(begin())


class TestPerson:
    @pytest.fixture
    def person(self, tmp_path: Path) -> Person:
        nobody: Any = None
        return Person(Talker(ALICE, BOB, nobody, tmp_path), "opening")

    def enter(self, person: Person, text: str) -> list[str]:
        buffer = Buffer()
        buffer.text = text
        person._enter(buffer)
        return [person.typed.get_nowait() for _ in range(person.typed.qsize())]

    def shown(self, person: Person) -> list[str]:
        return ["".join(text for _, text, *_ in line) for line in person.pane.lines][1:]

    def test_a_line_is_passed_on_exactly_and_shown_sanitised(self, person: Person) -> None:
        assert self.enter(person, " a\x1b[2J") == [" a\x1b[2J"]
        assert self.shown(person) == ["alice:  a␛[2J"]

    def test_a_paste_of_two_lines_is_two_messages(self, person: Person) -> None:
        assert self.enter(person, "one\n\ntwo") == ["one", "two"]
        assert self.shown(person) == ["alice: one", "alice: two"]

    @pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * (LONGEST_TEXT + 1)])
    def test_what_would_end_the_talk_is_not_passed_on(self, person: Person, text: str) -> None:
        assert self.enter(person, text) == []
        assert "not sent" in self.shown(person)[0]

    def test_what_arrives_is_sanitised(self, person: Person) -> None:
        person._show("bob\x1b", "one\n\x07two")
        assert self.shown(person) == ["bob␛: one", "    ␇two"]


@pytest.mark.parametrize(("no_color", "painted"), [("", True), ("1", False)])
def test_where_colours_are_unwanted_nothing_is_painted(
    monkeypatch: pytest.MonkeyPatch, no_color: str, painted: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert has_screen(Output(None, None, is_screen=True)) == painted
    assert not has_screen(Output(None, None, is_screen=False))
