"""Once a day: whatever has outlived its use goes, secrets first. docs/spec/prekeys.md, "Lifetimes"."""

from dataclasses import dataclass, replace

from e2echat.client.context import Context
from e2echat.client.sessions import Sessions

DAY = 86_400_000
SUPERSEDED = 30 * DAY
"""Milliseconds after which a session that others have replaced is deleted."""


@dataclass(slots=True)
class Housekeeping:
    """``due``: when it runs next, unix milliseconds; at once after a start."""

    context: Context
    sessions: Sessions
    due: int = 0

    def run_if_due(self) -> None:
        """Delete what nobody can need any more."""
        now, records = self.context.now, self.context.records
        if self.due - DAY <= now < self.due:
            return
        self.due = now + DAY
        records.forget_expired(now)
        newest: set[tuple[int, bytes]] = set()
        for row in records.sessions.select("ORDER BY used_at DESC"):
            line = (row.contact, row.device_hash)
            if line in newest and row.used_at < now - SUPERSEDED:
                records.sessions.delete("WHERE sid = ?", row.sid)
                continue
            newest.add(line)
            kept = self.sessions.read(row).forget(now // 1000)
            records.sessions.save(replace(row, state=kept.to_bytes()))
