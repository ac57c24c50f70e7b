"""What can be done to messages beyond sending them: a part of ``Account``."""

import re

from e2echat.client import preferences
from e2echat.client.address_book import AddressBook
from e2echat.client.engine import Engine
from e2echat.client.events import Provenance, Settings
from e2echat.client.runtime import Runtime
from e2echat.client.texts import require_text
from e2echat.client.views import Views
from e2echat.errors import LocalError
from e2echat.store.records import Records
from e2echat.store.rows import MessageRow


class MessageMethods:
    """Every change is queued like a text, and holds here at once."""

    def __init__(self, runtime: Runtime, engine: Engine, records: Records, book: AddressBook) -> None:
        self._runtime = runtime
        self._engine = engine
        self._records = records
        self._book = book
        self._views = Views(engine.context)

    def edit(self, message_id: str, text: str) -> str:
        """Have a text of ours say something else on both sides; the id of the change.

        Raises:
            LocalError: it is no text of ours, or deleted.
            InvalidTextError, TextTooLongError: as their docstrings say.
        """
        require_text(text)
        return self._runtime.step(
            lambda: self._engine.writing.edit(self._message(message_id, ours=True), text)
        ).hex()

    def delete(self, message_id: str) -> str:
        """Delete a message of ours here, and ask the other side's client to; the id of the change.

        What was read, copied or backed up over there is out of reach.

        Raises:
            LocalError: it is not ours, or deleted already.
        """
        return self._runtime.step(
            lambda: self._engine.writing.delete(self._message(message_id, ours=True))
        ).hex()

    def react(self, message_id: str, reaction: str) -> str:
        """React to a message of either side, in place of our last reaction to it; "" takes it back. The id of the change.

        Raises:
            LocalError: no such message, or it is deleted, or ``reaction`` is more than a picture or a short word.
        """
        return self._runtime.step(
            lambda: self._engine.writing.react(self._message(message_id, ours=False), reaction)
        ).hex()

    def set_timer(self, peer: str, seconds: int) -> str:
        """Have new messages of both sides disappear ``seconds`` after they were read, 0 never; the id of the change.

        Raises:
            NoSuchPeerError: there is no such contact.
            LocalError: less than five seconds, or more than a year.
        """
        contact = self._book.require(peer)
        return self._runtime.step(lambda: self._engine.writing.set_timer(contact, seconds)).hex()

    def typing(self, peer: str, *, active: bool) -> None:
        """Let ``peer`` know that we write, or left off, if the settings and the connection allow. Call it for every key.

        Raises:
            NoSuchPeerError: there is no such contact.
        """
        contact = self._book.require(peer)
        self._runtime.step(lambda: self._engine.typing(contact, active=active))

    def provenance(self, message_id: str) -> list[Provenance]:
        """How the messages of that id came or went; one, unless a peer chose an id that was taken."""
        wanted = parsed_id(message_id)
        return self._runtime.look(
            lambda: [self._views.provenance(row) for row in self._records.messages_with_id(wanted)]
        )

    def settings(self) -> Settings:
        """What we have decided for all conversations."""
        return self._runtime.look(lambda: preferences.load(self._records))

    def change_settings(self, settings: Settings) -> None:
        """Decide otherwise."""
        self._runtime.step(lambda: preferences.save(self._records, settings))

    def _message(self, message_id: str, *, ours: bool) -> MessageRow:
        """The message of that id: of ours, or of either side, then the peer's first. Inside a step."""
        rows = [row for row in self._records.messages_with_id(parsed_id(message_id)) if row.visible]
        rows = [row for row in rows if row.outgoing] if ours else sorted(rows, key=lambda row: row.outgoing)
        if not rows:
            raise LocalError(
                "there is no message of ours with that id" if ours else "there is no message with that id"
            )
        return rows[0]


def parsed_id(message_id: str) -> bytes:
    """The bytes of a message id.

    Raises:
        LocalError: it is none.
    """
    if not re.fullmatch("[0-9a-f]{32}", message_id):
        raise LocalError("a message id has 32 hexadecimal digits")
    return bytes.fromhex(message_id)
