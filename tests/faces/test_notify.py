"""The bell, the terminal's own notifications, and those of the desktop: how often, how much, and nothing that acts."""

import io
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jeepney import HeaderFields, Message, MessageType, Parser, new_error, new_method_return

from e2echat.client.events import MessageArrived
from e2echat.client.settings import Notify, Preview, Settings
from e2echat.faces import desktop
from e2echat.faces.notify import GAP, LONGEST, Notifier
from e2echat.faces.output import Output

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine, Process, Terminal
    from tests.faces.fake_account import World

HOSTILE = "\x1b\\\x07\x9c\x1b]52;c;AAAA\x07\u202e<b>&amp;\n\U000e0041"
FULL, SENDER, SILENT = Preview.FULL, Preview.SENDER, Preview.SILENT


class Screen:
    """What a notifier writes to a terminal, as often as its clock lets it."""

    def __init__(self, way: Notify, preview: Preview = SENDER) -> None:
        self.stream = io.StringIO()
        self.now = 1000.0
        self.settings = Settings(notify=way, preview=preview)
        self.out = Output(self.stream, self.stream, is_screen=True)
        self.begin()

    def begin(self, way: Notify | None = None) -> None:
        self.notifier = Notifier(self.out, lambda: self.settings, way, clock=lambda: self.now)

    def after(self, message: Any) -> str:
        self.stream.seek(0)
        self.stream.truncate()
        self.notifier.arrived(message)
        self.now += GAP
        return self.stream.getvalue()


def test_the_bell(world: "World") -> None:
    assert Screen(Notify.BELL, FULL).after(world.message("hi")) == "\a"
    assert Screen(Notify.OFF, FULL).after(world.message("hi")) == ""


@pytest.mark.parametrize(
    ("preview", "said"),
    [
        (SILENT, "New message"),
        (SENDER, "Message from bob"),
        (FULL, "Message from bob: dinner? at eight"),
    ],
)
def test_how_much_is_said(world: "World", preview: Preview, said: str) -> None:
    shown = Screen(Notify.OSC9, preview).after(world.message("dinner?\n\tat eight"))
    assert shown == f"\x1b]9;e2echat: {said}\x1b\\"


def test_nothing_foreign_ends_or_begins_a_sequence(world: "World") -> None:
    for preview in Preview:
        shown = Screen(Notify.OSC9, preview).after(world.message(HOSTILE, sender=HOSTILE))
        inside = shown.removeprefix("\x1b]9;e2echat: ").removesuffix("\x1b\\")
        assert len(inside) < len(shown)
        assert inside.isprintable()
        # Not one of the commands that other terminals have under this number.
        assert not re.match(r"\s*\d", inside)


def test_a_preview_is_bounded_and_keeps_to_what_may_be_kept(world: "World") -> None:
    screen = Screen(Notify.OSC9, FULL)
    assert len(screen.after(world.message("x" * 50_000))) < LONGEST + 60
    for message in (
        world.message("secret", timer=60),
        world.message("secret", standing="stranger"),
        world.message("secret", deleted=True),
    ):
        shown = screen.after(message)
        assert "bob" in shown
        assert "secret" not in shown


def test_what_came_under_a_key_that_is_not_accepted_is_marked_and_not_quoted(world: "World") -> None:
    for preview in (FULL, SENDER):
        shown = Screen(Notify.OSC9, preview).after(world.message("secret", new_key=True))
        assert shown == "\x1b]9;e2echat: Message from bob (under a new key, not accepted)\x1b\\"
    shown = Screen(Notify.OSC9, FULL).after(world.message("secret", standing="stranger"))
    assert shown == "\x1b]9;e2echat: Message from bob (new, unverified)\x1b\\"
    assert "bob" not in Screen(Notify.OSC9, SILENT).after(world.message("secret", new_key=True))


def test_a_flood_notifies_once_a_second(world: "World") -> None:
    screen = Screen(Notify.BELL)
    for _ in range(100):
        screen.notifier.arrived(world.message("x"))
    assert screen.stream.getvalue() == "\a"
    screen.now += GAP
    screen.notifier.arrived(world.message("x"))
    assert screen.stream.getvalue() == "\a\a"


