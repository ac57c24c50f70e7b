"""A question from another thread to the one that owns the switchboard."""

import queue
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 10.0
"""Seconds for an answer; a relay that stops gives none."""
Answer = TypeVar("Answer")


def ask(
    post: Callable[[Callable[[], None]], None], question: Callable[[Callable[[Answer], None]], None]
) -> Answer | None:
    """Let ``post`` run ``question`` over there, and wait until that calls what it is given with the answer.

    Returns:
        The answer, or None if it does not come in time.
    """
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    post(lambda: question(answers.put))
    try:
        return answers.get(timeout=PATIENCE)
    except queue.Empty:
        return None
