"""What was taken in, so that a repetition is known: first messages and envelopes, by their hashes."""

from e2echat.store.database import Database


class Taken:
    """Two tables of hashes, each kept for a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def knows_init(self, init: bytes) -> bool:
        """Whether that first message was taken in before."""
        return bool(self._database.execute("SELECT 1 FROM inits WHERE init = ?", (init,)))

    def add_init(self, init: bytes, expires_at: int) -> None:
        """Remember a first message."""
        self._database.execute("INSERT INTO inits (init, expires_at) VALUES (?, ?)", (init, expires_at))

    def seen_from(self, envelope_hash: bytes) -> int | None:
        """The contact that an envelope was taken in from before."""
        rows = self._database.execute("SELECT contact FROM seen WHERE hash = ?", (envelope_hash,))
        return rows[0][0] if rows else None

    def add_seen(self, envelope_hash: bytes, contact: int, expires_at: int) -> None:
        """Remember an envelope."""
        self._database.execute(
            "INSERT INTO seen (hash, contact, expires_at) VALUES (?, ?, ?)",
            (envelope_hash, contact, expires_at),
        )

    def forget_expired(self, now: int) -> None:
        """Drop what was to be remembered until before ``now``."""
        self._database.execute("DELETE FROM inits WHERE expires_at < ?", (now,))
        self._database.execute("DELETE FROM seen WHERE expires_at < ?", (now,))
