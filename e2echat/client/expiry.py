"""Messages whose time is over go, and what should only be kept for a while. docs/spec/sessions.md, "Timers"."""

from collections import defaultdict
from dataclasses import dataclass

from e2echat.client.context import Context
from e2echat.client.events import MessagesExpired

AT_ONCE = 500
"""Messages deleted in one step."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """Deletes; what for, others have written down."""

    context: Context

    def run(self) -> None:
        """Delete what is due."""
        rows = self.context.records.content.expired(self.context.now, AT_ONCE)
        if not rows:
            return
        self.context.records.content.erase(rows)
        self.context.scrub = True
        places = defaultdict(list)
        for row in rows:
            places[row.contact].append(row.id)
        for contact, numbers in places.items():
            peer = self.context.peer_name(self.context.records.contact(contact))
            self.context.tell(MessagesExpired(peer, numbers))

    @property
    def due(self) -> int | None:
        """When the next message's time is over, unix milliseconds."""
        return self.context.records.content.next_expiry()
