"""Whatever has outlived its use goes, secrets first. docs/spec/sessions.md, "Housekeeping"."""

from dataclasses import dataclass, replace

from e2echat.client.amendments import EARLY_KEPT
from e2echat.client.context import Context
from e2echat.client.expiry import Expiry
from e2echat.client.sessions import Sessions

DAY = 86_400_000
SUPERSEDED = 30 * DAY
"""Milliseconds after which a session that others have replaced is deleted."""


@dataclass(slots=True)
class Housekeeping:
    """What has a time of its own goes then, the rest once a day, and at once after a start."""

    context: Context
    sessions: Sessions
    expiry: Expiry
    _daily: int = 0

    @property
    def due(self) -> int:
        """When it runs next, unix milliseconds."""
        return min(self._daily, self.expiry.due)

    def run_if_due(self) -> None:
        """Delete what nobody can need any more."""
        self.expiry.run()
        now, records = self.context.now, self.context.records
        if self._daily - DAY <= now < self._daily:
            return
        self._daily = now + DAY
        records.taken.forget_expired(now)
        records.invitations.delete("WHERE expires_at < ?", now)
        records.content.forget_done(now - DAY)
        records.content.early.delete("WHERE kept_at < ?", now - EARLY_KEPT)
        newest: set[tuple[int, bytes]] = set()
        for row in records.sessions.select("ORDER BY used_at DESC"):
            line = (row.contact, row.device_hash)
            if line in newest and row.used_at < now - SUPERSEDED:
                records.sessions.delete("WHERE sid = ?", row.sid)
                continue
            newest.add(line)
            kept = self.sessions.read(row).forget(now // 1000)
            records.sessions.save(replace(row, state=kept.to_bytes()))
