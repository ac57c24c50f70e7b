"""Whether a terminal shows what is typed."""

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager

_LOCAL = 3
"""Where ``termios`` has the flags of which ``ECHO`` is one."""


_LEFT_OFF = "_E2ECHAT_ECHO_LEFT_OFF"
"""In the environment as long as the terminal shows nothing and we are to blame: also in that of a process which replaces this one."""


def leave_echo_off() -> None:
    """Have the controlling terminal show nothing typed until ``echo_again``, whoever calls that."""
    with _terminal() as terminal:
        if terminal is not None and _set_echo(terminal, on=False, when=termios.TCSADRAIN):
            os.environ[_LEFT_OFF] = "1"


def echo_again() -> None:
    """End what ``leave_echo_off`` began, if it did, and drop what was typed."""
    if os.environ.pop(_LEFT_OFF, None) is not None:
        with _terminal() as terminal:
            if terminal is not None:
                _set_echo(terminal, on=True, when=termios.TCSAFLUSH)


@contextmanager
def echo_off() -> Iterator[None]:
    """Within, the controlling terminal shows nothing typed; what is left of that at the end is dropped.

    Where there is no terminal, nothing changes.
    """
    with _terminal() as terminal:
        was_on = terminal is not None and _set_echo(terminal, on=False, when=termios.TCSADRAIN)
        try:
            yield
        finally:
            if terminal is not None:
                _set_echo(terminal, on=was_on, when=termios.TCSAFLUSH)


@contextmanager
def _terminal() -> Iterator[int | None]:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        yield None
        return
    try:
        yield terminal
    finally:
        os.close(terminal)


def _set_echo(terminal: int, *, on: bool, when: int) -> bool:
    """Have it so; whether it was on."""
    state = termios.tcgetattr(terminal)
    was_on = bool(state[_LOCAL] & termios.ECHO)
    state[_LOCAL] = state[_LOCAL] | termios.ECHO if on else state[_LOCAL] & ~termios.ECHO
    termios.tcsetattr(terminal, when, state)
    return was_on
