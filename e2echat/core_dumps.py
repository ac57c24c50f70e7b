"""A crash leaves nothing of a process's memory on the disk: in every process that holds keys, client or relay."""

import resource
import sys

_NONE = 1 if sys.platform == "linux" else 0
"""Bytes. A program that the system hands cores to (``core_pattern`` with a pipe) is given them at a limit of 0, but none at 1:
Linux's fs/coredump.c, which also writes no file so small."""


def forbid_core_dumps() -> None:
    """From now on, for this process and those that it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (_NONE, _NONE))
