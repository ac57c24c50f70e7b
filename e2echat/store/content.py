"""What became of messages after they were written, and what a conversation has agreed on."""

from collections.abc import Sequence
from dataclasses import replace

from e2echat.store.history import History
from e2echat.store.rows import VISIBLE, ConversationRow, EarlyRow, MessageRow, ReactionRow
from e2echat.store.table import Executor, Table

_VISIBLE = f"kind IN {VISIBLE}"
_SETTLED = "(outgoing = 0 OR state IN ('delivered', 'read') OR payload IS NULL)"
"""What is on its way to the other side still has to be sent, however old."""


class Content:
    """A part of ``Records``, whose rules hold here too."""

    def __init__(self, database: Executor, history: History) -> None:
        self._database = database
        self._history = history
        self._messages = Table(database, "messages", MessageRow, "id")
        self.reactions = Table(database, "reactions", ReactionRow, "message", "outgoing")
        self.conversations = Table(database, "conversations", ConversationRow, "contact")
        self.early = Table(database, "early", EarlyRow, "id")

    def conversation(self, contact: int) -> ConversationRow:
        """What holds for the conversation with a contact."""
        return self.conversations.one("WHERE contact = ?", contact) or ConversationRow(contact)

    def change_author(self, contact: int) -> None:
        """What has come from a contact so far was another identity's."""
        ((last,),) = self._database.execute("SELECT max(id) FROM messages")
        self.conversations.save(replace(self.conversation(contact), author_since=last or 0))

    def reaction(self, message: int, *, outgoing: bool) -> ReactionRow | None:
        """One side's reaction to a message, perhaps taken back."""
        return self.reactions.one("WHERE message = ? AND outgoing = ?", message, outgoing)

    def reactions_to(self, message: int) -> list[ReactionRow]:
        """Both sides', ours first."""
        return self.reactions.select("WHERE message = ? AND text != '' ORDER BY outgoing DESC", message)

    def keep_early(self, row: EarlyRow, most: int) -> None:
        """Remember what is to happen to a message that is missing; of more than ``most``, the oldest go."""
        self.early.save(row)
        self.early.delete(
            "WHERE contact = ? AND id NOT IN (SELECT id FROM early WHERE contact = ? ORDER BY id DESC LIMIT ?)",
            *(row.contact, row.contact, most),
        )

    def take_early(self, contact: int, device_hash: bytes, target: bytes) -> list[EarlyRow]:
        """What its device wanted to happen to a message that has come now, oldest first; it is remembered no longer."""
        condition = "WHERE contact = ? AND device_hash = ? AND target = ?"
        rows = self.early.select(f"{condition} ORDER BY id", contact, device_hash, target)
        self.early.delete(condition, contact, device_hash, target)
        return rows

    def unshown_sequences(self, contact: int, device_hash: bytes) -> list[int]:
        """The sequence numbers of a peer's device whose messages wait to be shown, ascending."""
        rows = self._database.execute(
            "SELECT seq FROM messages WHERE contact = ? AND outgoing = 0 AND device_hash = ? AND shown = 0 ORDER BY seq",
            (contact, device_hash),
        )
        return [row[0] for row in rows]

    def expired(self, now: int, limit: int) -> list[MessageRow]:
        """Messages whose time is over, longest ago first."""
        condition = f"WHERE expires_at <= ? AND {_SETTLED} ORDER BY expires_at LIMIT ?"
        return self._messages.select(condition, now, limit)

    def next_expiry(self) -> int | None:
        """When the next message's time is over, unix milliseconds."""
        ((value,),) = self._database.execute(
            f"SELECT min(expires_at) FROM messages WHERE expires_at IS NOT NULL AND {_SETTLED}"  # noqa: S608 - a constant
        )
        return None if value is None else int(value)

    def outlived(self, contact: int, before: int | None, most: int | None, limit: int) -> list[MessageRow]:
        """Messages of a conversation that came before a time, or before the last ``most``; not what waits to be shown."""
        newest = 0
        if most:
            rows = self._database.execute(
                f"SELECT id FROM messages WHERE contact = ? AND {_VISIBLE} ORDER BY id DESC LIMIT 1 OFFSET ?",  # noqa: S608 - a constant
                (contact, most),
            )
            newest = rows[0][0] if rows else 0
        condition = (
            f"WHERE contact = ? AND {_VISIBLE} AND {_SETTLED} AND (outgoing = 1 OR shown = 1) "
            "AND (id <= ? OR coalesce(received_at, sent_at) < ?) ORDER BY id LIMIT ?"
        )
        return self._messages.select(condition, contact, newest, before or 0, limit)

    def forget_done(self, before: int) -> None:
        """Remove what only changed something, once both sides have it and nobody asks for its state any more."""
        self._messages.delete(f"WHERE NOT {_VISIBLE} AND {_SETTLED} AND sent_at < ?", before)

    def erase(self, messages: Sequence[MessageRow]) -> None:
        """Remove messages and all that hangs on them."""
        for row in messages:
            self._history.unindex(row)
            self._messages.delete("WHERE id = ?", row.id)

    def forget(self, contact: int) -> list[MessageRow]:
        """Remove all that was said with a contact, and how; what that was."""
        rows = self._messages.select("WHERE contact = ?", contact)
        self.erase(rows)
        self.conversations.delete("WHERE contact = ?", contact)
        return rows

    def change(self, before: MessageRow, after: MessageRow) -> None:
        """Replace what a message says."""
        self._history.unindex(before)
        self._messages.save(after)
        self._history.index(after)

    def add(self, row: MessageRow) -> MessageRow:
        """Insert a message; the row with its place."""
        row = replace(row, id=self._messages.save(row))
        self._history.index(row)
        return row
