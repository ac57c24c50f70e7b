"""What can be done to messages beyond sending them, in the process that owns the profile: a part of ``LocalAccount``."""

import re
from collections.abc import Callable
from dataclasses import replace

from e2echat.client import preferences
from e2echat.client.address_book import AddressBook
from e2echat.client.engine import Engine
from e2echat.client.events import Found, Message, Provenance
from e2echat.client.runtime import Runtime
from e2echat.client.settings import Settings
from e2echat.client.texts import require_text
from e2echat.client.views import Views
from e2echat.crypto.payloads import Deletion, Edit, Numbered, Reaction, TimerChange
from e2echat.errors import LocalError
from e2echat.store.records import Records
from e2echat.store.rows import MessageRow


class MessageMethods:
    """What ``changes.Changes`` calls, whose docstrings say what it does."""

    def __init__(self, runtime: Runtime, engine: Engine, records: Records, book: AddressBook) -> None:
        self._runtime = runtime
        self._engine = engine
        self._records = records
        self._book = book
        self._views = Views(engine.context)

    def history(
        self,
        peer: str,
        *,
        search: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> list[Message]:
        """See ``Changes.history``."""
        contact = self._book.require(peer)

        def look() -> list[Message]:
            history = self._records.history
            first, last = (self._place(contact.id, message_id) for message_id in (after, before))
            if search is None:
                rows = history.page(contact.id, before=last, after=first, limit=limit)
            else:
                rows = history.search(search, contact.id, before=last, after=first, limit=limit)
            return self._views.messages(rows)

        return self._runtime.look(look)

    def page(self, peer: str, *, after: int = 0, limit: int = 200) -> list[Message]:
        """See ``Changes.page``."""
        contact = self._book.require(peer)
        return self._runtime.look(
            lambda: self._views.messages(self._records.history.page(contact.id, after=after, limit=limit))
        )

    def search(
        self, words: str, *, peer: str | None = None, limit: int = 20, context: int = 0
    ) -> list[Found]:
        """See ``Changes.search``."""
        contact = None if peer is None else self._book.require(peer).id

        def look() -> list[Found]:
            history, found = self._records.history, []
            for row in history.ranked(words, contact, limit):
                around = [
                    history.page(row.contact, limit=context, **{side: row.id}) for side in ("before", "after")
                ]
                (message,), before, after = (self._views.messages(rows) for rows in ([row], *around))
                found.append(Found(message, before, after))
            return found

        return self._runtime.look(look)

    def keep(self, peer: str, days: int | None, messages: int | None) -> None:
        """See ``Changes.keep``."""
        contact = self._book.require(peer)
        require_kept(days, messages)

        def change() -> None:
            content = self._records.content
            known = content.conversation(contact.id)
            content.conversations.save(replace(known, keep_days=days, keep_messages=messages))
            self._engine.housekeeping.expiry.hurry()

        self._runtime.step(change)

    def edit(self, message_id: str, text: str, *, change_id: str | None = None) -> str:
        """See ``Changes.edit``."""
        require_text(text)
        return self._once(
            change_id,
            Edit,
            lambda chosen: self._engine.writing.edit(self._message(message_id, ours=True), text, chosen),
        )

    def delete(self, message_id: str, *, change_id: str | None = None) -> str:
        """See ``Changes.delete``."""
        return self._once(
            change_id,
            Deletion,
            lambda chosen: self._engine.writing.delete(self._message(message_id, ours=True), chosen),
        )

    def react(self, message_id: str, reaction: str, *, change_id: str | None = None) -> str:
        """See ``Changes.react``."""
        return self._once(
            change_id,
            Reaction,
            lambda chosen: self._engine.writing.react(
                self._message(message_id, ours=False), reaction, chosen
            ),
        )

    def set_timer(self, peer: str, seconds: int, *, change_id: str | None = None) -> str:
        """See ``Changes.set_timer``."""
        contact = self._book.require(peer)
        return self._once(
            change_id,
            TimerChange,
            lambda chosen: self._engine.writing.set_timer(contact, seconds, chosen),
        )

    def typing(self, peer: str, *, active: bool) -> None:
        """See ``Changes.typing``."""
        contact = self._book.require(peer)
        self._runtime.step(lambda: self._engine.typing(contact, active=active))

    def provenance(self, message_id: str) -> list[Provenance]:
        """See ``Changes.provenance``."""
        wanted = parsed_id(message_id)
        return self._runtime.look(
            lambda: [self._views.provenance(row) for row in self._records.messages_with_id(wanted)]
        )

    def settings(self) -> Settings:
        """See ``Changes.settings``."""
        return self._runtime.look(lambda: preferences.load(self._records))

    def change_settings(self, settings: Settings) -> None:
        """See ``Changes.change_settings``."""
        require_kept(settings.keep_days, settings.keep_messages)

        def change() -> None:
            preferences.save(self._records, settings)
            self._engine.housekeeping.expiry.hurry()

        self._runtime.step(change)

    def _once(
        self, change_id: str | None, kind: type[Numbered], make: Callable[[bytes | None], bytes]
    ) -> str:
        """Make a change under the id that the caller chose; who lost the answer asks again, and it is not made again."""
        chosen = parsed_id(change_id) if change_id else None

        def change() -> bytes:
            known = self._records.outgoing_message(chosen) if chosen else None
            if known is None:
                return make(chosen)
            if known.kind != kind.KIND:
                raise LocalError("another message of ours has that id")
            return known.message_id

        return self._runtime.step(change).hex()

    def _message(self, message_id: str, *, ours: bool) -> MessageRow:
        """The message of that id: of ours, or of either side, then the peer's first. Inside a step."""
        rows = [row for row in self._records.messages_with_id(parsed_id(message_id)) if row.visible]
        rows = [row for row in rows if row.outgoing] if ours else sorted(rows, key=lambda row: row.outgoing)
        if not rows:
            raise LocalError(
                "there is no message of ours with that id" if ours else "there is no message with that id"
            )
        return rows[0]

    def _place(self, contact: int, message_id: str | None) -> int | None:
        """Where a message stands in a conversation."""
        if message_id is None:
            return None
        for row in self._records.messages_with_id(parsed_id(message_id)):
            if row.contact == contact:
                return row.id
        raise LocalError("there is no message with that id in this conversation")


def parsed_id(message_id: str) -> bytes:
    """The bytes of a message id.

    Raises:
        LocalError: it is none.
    """
    if not re.fullmatch("[0-9a-f]{32}", message_id):
        raise LocalError("a message id has 32 hexadecimal digits; e2echat history PEER --ids shows them")
    return bytes.fromhex(message_id)


MOST_KEPT = 1_000_000_000


def require_kept(*numbers: int | None) -> None:
    """Refuse numbers of days or messages that nobody can mean.

    Raises:
        LocalError: one is below 0 or above a billion.
    """
    if any(number is not None and not 0 <= number <= MOST_KEPT for number in numbers):
        raise LocalError("how long messages are kept is a number of days or of messages, or 0 for ever")
