"""A bug in a thread that others depend on: told as any other thread's would be, and survived."""

import threading


def report(error: Exception) -> None:
    """Hand ``error`` to ``threading.excepthook``."""
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )
