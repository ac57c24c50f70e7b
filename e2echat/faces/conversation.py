"""One conversation, as every kind of ``talk`` has it: what arrives is printed, what is typed is sent or obeyed."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from e2echat.client.events import Connected, Contact, Disconnected, Message, StateChanged
from e2echat.errors import E2EChatError, KeyChangedError
from e2echat.faces.changes import message_text
from e2echat.faces.exits import advice_for, sentence_for
from e2echat.faces.feed import Feed, record_event, show_message
from e2echat.faces.input import checked_text
from e2echat.faces.output import Output, Style
from e2echat.faces.wording import clock, connection_words, grouped, message_head, status_lines

if TYPE_CHECKING:
    from e2echat.client.account import Account

RECENT = 10
"""Messages shown again when a conversation is taken up."""
TURN = 0.2
"""Seconds between two looks at whether the conversation is over."""

HELP = (
    ("/verify", "show the number to compare"),
    ("/verify NUMBER", "mark as verified, if that is what the other side sees"),
    ("/accept", "accept a stranger, or a new key"),
    ("/block", "have no more to do with them, and leave"),
    ("/status", "account, relay, queue"),
    ("/quit", "leave; so does Ctrl+D"),
    ("//text", "send text that begins with a slash"),
)


class Conversation:
    """With ``peer``. ``follow`` runs in a thread of its own beside the one that calls ``enter``.

    ``on_screen``: ``summary`` is in view, and what is typed is not, so that it is printed once it is sent.
    ``changed`` is called whenever ``summary`` may be another, and ``arrived`` with each message that comes meanwhile.
    """

    def __init__(
        self,
        account: "Account",
        peer: str,
        out: Output,
        *,
        on_screen: bool = False,
        changed: Callable[[], None] = lambda: None,
        arrived: Callable[[Message], None] = lambda _message: None,
    ) -> None:
        self.peer = peer
        self.summary = ""
        self._account = account
        self._out = out
        self._on_screen = on_screen
        self._changed = changed
        self._arrived = arrived
        self._feed = Feed(account, peer)
        self._latest: Message | None = None
        """Of what we sent, as far as it is known how far it came."""

    def begin(self) -> None:
        """Show where the conversation stood, then what has come since."""
        waiting = list(self._feed.waiting())
        unseen = {message.id for message in waiting}
        # Nothing is recorded of somebody to whom nobody has written yet.
        recent = self._account.history(self.peer, limit=RECENT + len(waiting)) if self._contact() else []
        for message in [message for message in recent if message.id not in unseen][-RECENT:]:
            self._out.text(message_head(message, with_state=True), message_text(message))
            self._note_state(message)
        for message in waiting:
            show_message(self._account, self._out, message)
        contact = self._contact()
        if contact is not None and contact.key_changed:
            self._out.note(
                f"-- The key of {self.peer} has changed; what you write is held until you /verify or /accept it."
            )
        elif not self._verified():
            self._out.note(f"-- {self.peer} is not verified yet; to compare the number: /verify")
        self._summarise()

    def begin_with_new(self) -> None:
        """Show only what has come since."""
        for message in self._feed.waiting():
            show_message(self._account, self._out, message)

    def follow(self, over: threading.Event) -> None:
        """Print what happens, until ``over`` is set and all that has happened by then is printed."""
        last = False
        while not last:
            last = over.is_set()
            happened = False
            for event in self._feed.until(time.monotonic() + (0 if last else TURN)):
                happened = True
                if isinstance(event, StateChanged):
                    self._note_state(event.message)
                    if event.message.peer != self.peer:
                        continue
                if isinstance(event, Message):
                    show_message(self._account, self._out, event, with_date=False)
                    self._arrived(event)
                elif not (self._on_screen and isinstance(event, Connected | Disconnected)):
                    record_event(self._out, event, inside=self.peer)
            if happened:
                self._summarise()

    def enter(self, line: str) -> bool:
        """Send or obey a line. What cannot be done is said, and loses nothing of the line.

        Returns:
            Whether the conversation goes on.
        """
        try:
            if not line.startswith("/"):
                self._send(line)
            elif line.startswith("//"):
                self._send(line[1:])
            else:
                return self._obey(*line[1:].split(maxsplit=1))
        except E2EChatError as error:
            self._out.error(sentence_for(error), advice_for(error))
        finally:
            self._summarise()
        return True

    def _send(self, text: str) -> None:
        if not text.strip():
            return
        try:
            self._account.send(self.peer, checked_text(text))
        except KeyChangedError:
            # It is kept, and held.
            raise
        except E2EChatError:
            self._out.text(((Style.BAD, "not sent"), ": "), text)
            raise
        if self._on_screen:
            now = clock(datetime.now(UTC), with_date=False)
            self._out.text(((Style.FAINT, now), " ", (Style.FAINT, self._account.name), ": "), text)

    def _obey(self, command: str = "", argument: str = "") -> bool:
        match command:
            case "quit":
                return False
            case "help":
                for what, why in HELP:
                    self._out.note(f"-- {what:<16}{why}")
            case "verify" if argument:
                self._account.verify(self.peer, argument)
                self._out.note("-- ", (Style.GOOD, self.peer), " is verified.")
            case "verify":
                number = grouped(self._account.safety(self.peer).number)
                self._out.note(
                    "-- The number of you two. Ask for it by voice, then type /verify and what you hear:"
                )
                self._out.note(f"-- {number}")
            case "accept":
                self._account.accept(self.peer)
                self._out.note(f"-- {self.peer} is accepted.")
            case "block":
                self._account.block(self.peer)
                self._out.note(f"-- {self.peer} is blocked; to undo it: e2echat accept {self.peer}")
                return False
            case "status":
                for what, how in status_lines(self._account.status()):
                    self._out.note(f"-- {what:<17}{how}")
            case _:
                self._out.note(
                    f"-- There is no /{command}; /help says what there is. To send it: //{command}"
                )
        return True

    def _note_state(self, message: Message) -> None:
        sent = message.direction == "out" and message.peer == self.peer
        if sent and (self._latest is None or message.number >= self._latest.number):
            self._latest = message

    def _contact(self) -> Contact | None:
        return next((contact for contact in self._account.contacts() if contact.name == self.peer), None)

    def _verified(self) -> bool:
        contact = self._contact()
        return contact is not None and contact.verified

    def _summarise(self) -> None:
        status = self._account.status()
        parts = [
            self.peer,
            "verified" if self._verified() else "not verified",
            connection_words(status),
        ]
        if status.queued:
            parts.append(f"{status.queued} on the way")
        elif self._latest is not None:
            parts.append(f"last one {self._latest.state.value}")
        if status.unread:
            parts.append(f"{status.unread} unread")
        self.summary = " | ".join(parts)
        self._changed()
