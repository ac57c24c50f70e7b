"""What arrives, in order and once: for ``receive`` and ``talk`` alike."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from e2echat.client.events import Connected, Disconnected, Event, Message, MessageArrived, Missed
from e2echat.faces.changes import message_text, peer_of_change
from e2echat.faces.output import Output
from e2echat.faces.wording import event_record, message_head, message_record, notice

if TYPE_CHECKING:
    from e2echat.client.account import Account

TURN = 0.2
"""Seconds between two looks at whether it is over."""


class Feed:
    """The messages that no face has shown yet, then whatever happens next. ``peer``: only of that one."""

    def __init__(self, account: "Account", peer: str | None = None) -> None:
        self._account = account
        self._peer = peer
        self._taken: set[str] = set()
        self._connection: Event = Connected()

    def waiting(self) -> Iterator[Message]:
        """What waits in the profile, oldest first. Each is to be shown before the next is asked for."""
        for message in self._account.unshown():
            if self._is_meant(message.peer):
                # It may also be announced as having arrived; nothing else can come twice.
                self._taken.add(message.id)
                yield message

    def until(self, deadline: float | None) -> Iterator[Message | Event]:
        """New messages, and other events as they happen, until ``deadline`` on the monotonic clock; None: for ever."""
        looking = False
        while True:
            event = self._account.next_event(0 if looking else _left(deadline))
            if event is None and looking:
                # A flood of events can push out some of them; the messages themselves are all in the profile.
                yield from self.waiting()
                looking = False
            elif event is None:
                return
            elif isinstance(event, MessageArrived | Missed):
                looking = True
                if isinstance(event, MessageArrived) and self._is_first(event.message):
                    yield event.message
            elif self._is_news(event):
                yield event

    def follow(
        self,
        over: threading.Event,
        take: Callable[[Message | Event], None],
        end_turn: Callable[[bool], None] = lambda _last: None,
    ) -> None:
        """Have ``take`` take what happens until ``over`` is set, and all that had happened by then.

        ``end_turn`` is called every ``TURN`` seconds, and with True at last.
        """
        last = False
        while not last:
            last = over.is_set()
            for event in self.until(time.monotonic() + (0 if last else TURN)):
                take(event)
            end_turn(last)

    def _is_first(self, message: Message) -> bool:
        """Whether it is meant for us, and was not among what waited."""
        if message.id in self._taken:
            self._taken.discard(message.id)
            return False
        return self._is_meant(message.peer)

    def _is_news(self, event: Event) -> bool:
        """Not every attempt to connect is, and no change of other conversations."""
        if isinstance(event, Connected | Disconnected):
            former, self._connection = self._connection, event
            return event != former
        peer = peer_of_change(event)
        return peer is None or self._is_meant(peer)

    def _is_meant(self, peer: str) -> bool:
        return self._peer is None or peer == self._peer


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def show_message(account: "Account", out: Output, message: Message, *, with_date: bool = True) -> None:
    """Print a message, and only once it is out take it as shown.

    Raises:
        OSError: it did not get out; whoever looks next is shown it.
    """
    if out.json:
        out.record(message_record(message))
    else:
        out.text(message_head(message, with_date=with_date), message_text(message))
    account.mark_shown(message.number)


def show_event(out: Output, event: Event, *, inside: str | None = None) -> None:
    """Say what happened beside the messages, as a sentence for a person.

    ``inside``: the peer of the conversation in which it is said.
    """
    sentence = notice(event, inside)
    if sentence:
        out.note(f"-- {sentence}", indent=3)


def record_event(out: Output, event: Event, *, inside: str) -> None:
    """Say it inside a conversation: a program gets what changes how the messages are to be read."""
    record = event_record(event)
    if out.json and record:
        out.record(record)
    else:
        show_event(out, event, inside=inside)
