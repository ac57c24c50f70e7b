"""A process whose profile was locked begins anew: nothing of its memory is left but what it was started with."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from e2echat.faces.cli.passphrase import FILE_VARIABLE


def start_over(more: Sequence[str] = ()) -> NoReturn:
    """Replace this process by a fresh one of the same command line, with ``more`` arguments, that asks for the passphrase.

    The system gives the old one's memory back, wiped before anybody gets it: more than Python can do about a key.
    """
    environment = {name: value for name, value in os.environ.items() if name != FILE_VARIABLE}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:], *more], environment)  # noqa: S606 - ourselves
