"""``talk`` on a terminal: what arrives is printed above the line being typed, which stays as it is.

One thread owns the terminal. What prints runs in threads of its own, each write handed over and waited for, so that
a message counts as shown only when it is on the screen. Nothing is ever repainted but the prompt: the terminal's own
scrollback is the history.
"""

import asyncio
import queue
import threading
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from e2echat.client.settings import Notify
from e2echat.faces.conversation import Conversation
from e2echat.faces.exits import Exit
from e2echat.faces.notify import Notifier
from e2echat.faces.output import Output, Writable
from e2echat.faces.sanitiser import visible
from e2echat.faces.suspension import stop_process, suspendable

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


class InterruptedTyping(EOFError):  # noqa: N818 - an end of input that says how it came
    """Ctrl+C at the prompt."""


async def _talk(account: "Account", peer: str, out: Output, notify: Notify | None) -> Exit:
    keys = KeyBindings()
    prompt: PromptSession[str] = PromptSession(
        "> ",
        bottom_toolbar=lambda: f" {visible(conversation.summary)} | /help",
        erase_when_done=True,
        # In a task, KeyboardInterrupt would tear down the loop with the terminal as it is.
        interrupt_exception=InterruptedTyping,
        key_bindings=keys,
    )
    loop = asyncio.get_running_loop()

    async def suspend() -> None:
        """With the terminal as the shell wants it."""
        await asyncio.to_thread(account.let_go)
        await run_in_terminal(stop_process)
        await asyncio.to_thread(account.take_up)

    @keys.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.create_background_task(suspend())

    above = out.through(lambda terminal: AbovePrompt(terminal, loop))
    notifier = Notifier(above, account.settings(), notify)
    conversation = Conversation(
        account, peer, above, on_screen=True, changed=prompt.app.invalidate, arrived=notifier.arrived
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
    try:
        with suspendable(lambda: asyncio.run_coroutine_threadsafe(suspend(), loop).result()):
            return await _read_lines(prompt, lines, {follower, sender})
    finally:
        lines.put(None)
        over.set()
        await asyncio.gather(follower, sender)


async def _read_lines(
    prompt: "PromptSession[str]", lines: "queue.SimpleQueue[str | None]", work: set[asyncio.Task[None]]
) -> Exit:
    """Pass on what is typed, until the person leaves or one of ``work`` has ended."""
    while True:
        typing = asyncio.create_task(prompt.prompt_async())
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