def test_a_change_of_mind_holds_at_once(world: "World") -> None:
    screen, message = Screen(Notify.OSC9, FULL), world.message("secret")
    assert "secret" in screen.after(message)
    screen.settings = Settings(notify=Notify.OSC9, preview=SILENT)
    assert screen.after(message) == "\x1b]9;e2echat: New message\x1b\\"
    screen.settings = Settings(notify=Notify.OFF, preview=FULL)
    assert screen.after(message) == ""
    screen.settings = Settings(notify=Notify.BELL, preview=FULL)
    assert screen.after(message) == "\a"


def test_a_way_for_this_time_holds_until_the_settings_name_another(world: "World") -> None:
    screen, message = Screen(Notify.BELL, FULL), world.message("secret")
    screen.begin(Notify.OSC9)
    assert "secret" in screen.after(message)
    screen.settings = Settings(notify=Notify.BELL, preview=SILENT)
    assert "New message" in screen.after(message)
    screen.settings = Settings(notify=Notify.OFF, preview=SILENT)
    assert screen.after(message) == ""
    screen.settings = Settings(notify=Notify.BELL, preview=SILENT)
    assert screen.after(message) == "\a"


def test_what_is_chosen_last_holds(world: "World") -> None:
    screen, message = Screen(Notify.OFF), world.message("hi")
    screen.begin(Notify.BELL)
    assert screen.after(message) == "\a"
    screen.notifier.choose(Notify.OFF)
    assert screen.notifier.way is Notify.OFF
    assert screen.after(message) == ""
    screen.settings = Settings(notify=Notify.BELL)
    assert screen.after(message) == "\a"
    screen.notifier.choose(Notify.OFF)
    assert screen.after(message) == ""


def test_a_pipe_gets_none(world: "World") -> None:
    stream = io.StringIO()
    for way in (Notify.BELL, Notify.OSC9):
        settings = partial(Settings, notify=way)
        Notifier(Output(stream, stream), settings).arrived(world.message("hi"))
    assert stream.getvalue() == ""


# --- on the desktop -------------------------------------------------------------------------------------------------


class FakeBus:
    """A session's D-Bus with a desktop behind it: ``capabilities``, and what it was asked to show."""

    def __init__(self, path: Path) -> None:
        self.shown: list[tuple[Any, ...]] = []
        self.capabilities = ["body", "body-markup"]
        self.refuses = ""
        self.is_silent = False
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            with connected:
                self._converse(connected)

    def _converse(self, connected: socket.socket) -> None:
        parser, greeting, serial = Parser(), b"", 0
        while data := connected.recv(4096):
            if self.is_silent:
                continue
            if not greeting.endswith(b"BEGIN\r\n"):
                before, begin, data = data.partition(b"BEGIN\r\n")
                greeting += before + begin
                if not begin:
                    if greeting.endswith(b"\r\n"):
                        connected.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                    continue
            parser.add_data(data)
            while (asked := parser.get_next_message()) is not None:
                serial += 1
                connected.sendall(self._answer(asked).serialise(serial=serial))

    def _answer(self, asked: Message) -> Message:
        method = asked.header.fields[HeaderFields.member]
        if method == self.refuses:
            return new_error(asked, "org.freedesktop.DBus.Error.ServiceUnknown")
        if method == "Hello":
            return new_method_return(asked, "s", (":1.1",))
        if method == "GetCapabilities":
            return new_method_return(asked, "as", (self.capabilities,))
        assert (asked.header.message_type, method) == (MessageType.method_call, "Notify")
        self.shown.append(asked.body)
        return new_method_return(asked, "u", (1,))


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBus]:
    path = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path}")
    made = FakeBus(path)
    yield made
    made.close()


