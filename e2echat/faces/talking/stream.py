"""A conversation as a stream: every message under a small number, days and news under rules, changes as new lines.

Nothing that was printed is ever changed. Any thread may call.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from e2echat.client.events import Message, MessageState
from e2echat.faces.changes import excerpt, message_text
from e2echat.faces.output import Output, Part, Style
from e2echat.faces.talking.lines import LAST, UnclearError
from e2echat.faces.talking.marks import STAYS, Marks, spans
from e2echat.faces.wording import clock, local, message_head, short_name


class Stream:
    """On ``out``; ``now`` is a clock that never goes back, in seconds."""

    def __init__(self, out: Output, now: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._now = now
        self._lock = threading.RLock()
        self._count = 0
        self._numbers: dict[int, int] = {}
        """By the message's place in the history."""
        self._messages: dict[int, Message] = {}
        """By number: as they were last heard of."""
        self._last_sent = 0
        """The place in the history of the last message of ours that is here."""
        self._marks = Marks()
        self._has_warned = False
        """It is said that a terminal forgets nothing by itself."""
        self._day: date | None = None

    # --- messages --------------------------------------------------------------------------------------------------

    def show(self, message: Message, *, with_state: bool = False, in_view: bool = False) -> None:
        """Print a message; one that is here already only if it is another now.

        ``in_view``: its text is on the screen, so that only its number and its state are missing there.

        Raises:
            OSError: it did not get out.
        """
        with self._lock:
            if message.number in self._numbers:
                self._follow(message)
                return
            self._begin_day(message)
            if in_view:
                self._out.note((Style.FAINT, f"-- [{self._enter(message)}] {message.state.value}"))
            else:
                self._print(message, with_state=with_state)
            if message.direction == "out":
                said = with_state or in_view or message.deleted
                self._marks.note(self._numbers[message.number], message.state, self._now(), said=said)
            else:
                self._marks.answered()

    def show_again(self, message: Message) -> None:
        """Print a message apart from the order of time, with its date."""
        with self._lock:
            self._print(message, with_date=True, with_state=True)
            if message.direction == "out":
                self._marks.note(self._numbers[message.number], message.state, self._now(), said=True)

    def edited(self, message: Message) -> None:
        """Print how a message is now, and how it began before."""
        with self._lock:
            number = self._numbers.get(message.number)
            before = self._messages[number] if number else None
            if before == message:
                return
            said = f"before: “{excerpt(message_text(before))}”" if before else "shown earlier"
            self._print(message, with_date=self._is_of_another_day(message), marks=(said,))

    def deleted(self, message: Message, by: str) -> None:
        """Say that ``by`` deleted a message; nothing of it is said again."""
        self.note(f"{short_name(by)} deleted {self.name(message)}.")
        self.keep(message)
        with self._lock:
            self._marks.drop([self._numbers[message.number]] if message.number in self._numbers else [])

    def reacted(self, message: Message, by: str, reaction: str) -> None:
        """Say what ``by`` thinks of a message; empty: nothing any more."""
        what = f"reacted {reaction} to" if reaction else "took back a reaction to"
        self.note(f"{short_name(by)} {what} {self.name(message)} “{excerpt(message_text(message))}”")
        self.keep(message)

    def note(self, *parts: Part, indent: int = 3) -> None:
        """Say something beside the messages; see ``Output.note``."""
        self.notes([parts], indent=indent)

    def notes(self, lines: Iterable[tuple[Part, ...]], *, indent: int = 3) -> None:
        """Several things that nothing comes between."""
        self._out.notes([("-- ", *parts) for parts in lines], indent=indent)

    # --- how far ---------------------------------------------------------------------------------------------------

    def moved(self, message: Message) -> None:
        """A message of ours came further."""
        with self._lock:
            number = self._numbers.get(message.number)
            if number is not None:
                self._messages[number] = message
                self._marks.note(number, message.state, self._now())

    def settle(self, *, at_last: bool = False) -> None:
        """Say how far messages have come, where that is news and stays so; ``at_last``: where it is news."""
        with self._lock:
            stays = 0.0 if at_last else STAYS
            for numbers, state in self._marks.settle(self._now(), stays=stays):
                self._out.note((Style.FAINT, f"-- {spans(numbers)} {state.value}"))

    @property
    def latest_state(self) -> tuple[int, MessageState] | None:
        """The number of the last message that we sent, whenever it was shown, and how far it is."""
        with self._lock:
            number = self._numbers.get(self._last_sent)
            if number is None or self._messages[number].deleted:
                return None
            return number, self._messages[number].state

    # --- rules -----------------------------------------------------------------------------------------------------

    def rule_off(self, news: Sequence[Message]) -> None:
        """Draw a line above what is new."""
        count = len(news)
        self._out.note((Style.STRONG, f"-- {count} new {'message' if count == 1 else 'messages'} --"))

    # --- numbers ---------------------------------------------------------------------------------------------------

    def knows(self, message: Message) -> bool:
        """Whether it has a number here."""
        return message.number in self._numbers

    def keep(self, message: Message) -> None:
        """Remember what became of a message, if it is here."""
        with self._lock:
            number = self._numbers.get(message.number)
            if number is not None:
                self._messages[number] = message

    def forget(self, places: Sequence[int]) -> None:
        """Messages are gone from the history, and cannot be referred to any more; say so of those that were shown."""
        with self._lock:
            numbers = sorted(self._numbers.pop(place) for place in places if place in self._numbers)
            for number in numbers:
                self._messages.pop(number, None)
            self._marks.drop(numbers)
            sent = (each.number for each in self._messages.values() if each.direction == "out")
            self._last_sent = max(sent, default=0)
        if not numbers:
            return
        self.note(f"{spans(numbers)} {'is' if len(numbers) == 1 else 'are'} gone here.")
        if not self._has_warned:
            self._has_warned = True
            self.note(
                "What this terminal has shown it keeps, until it is cleared with what has scrolled out of it."
            )

    def name(self, message: Message) -> str:
        """What to call a message by."""
        number = self._numbers.get(message.number)
        return f"[{number}]" if number else f"a message of {clock(message.sent_at)}"

    def find(self, which: int | str | None, whose: str | None = None) -> Message:
        """The message of a number, or the last one; ``whose``: ``in`` or ``out``, and of no other direction.

        Raises:
            UnclearError: there is none.
        """
        with self._lock:
            if isinstance(which, int):
                if which not in self._messages:
                    raise UnclearError(
                        f"There is no message [{which}] here. If the text itself begins with {which}, say "
                        f"which message is meant before it, for the last one as in: /reply {LAST} {which} apples"
                    )
                found = self._messages[which]
                if whose == "out" and found.direction == "in":
                    raise UnclearError(f"[{which}] is not yours.")
                return found
            candidates = [
                each
                for each in self._messages.values()
                if (whose is None or each.direction == whose) and not each.deleted
            ]
        if not candidates:
            raise UnclearError("There is no such message here yet.")
        return max(candidates, key=lambda each: each.number)

    def is_newest(self, message: Message) -> bool:
        """Whether it belongs behind all that are here."""
        return message.number > max(self._numbers, default=0)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _follow(self, message: Message) -> None:
        """A message that is here was looked at again: say what is new about it."""
        known = self._messages.get(self._numbers[message.number])
        if known is not None and message.edited_at != known.edited_at:
            self.edited(message)
        if message.direction == "out":
            self.moved(message)
        self.keep(message)

    def _print(
        self,
        message: Message,
        *,
        with_date: bool = False,
        with_state: bool = False,
        marks: tuple[str, ...] = (),
    ) -> None:
        number = self._enter(message)
        quoted = message.reply_to.id if message.reply_to else None
        replied = next((n for n, each in self._messages.items() if each.id == quoted), None)
        head = message_head(
            # There are but two here, and the commands that name them with a key are all outside.
            replace(message, sender=short_name(message.sender)),
            with_date=with_date or self._is_of_another_day(message),
            with_state=with_state,
            replied=replied,
            more=marks,
        )
        self._out.text(((Style.FAINT, f"[{number}]"), " ", *head), message_text(message))

    def _enter(self, message: Message) -> int:
        """The number of a message, which is the next if it has none yet."""
        number = self._numbers.get(message.number)
        if number is None:
            self._count += 1
            number = self._numbers[message.number] = self._count
        self._messages[number] = message
        if message.direction == "out":
            self._last_sent = max(self._last_sent, message.number)
        return number

    def _begin_day(self, message: Message) -> None:
        day = _day(message)
        if day != self._day:
            self._day = day
            self._out.note((Style.FAINT, f"-- {day:%A, %Y-%m-%d} --"))

    def _is_of_another_day(self, message: Message) -> bool:
        return local(message.sent_at).date() != self._day


def _day(message: Message) -> date:
    """By our own clock: a peer's may claim any year at all."""
    return local(message.received_at or message.sent_at).date()
