"""What a person does to messages beyond writing them: edit, delete, react, agree on a timer, be seen typing.

Each is a numbered payload of its own, queued and confirmed like a text, and holds here at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from e2echat.client import preferences
from e2echat.client.arrivals import Arrivals
from e2echat.client.context import Context
from e2echat.client.outbox import Head, Outbox
from e2echat.client.peers import Peers
from e2echat.client.unsent import Unsent
from e2echat.crypto import payloads
from e2echat.crypto.payloads import Deletion, Edit, Numbered, Reaction, TimerChange, Typing
from e2echat.errors import LocalError
from e2echat.store.rows import ContactRow, MessageRow

Said = TypeVar("Said", bound=Numbered)

TYPING_AGAIN = 5_000
"""Milliseconds after which it is said again that somebody types: half of what one saying lasts."""
LIVELY = 120_000
"""Milliseconds since a peer's last sign of life for which he is told that we type: nothing of it waits in a mailbox."""


@dataclass(frozen=True, slots=True)
class Writing:
    """Payloads of ours that change something, each under the id ``change_id`` or a fresh one."""

    context: Context
    peers: Peers
    outbox: Outbox
    arrivals: Arrivals
    unsent: Unsent
    _typing: dict[int, int] = field(default_factory=dict)
    """When each contact was last told that we type."""

    def edit(self, target: MessageRow, text: str, change_id: bytes | None = None) -> bytes:
        """Have a text of ours say something else; the id of what says so.

        Raises:
            LocalError: it is no text of ours, or deleted.
        """
        if not target.outgoing or target.kind != "text" or target.deleted:
            raise LocalError("only a text of one's own, not deleted, can be edited")
        later = (target.edited_at or 0) + 1
        target = self.unsent.reword(target, text)
        edit = self._say(
            target.contact, lambda head: Edit(*_not_before(head, later), target.message_id, text), change_id
        )
        self.arrivals.amendments.amend(self.context.records.contact(target.contact), target, edit)
        return edit.id

    def delete(self, target: MessageRow, change_id: bytes | None = None) -> bytes:
        """Delete a message of ours here, and ask the other side to; the id of what asks. What has not begun to leave never does.

        Raises:
            LocalError: it is not ours, or deleted already.
        """
        if not target.outgoing or not target.visible or target.deleted:
            raise LocalError("only a message of one's own can be deleted for everyone, and once")
        chosen = change_id or self.context.randomness.octets(16)
        target, deletion = self.unsent.retract(target, chosen)
        if deletion is None:
            deletion = self._say(target.contact, lambda head: Deletion(*head, target.message_id), chosen)
        self.arrivals.amendments.amend(self.context.records.contact(target.contact), target, deletion)
        return deletion.id

    def react(self, target: MessageRow, text: str, change_id: bytes | None = None) -> bytes:
        """React to a message of either side, in place of what we said of it before; "" takes it back.

        Raises:
            LocalError: it is no reaction, or the message is deleted.
        """
        if target.deleted or not target.visible or not (payloads.is_reaction(text) or not text):
            raise LocalError(
                "a reaction is one picture or a word of at most 16 characters, to a message that is there"
            )
        known = self.context.records.content.reaction(target.id, outgoing=True)
        later = 0 if known is None else known.sent_at + 1
        reaction = self._say(
            target.contact,
            lambda head: Reaction(*_not_before(head, later), target.message_id, text),
            change_id,
        )
        self.arrivals.amendments.react(self.context.records.contact(target.contact), reaction, ours=True)
        return reaction.id

    def set_timer(self, contact: ContactRow, seconds: int, change_id: bytes | None = None) -> bytes:
        """Have new messages of both sides last so many seconds, 0 for ever.

        Raises:
            LocalError: out of bounds.
        """
        if seconds and not payloads.MIN_TIMER <= seconds <= payloads.MAX_TIMER:
            raise LocalError("a timer lasts between five seconds and a year, or is off")
        later = self.context.records.content.conversation(contact.id).timer_set_at + 1
        change = self._say(
            contact.id, lambda head: TimerChange(*_not_before(head, later), seconds), change_id
        )
        self.arrivals.amendments.set_timer(self.context.records.contact(contact.id), change, ours=True)
        return change.id

    def typing(self, contact: ContactRow, *, active: bool) -> None:
        """Let a contact who is there know that we write, or that we left off; now and then, if the person wants that."""
        now, told = self.context.now, self._typing.get(contact.id)
        due = told is None or not 0 <= now - told < TYPING_AGAIN if active else told is not None
        lively = 0 <= now - self.arrivals.lively.get(contact.id, -LIVELY) < LIVELY
        if not due or not lively or not preferences.load(self.context.records).typing:
            return
        if self.outbox.signal(contact, Typing(self.context.own.conversation(contact), active)):
            if active:
                self._typing[contact.id] = now
            else:
                del self._typing[contact.id]

    def _say(self, contact_id: int, build: Callable[[Head], Said], change_id: bytes | None) -> Said:
        contact = self.context.records.contact(contact_id)
        self.peers.require_not_blocked(contact)
        contact = self.peers.let_in(contact)
        self.outbox.tell_route(contact)
        return self.outbox.number(contact, build, change_id)[1]


def _not_before(head: Head, sent_at: int) -> Head:
    """``head`` with a time that is no earlier: where the latest counts, a clock set back must not undo what one says."""
    return (*head[:-1], max(head[-1], sent_at))
