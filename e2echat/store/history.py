"""What was said, page by page, and the search in it. docs/spec/storage.md, "The search"."""

from collections.abc import Iterator

from e2echat.store import grams
from e2echat.store.rows import VISIBLE, MessageRow
from e2echat.store.table import Executor, Table

_VISIBLE = f"kind IN {VISIBLE}"
_READ_AT_ONCE = 200
MOST_LOOKED_AT = 5_000
MOST_RANKED = 1_000
"""Messages that a ranked search reads and compares at most, the latest ones: what it costs does not grow with the history."""


class History:
    """A part of ``Records``, whose rules hold here too."""

    def __init__(self, database: Executor) -> None:
        self._database = database
        self._messages = Table(database, "messages", MessageRow, "id")

    def page(
        self, contact: int, *, before: int | None = None, after: int | None = None, limit: int | None = None
    ) -> list[MessageRow]:
        """Messages of a conversation, oldest first: the first after row ``after``, else the last before row ``before``."""
        most = -1 if limit is None else limit
        if after is not None:
            condition = f"WHERE contact = ? AND {_VISIBLE} AND id > ? AND id < ? ORDER BY id LIMIT ?"
            return self._messages.select(condition, contact, after, before or 1 << 62, most)
        condition = f"WHERE contact = ? AND {_VISIBLE} AND id < ? ORDER BY id DESC LIMIT ?"
        return self._messages.select(condition, contact, before or 1 << 62, most)[::-1]

    def search(
        self,
        text: str,
        contact: int,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[MessageRow]:
        """Those of a page that have every word of ``text`` in them; the last ones, if there are more than ``limit``."""
        found: list[int] = []
        for place, _ in self._matching(grams.fold(text).split(), contact, before):
            if len(found) == limit or (after is not None and place <= after):
                break
            found.append(place)
        return [row for place in reversed(found) for row in self._messages.select("WHERE id = ?", place)]

    def ranked(self, text: str, contact: int | None, limit: int) -> list[MessageRow]:
        """The ``limit`` best of the latest messages that have every word of ``text`` in them, best first, of equals the latest."""
        words = grams.fold(text).split()
        scored: list[tuple[int, int]] = []
        for place, folded in self._matching(words, contact, None, MOST_LOOKED_AT):
            scored.append((grams.score(folded, words), place))
            if len(scored) == MOST_RANKED:
                break
        scored.sort(reverse=True)
        return [row for _, place in scored[:limit] for row in self._messages.select("WHERE id = ?", place)]

    def index(self, row: MessageRow) -> None:
        """Have the search find a new message."""
        if row.kind == "text" and not row.deleted:
            self._database.execute(
                "INSERT INTO message_index (rowid, grams) VALUES (?, ?)",
                (row.id, grams.indexed(row.text, row.contact)),
            )

    def unindex(self, row: MessageRow) -> None:
        """Have the index forget a message as it was indexed: FTS5 takes what is not kept from whoever deletes."""
        # What is not in it, FTS5 would take for damage: a message that was put in by other means.
        if self._database.execute("SELECT 1 FROM message_index_docsize WHERE id = ?", (row.id,)):
            self._database.execute(
                "INSERT INTO message_index (message_index, rowid, grams) VALUES ('delete', ?, ?)",
                (row.id, grams.indexed(row.text, row.contact)),
            )

    def index_anew(self) -> None:
        """Index all messages, as after they were put in by other means."""
        self._database.execute("INSERT INTO message_index (message_index) VALUES ('delete-all')")
        self._database.execute(
            "INSERT INTO message_index (rowid, grams) "
            "SELECT id, grams(text, contact) FROM messages WHERE kind = 'text' AND deleted = 0"
        )

    def _matching(
        self, words: list[str], contact: int | None, before: int | None, most: int | None = None
    ) -> Iterator[tuple[int, str]]:
        """Places and folded texts of messages with all folded ``words``, latest first; at most ``most`` are looked at."""
        place = before or 1 << 62
        looked_at = 0
        # What has the pieces of a word need not have the word, and a text can pretend to be of another conversation.
        while words and (most is None or looked_at < most):
            rows = self._database.execute(
                "SELECT id, contact, text FROM messages WHERE id IN (SELECT rowid FROM message_index "
                "WHERE message_index MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?) ORDER BY id DESC",
                (grams.query(words, contact), place, _READ_AT_ONCE),
            )
            for place, owner, text in rows:
                folded = grams.fold(text)
                if contact in (None, owner) and all(word in folded for word in words):
                    yield place, folded
            if len(rows) < _READ_AT_ONCE:
                return
            looked_at += len(rows)
