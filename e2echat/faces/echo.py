"""Whether a terminal shows what is typed."""

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager

_LOCAL = 3
"""Where ``termios`` has the flags of which ``ECHO`` is one."""


@contextmanager
def echo_off() -> Iterator[None]:
    """Within, the controlling terminal shows nothing typed; what is left of that at the end is dropped.

    Where there is no terminal, nothing changes.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        yield
        return
    try:
        before = termios.tcgetattr(terminal)
        within = [*before[:_LOCAL], before[_LOCAL] & ~termios.ECHO, *before[_LOCAL + 1 :]]
        termios.tcsetattr(terminal, termios.TCSADRAIN, within)
        try:
            yield
        finally:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
    finally:
        os.close(terminal)
