"""What changes messages that are there: edits, deletions, reactions, timers; ours and the peer's by the same rules.

docs/spec/sessions.md, "Amendments". Each may come twice, and those of one message in any order: the result is the same.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from e2echat.client.context import Context
from e2echat.client.events import MessageDeleted, MessageEdited, Reacted, TimerChanged
from e2echat.crypto import payloads
from e2echat.crypto.payloads import Deletion, Edit, Reaction, TimerChange
from e2echat.store.rows import ContactRow, EarlyRow, MessageRow, ReactionRow

Amendment: TypeAlias = Edit | Deletion | Reaction | TimerChange

MAX_AHEAD = 86_400_000
"""Milliseconds that a peer's clock may be ahead of ours where the later one wins."""
MAX_EARLY = 64
"""Amendments of one contact that are remembered for messages which are missing."""
EARLY_KEPT = 30 * 86_400_000
"""Milliseconds for which they are: as long as a relay keeps envelopes."""


@dataclass(frozen=True, slots=True)
class Amendments:
    """Applies what came, or what we decided."""

    context: Context

    def take(
        self, contact: ContactRow, payload: Amendment, device_hash: bytes, *, expected: bool, holes: bool
    ) -> None:
        """Apply what a peer's device sent. ``expected``: it is the accepted one; ``holes``: messages of it are missing."""
        if isinstance(payload, Edit | Deletion):
            records = self.context.records
            target = records.find_message(contact.id, payload.target, outgoing=False)
            if target is None and holes:
                self._keep_early(contact, payload, device_hash)
            elif target is not None and self._is_author(contact, target, device_hash, expected=expected):
                self.amend(contact, target, payload)
        elif isinstance(payload, Reaction) and expected:
            self.react(contact, payload, ours=False)
        elif isinstance(payload, TimerChange) and expected:
            self.set_timer(contact, payload, ours=False)

    def catch_up(self, contact: ContactRow, row: MessageRow) -> None:
        """A message came that may have been missing: what was to happen to it does."""
        found = self.context.records.content.take_early(contact.id, row.device_hash or b"", row.message_id)
        for early in found:
            payload = payloads.decode(early.payload)
            if isinstance(payload, Edit | Deletion):
                self.amend(contact, self._as_it_is(row), payload)

    def amend(self, contact: ContactRow, target: MessageRow, payload: Edit | Deletion) -> None:
        """Change a message as its author wants it."""
        if target.deleted or not target.visible:
            return
        if isinstance(payload, Deletion):
            row = replace(target, text="", payload=None if target.kind == "unknown" else target.payload)
            row = replace(row, deleted=True, reply=None, edited_at=None)
            self.context.records.content.reactions.delete("WHERE message = ?", target.id)
        elif target.kind == "text" and payload.sent_at > (target.edited_at or -1):
            row = replace(target, text=payload.text, edited_at=payload.sent_at)
        else:
            return
        self.context.records.content.change(target, row)
        self.context.scrub = True
        message = self.context.message(row, contact)
        self.context.tell(MessageDeleted(message) if row.deleted else MessageEdited(message))

    def react(self, contact: ContactRow, payload: Reaction, *, ours: bool) -> None:
        """Note one side's reaction."""
        target = self.context.meant(contact, payload.target, by_us=ours)
        if target is None or target.deleted:
            return
        content = self.context.records.content
        known = content.reaction(target.id, outgoing=ours)
        if known is not None and payload.sent_at <= known.sent_at:
            return
        content.reactions.save(ReactionRow(target.id, ours, payload.text, payload.sent_at))
        if payload.text != ("" if known is None else known.text):
            sender = self.context.side(contact, ours=ours)
            self.context.tell(Reacted(self.context.message(target, contact), sender, payload.text))

    def set_timer(self, contact: ContactRow, payload: TimerChange, *, ours: bool) -> None:
        """Take the timer that was set last, whoever set it; both sides come to the same."""
        content = self.context.records.content
        known = content.conversation(contact.id)
        set_at = min(payload.sent_at, self.context.now + MAX_AHEAD)
        if (set_at, payload.id) <= (known.timer_set_at, known.timer_set_by):
            return
        content.conversations.save(
            replace(known, timer=payload.timer, timer_set_at=set_at, timer_set_by=payload.id)
        )
        if payload.timer != known.timer:
            sender = self.context.side(contact, ours=ours)
            self.context.tell(TimerChanged(self.context.peer_name(contact), sender, payload.timer))

    def _is_author(
        self, contact: ContactRow, target: MessageRow, device_hash: bytes, *, expected: bool
    ) -> bool:
        """Whether the device is the one that wrote ``target``, or the accepted one of the identity that did."""
        if target.device_hash == device_hash:
            return True
        return expected and target.id > self.context.records.content.conversation(contact.id).author_since

    def _keep_early(self, contact: ContactRow, payload: Edit | Deletion, device_hash: bytes) -> None:
        raw = payloads.encode(payload)
        row = EarlyRow(0, contact.id, device_hash, payload.target, raw, self.context.now)
        self.context.records.content.keep_early(row, MAX_EARLY)

    def _as_it_is(self, row: MessageRow) -> MessageRow:
        return self.context.records.messages.one("WHERE id = ?", row.id) or row
