"""What comes of a relay's word about somebody: the bundle of a contact, or why there is none; pure."""

from dataclasses import dataclass, replace

from e2echat.client.context import Context
from e2echat.client.dialogue import Fetched, why_refused
from e2echat.client.events import Problem
from e2echat.client.inbox import Inbox
from e2echat.client.inquiries import Inquiries
from e2echat.client.outbox import Outbox
from e2echat.client.peers import Peers
from e2echat.crypto.keys import Device, Identity
from e2echat.errors import CryptoError, KeyChangedError, MalformedError
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress
from e2echat.wire.relay_messages import Bundle, Refusal


@dataclass(frozen=True, slots=True)
class Introductions:
    """Hands each answer to whoever waits for it."""

    context: Context
    peers: Peers
    inquiries: Inquiries
    outbox: Outbox
    inbox: Inbox

    def fetched(self, link: str, happening: Fetched) -> None:
        """A relay has answered: a person's question, or one of ours about a contact."""
        name, prekeys, answer = happening.name, happening.prekeys, happening.answer
        if self.inquiries.answered(link, name, answer, prekeys=prekeys):
            return
        contact = self.context.records.find_contact(RelayAddress.parse(link).key, name)
        if contact is None:
            return
        if answer is Refusal.NO_SUCH_CAPABILITY:
            # It went out of use: from now on we knock.
            self.peers.save(replace(contact, capability=None))
            return
        if answer is Refusal.CROWDED:
            self.inquiries.crowded(link, name, self.context.now, prekeys=prekeys)
        if answer is Refusal.NO_SUCH_NAME:
            self.inquiries.unknown(link, name, self.context.now)
        if isinstance(answer, Refusal):
            self.context.tell(Problem(f"what you write to {name} waits: {why_refused(answer)}"))
            return
        try:
            self.outbox.sessions.introduced(contact, answer)
            self.inbox.told(contact)
            self._require_name(contact)
        except (MalformedError, CryptoError, KeyChangedError) as error:
            self.context.tell(Problem(f"what you write to {name} waits: {error}"))

    def _require_name(self, before: ContactRow) -> None:
        """Whoever was paired with by a code, and gave himself a name that is another's, was not verified as that."""
        now = self.context.records.contact(before.id)
        if before.verified_at and not before.verified and now.key_changed:
            self.peers.decide(replace(now, verified_at=None, verified_by=None))
            name = self.context.peer_name(now)
            self.context.tell(
                Problem(f"whoever paired with you as {name} is not whom the relay knows by that name")
            )

    def meet(self, address: str, bundle: Bundle) -> ContactRow:
        """The contact that was looked up, a new one unless it wrote to us meanwhile; with prekeys comes a session.

        Raises:
            HandshakeError, MalformedError, CryptoError: the bundle is not usable.
        """
        identity = Identity.parse(bundle.identity)
        device = Device.parse(bundle.device, identity)
        where = RelayAddress.parse(address)
        known = self.context.records.find_contact(where.key, identity.name)
        if known is not None:
            return known
        contact = self.peers.add(where, identity, device, "contact")
        self.outbox.sessions.introduced(contact, bundle)
        return self.context.records.contact(contact.id)
