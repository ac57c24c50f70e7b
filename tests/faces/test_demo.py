import asyncio
import io
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prompt_toolkit.buffer import Buffer

from e2echat.faces.demo import screen
from e2echat.faces.demo import stage as stage_module
from e2echat.faces.demo.__main__ import has_screen
from e2echat.faces.demo.play import ALICE, BOB, LEFT_FOR_BOB, check, require_unseen
from e2echat.faces.demo.screen import LONGEST_TEXT, Pane, Person, _watch, sighting_line
from e2echat.faces.demo.stage import DemoError, Stage, Talker, within
from e2echat.faces.output import Output
from e2echat.relay.record import Sighting
from e2echat.relay.recorder import Recorder
from e2echat.wire.frames import Tag, frame
from e2echat.wire.relay_messages import Fetch, encode


def test_a_line_on_the_screen_is_harmless() -> None:
    seen = Sighting(0, "frame", 1, "in", Tag.CONTROL, frame(Tag.CONTROL, b"\xa1dkindd\x1b[2J"))
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
        require_unseen(stage, [Sighting(0, "frame", 1, "in", 0, b"none")])

    @pytest.mark.parametrize("place", ["relay.record", "relay.log", "relay/relay.db"])
    def test_a_text_in_a_file_is_found(self, stage: Stage, place: str) -> None:
        (stage.directory / place).write_bytes(b"\0" + LEFT_FOR_BOB.encode() + b"\0")
        with pytest.raises(DemoError):
            require_unseen(stage, [])

    def test_a_text_in_the_traffic_is_found(self, stage: Stage) -> None:
        with pytest.raises(DemoError):
            require_unseen(stage, [Sighting(0, "frame", 1, "in", 0, LEFT_FOR_BOB.encode())])

    def test_an_audit_that_finds_something_ends_the_demo(self, stage: Stage) -> None:
        self.record(stage, Fetch(1, ALICE, prekeys=False), Fetch(2, BOB, prekeys=False))
        (stage.relay_data / "relay.db").write_bytes(LEFT_FOR_BOB.encode())
        with pytest.raises(DemoError):
            check(stage, Output(io.StringIO(), None))

    def test_names_that_are_missed_end_the_demo(self, stage: Stage) -> None:
        self.record(stage, Fetch(1, ALICE, prekeys=False))
        with pytest.raises(DemoError):
            check(stage, Output(io.StringIO(), None))

    def record(self, stage: Stage, *messages: Fetch) -> None:
        with closing(Recorder(stage.record)) as recorder:
            recorder.opened(1, "127.0.0.1")
            for message in messages:
                recorder.passed(1, "in", encode(message))


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


def test_what_the_relay_saw_before_anybody_wrote_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, seen = Sighting(0, "opened", 1, "", 0, b""), Sighting(0, "frame", 1, "in", 0, bytes(1000))
    looks = iter([[opened, seen], [seen], [], [seen, seen]])
    reader: Any = SimpleNamespace(new=lambda: next(looks))
    pane, counts = Pane(wrap=False), []

    def has_begun() -> bool:
        counts.append(len(pane.lines))
        return len(counts) > 3

    monkeypatch.setattr(screen, "LOOK", 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(_watch(reader, pane, has_begun))
    assert counts == [0, 1, 1, 1]
    first, *more = ("".join(text for _, text, *_ in line) for line in pane.lines)
    assert "2 frames, 2,000 bytes" in first
    assert len(more) == 2


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

    def test_a_command_is_none_and_not_passed_on(self, person: Person) -> None:
        assert self.enter(person, "/help") == []
        assert self.shown(person) == ["-- not sent: there are no commands in the demo; as a text: //help"]
        assert self.enter(person, "//help") == ["/help"]

    def test_how_far_it_came_is_no_line(self, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        printed = iter(
            [{"type": "state"}, {"type": "key_changed"}, {"type": "message", "from": "bob", "text": "hi"}]
        )

        async def shown() -> dict[str, Any]:
            try:
                return next(printed)
            except StopIteration:
                raise DemoError from None

        monkeypatch.setattr(person.talker, "shown", shown)
        with pytest.raises(DemoError):
            asyncio.run(person.listen())
        assert self.shown(person) == ["-- key changed", "bob: hi"]

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
