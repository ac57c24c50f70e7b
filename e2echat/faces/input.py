"""The one way in from a terminal, a pipe or a file: bounded, decoded, and checked to be text."""

import getpass
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Self

from e2echat.errors import InvalidTextError, TextTooLongError
from e2echat.faces.echo import echo_again, echo_off, leave_echo_off
from e2echat.faces.sanitiser import visible

MAX_INPUT = 256 * 1024
"""Bytes read for one text. More than fits into any message, so that the account says what does not fit."""
TURN = 0.25
"""Seconds between two looks at what else there is while nobody types."""


def checked_text(text: str) -> str:
    """``text``, if it can be a message.

    Raises:
        InvalidTextError: empty, with NUL, or with bytes that were no UTF-8 where it came from.
    """
    if not text:
        raise InvalidTextError("There is nothing to send: the text is empty.")
    if "\0" in text or not _encodes(text):
        raise InvalidTextError("This is no text: a message is UTF-8 without NUL.")
    return text


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Input:
    """Standard input. ``is_terminal``: somebody types there, and can be asked."""

    def __init__(self, stdin: BinaryIO | None, *, is_terminal: bool) -> None:
        self._stdin = stdin
        self.is_terminal = is_terminal
        self._unseen: ExitStack | None = None

    @classmethod
    def standard(cls) -> Self:
        """The process's own."""
        if sys.stdin is None:
            return cls(None, is_terminal=False)
        return cls(sys.stdin.buffer, is_terminal=sys.stdin.isatty())

    def line(self, meanwhile: Callable[[], object] | None = None) -> str:
        """One typed line without its end. ``meanwhile`` is called now and then until it comes; what it raises ends this.

        Raises:
            EOFError: nothing more comes.
            InvalidTextError: not UTF-8.
        """
        while meanwhile and not self._has_line():
            meanwhile()
        raw = self._read_line()
        if not raw:
            raise EOFError
        return _decoded(raw)

    def lines(self) -> Iterator[str]:
        """Every line that is not empty, as it comes.

        Raises:
            InvalidTextError: not UTF-8, or NUL in it.
            TextTooLongError: no end of line within ``MAX_INPUT``.
        """
        while raw := self._read_line():
            line = _decoded(raw)
            if line:
                yield checked_text(line)

    def whole_text(self) -> str:
        """All of it as one text; a newline at the end is not part of it.

        Raises:
            InvalidTextError: not UTF-8, NUL in it, or empty.
            TextTooLongError: more than ``MAX_INPUT``.
        """
        raw = self._stdin.read(MAX_INPUT + 1) if self._stdin else b""
        if len(raw) > MAX_INPUT:
            raise TextTooLongError
        return checked_text(_decoded(raw))

    def can_ask_secret(self) -> bool:
        """Whether a passphrase can be typed somewhere without being seen."""
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError:
            return self.is_terminal
        return True

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Within, nothing typed is shown from the first secret on: whoever types ahead may be at the next one."""
        if self._unseen is not None:
            yield
            return
        with ExitStack() as until_the_end:
            # A process before this one may have begun it.
            until_the_end.callback(echo_again)
            self._unseen = until_the_end
            try:
                yield
            finally:
                self._unseen = None

    def stay_unseen(self) -> None:
        """Show nothing typed any more, until this process ends or ``unseen`` does, in this one or in what replaces it."""
        leave_echo_off()

    def secret(self, question: str) -> str:
        """A typed line, not shown; asked on the terminal even if standard input is a pipe."""
        if self._unseen is not None:
            self._unseen.enter_context(echo_off())
        return getpass.getpass(visible(question))

    def _has_line(self) -> bool:
        """Whether a line has been typed within ``TURN``; what cannot be waited for has one."""
        if not (self._stdin and self.is_terminal):
            return True
        try:
            # A terminal gives one line at a time, so that none is left in a buffer of ours.
            return bool(select.select([self._stdin], [], [], TURN)[0])
        except (OSError, ValueError):
            return True

    def _read_line(self) -> bytes:
        raw = self._stdin.readline(MAX_INPUT + 1) if self._stdin else b""
        if len(raw) > MAX_INPUT:
            raise TextTooLongError
        return raw


def _decoded(raw: bytes) -> str:
    """Raises InvalidTextError."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidTextError("This is no text: a message is UTF-8 without NUL.") from error
    return text.removesuffix("\n").removesuffix("\r")
