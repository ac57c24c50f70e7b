"""What a person has decided for all conversations."""

from dataclasses import dataclass
from enum import StrEnum


class Notify(StrEnum):
    """How to tell somebody who looks elsewhere that a message has come."""

    OFF = "off"
    BELL = "bell"
    OSC9 = "osc9"
    """By the terminal, which may be at the far end of a connection."""
    DESKTOP = "desktop"


class Preview(StrEnum):
    """How much a notification says to whoever sees the screen."""

    FULL = "full"
    SENDER = "sender"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Settings:
    """What to tell of oneself, what to keep, how to be told of messages, and when to lock.

    ``keep_days`` and ``keep_messages``: what is older, or further back, is deleted; 0: nothing is. ``lock_after``: seconds in
    which nobody used the profile; 0: it does not lock by itself.
    """

    read_receipts: bool = True
    typing: bool = False
    keep_days: int = 0
    keep_messages: int = 0
    notify: Notify = Notify.OFF
    preview: Preview = Preview.SENDER
    lock_after: int = 0
