"""Another delivery capability in place of ours: claimed, then told inside the sessions. docs/spec/sessions.md."""

from dataclasses import dataclass

from e2echat.client.context import Context
from e2echat.client.dialogue import why_refused
from e2echat.client.events import Problem
from e2echat.client.mailbox_dialogue import MailboxDialogue
from e2echat.client.outbox import Outbox
from e2echat.crypto.primitives import KEY_SIZE, H
from e2echat.wire.relay_messages import Refusal


@dataclass(frozen=True, slots=True)
class Rotation:
    """The fresh capability waits in the records until the relay is known to have it."""

    context: Context
    outbox: Outbox

    def begin(self) -> None:
        """Make another; whoever holds the present one is to have no more than its last weeks."""
        self.context.records.set_own("next_capability", self.context.randomness.octets(KEY_SIZE))

    @property
    def under_way(self) -> bool:
        """Whether the relay is not known yet to have what ``begin`` made."""
        return self.context.records.own("next_capability") is not None

    def claim(self, dialogue: MailboxDialogue) -> None:
        """Put what waits in force, unless that is under way or was refused on this connection."""
        fresh = self.context.records.own("next_capability")
        if fresh is not None and dialogue.may_renew:
            dialogue.renew(H("capability", fresh))

    def answered(self, capability_hash: bytes, refusal: Refusal | None) -> None:
        """The relay has it in force: every contact is told, and who was blocked is not; or it was refused."""
        if refusal is not None:
            self.context.tell(Problem(f"a new delivery capability was refused: {why_refused(refusal)}"))
            return
        records = self.context.records
        fresh = records.own("next_capability")
        if fresh is None or H("capability", fresh) != capability_hash:
            return  # another was begun meanwhile
        records.set_own("capability", fresh)
        records.delete_own("next_capability")
        records.contacts.update("route_told = 0 WHERE standing = 'contact'")
        for contact in records.contacts.select("WHERE standing = 'contact' ORDER BY id"):
            self.outbox.tell_route(contact)
