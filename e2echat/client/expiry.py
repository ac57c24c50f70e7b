"""Messages whose time is over go, and what should only be kept for a while. docs/spec/sessions.md, "Timers" and "Retention"."""

from collections import defaultdict
from dataclasses import dataclass

from e2echat.client import preferences
from e2echat.client.context import Context
from e2echat.client.events import MessagesExpired
from e2echat.store.rows import MessageRow

AT_ONCE = 500
"""Messages deleted in one step."""
DAY = 86_400_000


@dataclass(slots=True)
class Expiry:
    """Deletes; what for, others have written down. ``_tidy_at``: when it looks next for what is kept no longer."""

    context: Context
    _tidy_at: int = 0

    def run_out(self) -> bool:
        """Delete messages whose time is over; whether there may be more."""
        rows = self.context.records.content.expired(self.context.now, AT_ONCE)
        self._erase(rows)
        return len(rows) == AT_ONCE

    def run(self) -> None:
        """Delete what is due."""
        self.run_out()
        if not self._tidy_at - DAY <= self.context.now < self._tidy_at:
            self._tidy_at = self.context.now + (0 if self._tidy() else DAY)

    def hurry(self) -> None:
        """How long messages are kept was changed."""
        self._tidy_at = 0

    @property
    def due(self) -> int:
        """When it runs next, unix milliseconds."""
        expiry = self.context.records.content.next_expiry()
        return self._tidy_at if expiry is None else min(self._tidy_at, expiry)

    def _tidy(self) -> bool:
        """Delete some of what is older, or further back, than the person wants it; whether there may be more."""
        records, settings = self.context.records, preferences.load(self.context.records)
        for contact in records.contacts.select():
            own = records.content.conversation(contact.id)
            days = settings.keep_days if own.keep_days is None else own.keep_days
            most = settings.keep_messages if own.keep_messages is None else own.keep_messages
            before = self.context.now - days * DAY if days else None
            if before is not None or most:
                rows = records.content.outlived(contact.id, before, most, AT_ONCE)
                self._erase(rows)
                if rows:
                    return True
        return False

    def _erase(self, rows: list[MessageRow]) -> None:
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
