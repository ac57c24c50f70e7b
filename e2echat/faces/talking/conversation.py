"""One conversation with a person at it: what happens is printed, what is typed is sent or obeyed."""

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from e2echat.client.events import (
    TYPING_LASTS,
    Connected,
    Contact,
    ContactChanged,
    Disconnected,
    Event,
    KeyChanged,
    Message,
    MessageDeleted,
    MessageEdited,
    MessagesExpired,
    MessageState,
    Reacted,
    StateChanged,
    TypingChanged,
)
from e2echat.errors import E2EChatError, KeyChangedError
from e2echat.faces.changes import duration
from e2echat.faces.exits import advice_for, sentence_for
from e2echat.faces.feed import Feed, show_event
from e2echat.faces.input import checked_text
from e2echat.faces.notify import Notifier
from e2echat.faces.output import Output, Style
from e2echat.faces.talking.lines import Order, Say, UnclearError, understand
from e2echat.faces.talking.orders import Orders
from e2echat.faces.talking.standing import changes_of, standing_parts
from e2echat.faces.talking.stream import Stream

if TYPE_CHECKING:
    from e2echat.client.account import Account

RECENT = 10
"""Messages shown again when a conversation is taken up."""
LOOKED_AT = 200
"""Messages among which those are that still wait for the relay."""
ANSWERED = frozenset({"help", "search", "status", "verify", "why"})
"""Commands whose answer reads best below them."""


