"""What tells somebody who looks elsewhere that a message has come. docs/cli.md, "Notifications"."""

import time
from collections.abc import Callable

from e2echat.client.events import Message
from e2echat.client.settings import Notify, Preview, Settings
from e2echat.faces.changes import message_text
from e2echat.faces.output import Output
from e2echat.faces.sanitiser import visible
from e2echat.faces.wording import doubt

GAP = 1.0
"""Seconds in which one notification is enough, however much comes."""
LONGEST = 200
"""Characters of a message in a preview."""


class Notifier:
    """Notifies of messages as the person has decided by now. Any thread may call, one at a time.

    ``way``: for this time, until the settings are changed to another one, or ``choose`` says otherwise. A notification that fails is said once and
    costs no message.
    """

    def __init__(
        self,
        out: Output,
        settings: Callable[[], Settings],
        way: Notify | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._settings = settings
        self._for_this_time = way
        self._before = settings().notify
        self._clock = clock
        self._quiet_until = 0.0
        self._is_desktop_gone = False

    def arrived(self, message: Message) -> None:
        """Tell of a message that has just come."""
        now = self._clock()
        if now < self._quiet_until:
            return
        settings = self._settings()
        way = self._way(settings)
        if way is Notify.OFF:
            return
        self._quiet_until = now + GAP
        head, text = self._words(message, settings.preview)
        match way:
            case Notify.BELL:
                self._out.ring()
            case Notify.OSC9:
                self._out.announce(f"{head}: {text}" if text else head)
            case Notify.DESKTOP if not self._is_desktop_gone:
                self._on_desktop(head, text)

    def choose(self, way: Notify) -> None:
        """From now on that way, for this time."""
        self._before = self._settings().notify
        self._for_this_time = way

    @property
    def way(self) -> Notify:
        """The one that holds now."""
        return self._way(self._settings())

    def _way(self, settings: Settings) -> Notify:
        if settings.notify != self._before:
            self._for_this_time = None
        return self._for_this_time or settings.notify

    @staticmethod
    def _words(message: Message, preview: Preview) -> tuple[str, str]:
        if preview is Preview.SILENT:
            return "New message", ""
        text, doubts = "", doubt(message)
        # What shows notifications may keep them: nothing of what is to disappear, nor of anybody who was not accepted.
        if preview is Preview.FULL and message.standing == "contact" and not (doubts or message.timer):
            words = " ".join(message_text(message).split())
            text = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
        return f"Message from {message.sender}{''.join(f' ({each})' for each in doubts)}", text

    def _on_desktop(self, head: str, text: str) -> None:
        from e2echat.faces.desktop import show  # noqa: PLC0415 - only for who wants it

        try:
            show(visible(head), visible(text))
        except OSError as error:
            self._is_desktop_gone = True
            self._out.note(f"-- The desktop takes no notifications ({error}); there are no more of them.")
