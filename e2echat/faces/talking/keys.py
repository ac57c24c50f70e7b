"""What the keys do at the prompt: new lines, completion of commands, and what a pause in typing means."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyBindings, KeyBindingsBase, KeyPressEvent, merge_key_bindings
from prompt_toolkit.key_binding.bindings.completion import display_completions_like_readline

from e2echat.errors import E2EChatError
from e2echat.faces.sequences import sequence_keys
from e2echat.faces.talking.lines import completions

if TYPE_CHECKING:
    from e2echat.client.account import Account

TELL_AGAIN = 2.0
"""Seconds after which the account hears again that somebody types; it decides what the peer hears."""


def talk_keys(suspend: Callable[[], Awaitable[None]]) -> KeyBindingsBase:
    """The keys that ``talk`` has beside those of any line that is edited."""
    keys = KeyBindings()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    keys.add("tab")(Listing().complete)

    @keys.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.create_background_task(suspended())

    async def suspended() -> None:
        await suspend()

    return merge_key_bindings([sequence_keys(), keys])


class Keyboard(Vt100Input):
    """The terminal's keys. Within ``raw_mode`` they stay raw, also while something is printed above the prompt.

    As the toolkit has it, Enter typed at such a moment is turned into the end of a line in a text of several, and what
    was typed shows up twice.
    """

    def cooked_mode(self) -> AbstractContextManager[None]:
        """Nothing that is printed above the prompt reads a line there."""
        return nullcontext()

    def lent(self) -> AbstractContextManager[None]:
        """Within, the terminal is as before ``raw_mode``."""
        return super().cooked_mode()


class Commands(Completer):
    """Completes what begins with a slash."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - the toolkit's signature
        """Whole commands, in place of what is typed."""
        typed = document.text_before_cursor
        return [Completion(each, start_position=-len(typed)) for each in completions(typed)]


class Listing:
    """Completion as in a shell, that lists what there is once: the list stays in view."""

    def __init__(self) -> None:
        self._is_listed = False

    def complete(self, event: KeyPressEvent) -> None:
        """What Tab does."""
        buffer = event.current_buffer
        if self._is_listed:
            return
        before = buffer.text
        display_completions_like_readline(event)
        if buffer.text == before:
            self._is_listed = True
            buffer.on_text_changed += self._forget

    def _forget(self, buffer: Buffer) -> None:
        self._is_listed = False
        buffer.on_text_changed -= self._forget


class Pen:
    """Tells the account that somebody writes, or left off. All but ``run`` is for the prompt's thread."""

    def __init__(self, account: "Account", peer: str) -> None:
        self._account = account
        self._peer = peer
        self._writes = False
        self._moved = asyncio.Event()
        self._left_off = asyncio.Event()

    def at(self, text: str) -> None:
        """That is what is typed now; a command is nobody's business."""
        before, self._writes = self._writes, bool(text.strip()) and not text.startswith("/")
        if self._writes or before:
            self._moved.set()
        if self._writes:
            self._left_off.clear()
        else:
            self._left_off.set()

    async def run(self) -> None:
        """Until cancelled; a connection that is slow holds up no key."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            told = self._writes
            await asyncio.to_thread(self._tell, active=told)
            if told:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._left_off.wait(), TELL_AGAIN)

    def _tell(self, *, active: bool) -> None:
        with contextlib.suppress(E2EChatError):
            self._account.typing(self._peer, active=active)