def test_the_desktop_shows_it(world: "World", bus: FakeBus) -> None:
    screen = Screen(Notify.DESKTOP, FULL)
    assert screen.after(world.message("1 < 2 & <b>bold</b>")) == ""
    bus.capabilities = ["body"]
    assert screen.after(world.message("1 < 2")) == ""
    (_, _, _, head, marked_up, *_), (_, _, _, _, plain, *_) = bus.shown
    assert head == "Message from bob"
    assert marked_up == "1 &lt; 2 &amp; &lt;b&gt;bold&lt;/b&gt;"
    assert plain == "1 < 2"


def test_what_the_desktop_gets_is_inert(world: "World", bus: FakeBus) -> None:
    message = world.message(f"\0\ud800{HOSTILE}", sender=f"{HOSTILE}<i>")
    Screen(Notify.DESKTOP, FULL).after(message)
    ((_, _, _, head, text, *_),) = bus.shown
    assert head.isprintable()
    assert text.isprintable()
    assert "<" not in text


def test_the_desktop_learns_no_more_than_wanted(world: "World", bus: FakeBus) -> None:
    Screen(Notify.DESKTOP, SENDER).after(world.message("secret"))
    Screen(Notify.DESKTOP, SILENT).after(world.message("secret"))
    assert [shown[3:5] for shown in bus.shown] == [("Message from bob", ""), ("New message", "")]


@pytest.mark.parametrize("trouble", ["nothing", "nobody", "silence", "no address", "another transport"])
def test_no_desktop_is_said_once(
    world: "World", bus: FakeBus, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(desktop, "PATIENCE", 0.05)
    match trouble:
        case "nothing":
            monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
        case "nobody":
            bus.refuses = "GetCapabilities"
        case "silence":
            bus.is_silent = True
        case "no address":
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "nonsense")
        case _:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "tcp:host=127.0.0.1,port=1")
    screen = Screen(Notify.DESKTOP)
    assert "takes no notifications" in screen.after(world.message("hi"))
    assert screen.after(world.message("hi")) == ""
    assert bus.shown == []


def test_a_bus_of_somebody_else_is_told_nothing(
    world: "World", bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop, "peer_of", lambda _socket: (1, os.getuid() + 1))
    assert "belongs to somebody else" in Screen(Notify.DESKTOP, FULL).after(world.message("secret"))
    assert bus.shown == []


# --- in commands ------------------------------------------------------------------------------------------------------


def arrives(world: "World", text: str, peer: str = "bob") -> None:
    """While the command runs, as far as it can see."""
    message = world.message(text, peer)
    world.shown.append(message.id)
    world.happen(MessageArrived(message))


def test_receive_tells_of_what_arrives_and_not_of_what_waited(
    cli: "CommandLine", world: "World", bus: FakeBus
) -> None:
    world.message("waits")
    arrives(world, "arrives", "carol")
    assert cli("receive", "--notify", "desktop").out.count(": ") == 2
    assert [shown[3] for shown in bus.shown] == ["Message from carol"]


def test_settings_decide_and_an_option_overrides(cli: "CommandLine", world: "World", bus: FakeBus) -> None:
    assert cli("settings", "--notify", "desktop", "--preview", "full").code == 0
    assert (world.settings.notify, world.settings.preview) == (Notify.DESKTOP, FULL)
    assert "desktop, preview full" in cli("settings").out
    cli.by_hand = True
    arrives(world, "one")
    assert cli("talk", "--peer", "bob", typed="").code == 0
    arrives(world, "two")
    assert cli("talk", "--peer", "bob", "--notify", "off", typed="").code == 0
    assert [shown[4] for shown in bus.shown] == ["one"]
    assert cli("settings", "--notify", "loudly").code == 2


def test_on_a_terminal(terminal: "Callable[..., Terminal]", process: "Process") -> None:
    os.mkfifo(process.arrivals)
    environment = {"E2ECHAT_TEST_ARRIVALS": str(process.arrivals)}
    screen = terminal("talk", "--peer", "bob", "--notify", "bell", **environment)
    with process.arrivals.open("w", buffering=1) as arrivals:
        screen.shows("connected")
        assert "\a" not in screen.raw
        arrivals.write("ding\n")
        screen.until(lambda text: "bob: ding" in text and "\a" in screen.raw)
        screen.type("/quit\r")
        assert screen.ends() == 0
