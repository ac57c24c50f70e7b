"""``talk`` on a terminal: what arrives is printed above the line being typed, which stays as it is.

One thread owns the terminal. What prints runs in threads of its own, each write handed over and waited for, so that
a message counts as shown only when it is on the screen. Nothing is ever repainted but the prompt: the terminal's own
scrollback is the history.
"""

import asyncio
import queue
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.shortcuts import CompleteStyle

from e2echat.client.settings import Notify
from e2echat.faces.bugs import bug_sentence
from e2echat.faces.exits import Exit
from e2echat.faces.notify import Notifier
from e2echat.faces.output import Output, Style, Writable
from e2echat.faces.sanitiser import visible
from e2echat.faces.suspension import stop_process, suspendable
from e2echat.faces.talking.conversation import Conversation
from e2echat.faces.talking.keys import Commands, Keyboard, Pen, talk_keys
from e2echat.faces.talking.standing import fitted

if TYPE_CHECKING:
    from e2echat.client.account import Account


def talk_on_screen(account: "Account", peer: str, out: Output, notify: Notify | None = None) -> Exit:
    """Until the person leaves with Ctrl+D, Ctrl+C or ``/quit``."""
    return asyncio.run(_talk(account, peer, out, notify))


class AbovePrompt:
    """A stream whose every write takes the prompt away, prints, and brings it back; for threads, not for the loop."""

    def __init__(self, terminal: Writable, loop: asyncio.AbstractEventLoop) -> None:
        self._terminal = terminal
        self._loop = loop

    def write(self, data: str, /) -> None:
        """Return once ``data`` is on the terminal."""
        asyncio.run_coroutine_threadsafe(self._write(data), self._loop).result()

    def flush(self) -> None:
        """Every write already is."""

    async def _write(self, data: str) -> None:
        await run_in_terminal(lambda: self._put(data))

    def _put(self, data: str) -> None:
        self._terminal.write(data)
        self._terminal.flush()


def talk_prompt(
    keyboard: Input, standing: Callable[[], str], suspend: Callable[[], Awaitable[None]]
) -> "PromptSession[str]":
    """Where lines are typed, over the status line."""
    return PromptSession(
        "> ",
        prompt_continuation="  ",
        input=keyboard,
        bottom_toolbar=standing,
        erase_when_done=True,
        # What was typed is nowhere but in memory.
        history=InMemoryHistory(),
        completer=Commands(),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        # In a task, KeyboardInterrupt would tear down the loop with the terminal as it is.
        interrupt_exception=InterruptedTyping,
        key_bindings=talk_keys(suspend),
    )


def _say_bug(out: Output, loop: asyncio.AbstractEventLoop, failed: dict[str, Any]) -> None:
    """What no code expects costs one line and not the conversation; the toolkit's own way shows what may be secret."""
    error = failed.get("exception") or RuntimeError()
    # Elsewhere, since what is said above the prompt waits for the loop.
    loop.run_in_executor(None, out.error, bug_sentence(type(error), error.__traceback__))


class InterruptedTyping(EOFError):  # noqa: N818 - an end of input that says how it came
    """Ctrl+C at the prompt."""


async def _talk(account: "Account", peer: str, out: Output, notify: Notify | None) -> Exit:
    loop = asyncio.get_running_loop()

    async def suspend() -> None:
        """With the terminal as the shell wants it."""
        await asyncio.to_thread(account.let_go)
        await run_in_terminal(stop)
        await asyncio.to_thread(account.take_up)

    def stop() -> None:
        with keyboard.lent():
            stop_process()

    def standing() -> str:
        return " " + visible(fitted(conversation.standing, "/help", prompt.app.output.get_size().columns - 1))

    keyboard = Keyboard(sys.stdin)
    prompt = talk_prompt(keyboard, standing, suspend)
    pen = Pen(account, peer)
    prompt.default_buffer.on_text_changed += lambda buffer: pen.at(buffer.text)

    async def offer(text: str) -> bool:
        if prompt.default_buffer.text:
            return False
        prompt.default_buffer.insert_text(text)
        return True

    above = out.through(lambda terminal: AbovePrompt(terminal, loop))
    loop.set_exception_handler(lambda _loop, failed: _say_bug(above, loop, failed))
    conversation = Conversation(
        account,
        peer,
        above,
        on_screen=True,
        notifier=Notifier(above, account.settings, notify),
        changed=prompt.app.invalidate,
        suggest=lambda text: asyncio.run_coroutine_threadsafe(offer(text), loop).result(),
    )
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    over = threading.Event()

    def enter_lines() -> None:
        """Apart from the prompt, so that typing goes on while a line is on its way."""
        while (line := lines.get()) is not None and conversation.enter(line):
            pass

    await asyncio.to_thread(conversation.begin)
    follower = asyncio.create_task(asyncio.to_thread(conversation.follow, over))
    sender = asyncio.create_task(asyncio.to_thread(enter_lines))
    telling = asyncio.create_task(pen.run())
    try:
        stoppable = suspendable(lambda: asyncio.run_coroutine_threadsafe(suspend(), loop).result())
        with stoppable, keyboard.raw_mode():
            return await _read_lines(prompt, lines, {follower, sender})
    finally:
        telling.cancel()
        lines.put(None)
        over.set()
        await asyncio.gather(follower, sender)
        if prompt.default_buffer.text:
            out.text(((Style.BAD, "not sent"), ": "), prompt.default_buffer.text)


async def _read_lines(
    prompt: "PromptSession[str]", lines: "queue.SimpleQueue[str | None]", work: set[asyncio.Task[None]]
) -> Exit:
    """Pass on what is typed, until the person leaves or one of ``work`` has ended."""
    while True:
        typing = asyncio.create_task(prompt.prompt_async(set_exception_handler=False))
        await asyncio.wait({typing, *work}, return_when=asyncio.FIRST_COMPLETED)
        if not typing.done():
            typing.cancel()
            await asyncio.wait({typing})
            return Exit.DONE
        try:
            lines.put(typing.result().rstrip("\n"))
        except InterruptedTyping:
            return Exit.INTERRUPTED
        except EOFError:
            return Exit.DONE
