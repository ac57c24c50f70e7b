"""Whatever bytes a terminal sends are text, keys or nothing, and never the end of a conversation."""

import asyncio
import os
import random
import termios
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from e2echat.faces.talking.keys import Keyboard
from e2echat.faces.talking.screen import talk_prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faces.conftest import Process, Terminal

LEAVING = b"\x03\x04"
ENTER = b"\x1b[201~\x07\r\r"
"""However the bytes before have left the prompt: at the end of a paste, of a search, and of the line."""
PATIENCE = 20.0


async def _nothing() -> None:
    pass


def typed(*inputs: bytes) -> list[str]:
    """The line that each input makes; fails for whatever the toolkit would show as a traceback."""

    async def lines() -> list[str]:
        failed: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failed.append(context))
        got = []
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
            prompt = talk_prompt(pipe, lambda: "", _nothing)
            for data in inputs:
                pipe.send_bytes(data)
                line = asyncio.create_task(prompt.prompt_async(set_exception_handler=False))
                await asyncio.wait({line}, timeout=PATIENCE)
                assert not failed, data
                assert line.done(), data
                got.append(line.result())
        return got

    return asyncio.run(lines())


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[1;31;40mred", "\x1b[1;31;40mred"),
        (b"a\x1b[<1;2mb", "a\x1b[<1;2mb"),
        (b"\x1b[;;Mb", "\x1b[;;Mb"),
        (b"\x1b[M\xc3\xa9ab", "\x1b[M\u00e9ab"),
        (b"a\x1b[<0;3;4Mb\x1b[32;3;4Mc", "abc"),
        (b"a\x1b[12;1Rb\x1b[" + b"9" * 5000 + b";1Rc", "abc"),
        (b"a\xffb", "a\udcffb"),
    ],
    ids=["colour", "colours", "half a click", "no number", "old click", "clicks", "cursor", "no UTF-8"],
)
def test_what_looks_like_an_answer_of_the_terminal(data: bytes, line: str) -> None:
    assert typed(data + b"\r") == [line]


def sequences(seed: int, number: int) -> Iterator[bytes]:
    """Bytes of any kind, half of them in something like a control sequence."""
    chance = random.Random(seed)
    for _ in range(number):
        data = b""
        for _ in range(chance.randint(1, 8)):
            if chance.random() < 0.5:
                parameters = "".join(chance.choices("0123456789;<?>", k=chance.randint(0, 7)))
                data += b"\x1b[" + parameters.encode() + chance.choice(b"mMRABCDHKu~").to_bytes(1)
            else:
                data += bytes(chance.randrange(256) for _ in range(chance.randint(1, 4)))
        yield data.translate(None, delete=LEAVING) + ENTER


@pytest.mark.parametrize("times", [1, pytest.param(50, marks=pytest.mark.campaign)], ids=["some", "many"])
def test_no_bytes_break_the_prompt(times: int) -> None:
    """What is left of one line is typed before the next."""
    for seed in range(times):
        assert len(typed(*sequences(seed, 100))) == 100


def test_a_paste_in_colour_that_is_not_said_to_be_one(
    terminal: "Callable[..., Terminal]", process: "Process"
) -> None:
    screen = terminal("talk", "--peer", "bob")
    screen.shows("connected")
    screen.type("\x1b[31mred\x1b[0m\r")
    screen.shows("alice: ␛[31mred␛[0m")
    screen.type("/search \x1b[<1;2m\r")
    screen.shows("Nothing found")
    screen.type("\x04")
    assert screen.ends() == 0
    assert "event loop" not in screen.raw
    assert process.log.read_bytes() == b"sent \x1b[31mred\x1b[0m"


def test_what_no_code_expects_costs_a_line(
    terminal: "Callable[..., Terminal]", process: "Process", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(process.directory))
    (process.directory / "sitecustomize.py").write_text(
        "from prompt_toolkit.buffer import Buffer\n"
        "def broken(*_): raise KeyError('a secret')\n"
        "Buffer.transpose_chars = broken\n"
        "from prompt_toolkit.key_binding.bindings import named_commands\n"
        "named_commands.get_by_name('transpose-chars').handler = broken\n"
    )
    screen = terminal("talk", "--peer", "bob")
    screen.shows("connected")
    screen.type("ab\x14")
    screen.shows("internal error: KeyError")
    screen.type("c\r")
    screen.shows("alice: abc")
    screen.type("\x04")
    assert screen.ends() == 0
    assert "Press ENTER" not in screen.raw
    assert "secret" not in screen.raw


def test_keys_stay_raw_while_something_is_printed() -> None:
    """Else Enter, pressed just then, would not send the line."""

    def modes() -> tuple[bool, bool]:
        flags = termios.tcgetattr(theirs)
        return bool(flags[0] & termios.ICRNL), bool(flags[3] & termios.ECHO)

    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "r") as stdin:
        keyboard = Keyboard(stdin)
        with keyboard.raw_mode():
            with keyboard.raw_mode(), keyboard.cooked_mode():
                assert modes() == (False, False)
            assert modes() == (False, False)
            with keyboard.lent():
                assert modes() == (True, True)
            assert modes() == (False, False)
        assert modes() == (True, True)


def test_enter_between_two_prompts_sends(
    terminal: "Callable[..., Terminal]", process: "Process", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompt comes back only after the next line was typed."""
    monkeypatch.setenv("PYTHONPATH", str(process.directory))
    (process.directory / "sitecustomize.py").write_text(
        "import os, select\n"
        "from prompt_toolkit import PromptSession\n"
        "again = PromptSession.prompt_async\n"
        "seen = []\n"
        "async def late(self, *args, **more):\n"
        "    if seen:\n"
        "        print('between', flush=True)\n"
        "        select.select([0], [], [])\n"
        "    seen.append(1)\n"
        "    return await again(self, *args, **more)\n"
        "PromptSession.prompt_async = late\n"
    )
    screen = terminal("talk", "--peer", "bob")
    screen.shows("connected")
    for number, text in enumerate(("one", "two", "three"), 1):
        screen.type(f"{text}\r")
        while screen.raw.count("between") < number:
            screen.read()
    screen.type("\x04")
    assert screen.ends() == 0
    assert process.log.read_text().splitlines() == ["sent one", "sent two", "sent three"]
