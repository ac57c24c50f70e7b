"""The events that one consumer has not taken yet: bounded, so that who does not look costs nothing."""

from collections import deque

from e2echat.client.events import Event, Missed

MAX_EVENTS = 4096
"""Events kept for a consumer that does not look; messages themselves are in the history, unshown."""


class Subscription:
    """A queue that forgets the oldest, and says so."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._missed = False
        self.closed = False
        """Nobody takes from it any more."""

    def put(self, event: Event) -> None:
        """Something happened."""
        if len(self._events) == MAX_EVENTS:
            self._events.popleft()
            self._missed = True
        self._events.append(event)

    def take(self) -> Event | None:
        """The oldest event, or first that some were lost; None if there is none."""
        if self._missed:
            self._missed = False
            return Missed()
        return self._events.popleft() if self._events else None