class Conversation:
    """With ``peer``. ``follow`` runs in a thread of its own beside the one that calls ``enter``.

    ``on_screen``: ``standing`` is in view, and what is typed is not once it is entered. ``changed`` is called whenever
    ``standing`` may be another. ``notifier`` is told of what comes meanwhile. ``suggest``: see ``Orders``.
    """

    def __init__(
        self,
        account: "Account",
        peer: str,
        out: Output,
        *,
        on_screen: bool = False,
        changed: Callable[[], None] = lambda: None,
        notifier: Notifier | None = None,
        suggest: Callable[[str], bool] = lambda _text: False,
    ) -> None:
        self.peer = peer
        self.standing = [peer]
        """How things stand, what matters most first."""
        self._account = account
        self._out = out
        self._on_screen = on_screen
        self._changed = changed
        self._notifier = notifier or Notifier(out, account.settings)
        self._feed = Feed(account, peer)
        self._stream = Stream(out)
        self._orders = Orders(account, peer, out, self._stream, self._notifier, self._send, suggest)
        self._sending: set[str] = set()
        """Messages that are on their way into the outbox, and that ``_send`` will show."""
        self._showing = threading.Lock()
        """Held by who shows a message of ours, so that it is shown once."""
        self._queued: set[int] = set()
        """Messages that the relay does not have yet, by their place in the history."""
        self._is_news = False
        self._known: Contact | None = None
        """The peer, as was last said or clear."""
        self._types_until = 0.0
        """When the peer is taken to have left off typing, on the monotonic clock."""

    def begin(self) -> None:
        """Show where the conversation stood, then what has come since."""
        waiting = list(self._feed.waiting())
        unseen = {message.id for message in waiting}
        contact = self._known = self._contact()
        # Nothing is recorded of somebody to whom nobody has written yet.
        recent = self._account.history(self.peer, limit=LOOKED_AT + len(waiting)) if contact else []
        for message in recent:
            self._note_queued(message)
        for message in [message for message in recent if message.id not in unseen][-RECENT:]:
            self._stream.show(message, with_state=True)
        if waiting:
            self._stream.rule_off(waiting)
        for message in waiting:
            self._show(message)
        if contact is not None and contact.key_changed:
            self._stream.note(
                f"The key of {self.peer} has changed; what you write is held until you /verify or /accept it."
            )
        elif contact is None or not contact.verified:
            self._stream.note(f"{self.peer} is not verified yet; to compare the number: /verify")
        if contact is not None and contact.timer:
            self._stream.note(
                f"New messages disappear {duration(contact.timer)} after they were read; what a terminal has shown stays there."
            )
        self._note_standing()

    def follow(self, over: threading.Event) -> None:
        """Print what happens, until ``over`` is set and all that has happened by then is printed."""
        self._feed.follow(over, self._take, self._end_turn)

    def enter(self, line: str) -> bool:
        """Send or obey a line. What cannot be done is said, and loses nothing of the line.

        Returns:
            Whether the conversation goes on.
        """
        asked: Say | Order | None = None
        try:
            asked = understand(line)
            if isinstance(asked, Order):
                checked_text(line)
                if self._on_screen and asked.name in ANSWERED:
                    self._out.text(((Style.FAINT, "> "),), line)
                return self._orders.obey(asked)
            if isinstance(asked, Say):
                self._send(asked.text, None)
        except UnclearError as unclear:
            self._give_back(line, asked)
            self._stream.note(f"{unclear}")
        except KeyChangedError as error:
            # It is kept, and held.
            self._out.error(sentence_for(error), advice_for(error))
        except E2EChatError as error:
            self._give_back(line, asked)
            self._out.error(sentence_for(error), advice_for(error))
        finally:
            self._note_standing()
        return True

    # --- what happens ----------------------------------------------------------------------------------------------

    def _take(self, event: Message | Event) -> None:
        self._is_news = True
        match event:
            case Message():
                self._types_until = 0.0
                self._show(event)
                self._notifier.arrived(event)
            case StateChanged(message):
                self._take_state(message)
            case TypingChanged(_, active):
                self._types_until = time.monotonic() + TYPING_LASTS if active else 0.0
            case ContactChanged():
                self._note_change(self._contact())
            case Connected() | Disconnected() if self._on_screen:
                pass
            case _ if not self._take_change(event):
                show_event(self._out, event, inside=self.peer)
                if isinstance(event, KeyChanged):
                    self._known = self._contact()

    def _take_change(self, event: Event) -> bool:
        """Say what became of messages; False if that is not what happened."""
        match event:
            case MessageEdited(message):
                self._stream.edited(message)
            case MessageDeleted(message):
                self._note_queued(message)
                self._stream.deleted(message, message.sender)
            case Reacted(message, sender, reaction):
                self._stream.reacted(message, sender, reaction)
            case MessagesExpired(_, numbers):
                self._queued.difference_update(numbers)
                self._stream.forget(numbers)
            case _:
                return False
        return True

    def _note_change(self, contact: Contact | None) -> None:
        """Somebody decided about the peer, in this process or another one."""
        before, self._known = self._known, contact
        for sentence in changes_of(before, contact) if contact else []:
            self._stream.note(sentence)

    def _take_state(self, message: Message) -> None:
        """Also of what another process of this profile has sent."""
        with self._showing:
            if message.peer != self.peer:
                return
            self._note_queued(message)
            if message.id in self._sending:
                return
            if self._stream.knows(message):
                self._stream.moved(message)
            elif self._stream.is_newest(message):
                self._stream.show(message)

    def _end_turn(self, last: bool) -> None:  # noqa: FBT001 - as the feed calls it
        self._stream.settle(at_last=last)
        if self._is_news or self._has_left_off():
            self._is_news = False
            self._note_standing()

    def _show(self, message: Message) -> None:
        self._stream.show(message)
        self._account.mark_shown(message.number)

    # --- what is typed ---------------------------------------------------------------------------------------------

    def _send(self, text: str, answered: Message | None) -> None:
        chosen = os.urandom(16).hex()
        self._sending.add(chosen)
        self._note_standing()
        try:
            self._account.send(
                self.peer, checked_text(text), reply_to=answered.id if answered else None, message_id=chosen
            )
        except KeyChangedError:
            # It is kept, and held.
            self._show_sent(chosen)
            raise
        else:
            self._show_sent(chosen)
        finally:
            self._sending.discard(chosen)

    def _show_sent(self, message_id: str) -> None:
        with self._showing:
            for origin in self._account.provenance(message_id):
                self._note_queued(origin.message)
                self._stream.show(origin.message, in_view=not self._on_screen)
            self._sending.discard(message_id)

    def _give_back(self, line: str, asked: Say | Order | None) -> None:
        """A terminal without escape codes still shows a command; whether a text was sent is to be beyond doubt."""
        is_echoed = isinstance(asked, Order) and asked.name in ANSWERED
        if isinstance(asked, Say) or (self._on_screen and not is_echoed):
            label = "not done" if isinstance(asked, Order) else "not sent"
            self._out.text(((Style.BAD, label), ": "), line)

    # --- how things stand ------------------------------------------------------------------------------------------

    def _note_queued(self, message: Message) -> None:
        if message.direction == "out" and message.state is MessageState.QUEUED and not message.deleted:
            self._queued.add(message.number)
        else:
            self._queued.discard(message.number)

    def _contact(self) -> Contact | None:
        return next((contact for contact in self._account.contacts() if contact.name == self.peer), None)

    def _has_left_off(self) -> bool:
        return 0.0 < self._types_until <= time.monotonic()

    def _note_standing(self) -> None:
        if self._has_left_off():
            self._types_until = 0.0
        contacts, status = self._account.contacts(), self._account.status()
        self._known = self._known or next((each for each in contacts if each.name == self.peer), None)
        if not status.queued:
            # However that was missed.
            self._queued.clear()
        self.standing = standing_parts(
            contacts,
            self.peer,
            status,
            self._stream.latest_state,
            queued=len(self._queued),
            busy=bool(self._sending),
            typing=self._types_until > 0.0,
        )
        self._changed()
