"""What a person decides about somebody: let him in, take his new key, mark it verified. docs/spec/sessions.md."""

from dataclasses import dataclass, replace

from e2echat.client.context import Context
from e2echat.client.events import KeyChanged
from e2echat.client.numbering import renumber
from e2echat.client.outbox import Outbox
from e2echat.client.peers import Peers
from e2echat.client.rotation import Rotation
from e2echat.crypto.keys import Device, Identity, safety_number
from e2echat.crypto.session import ReplyRoute
from e2echat.errors import KeyChangedError
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress


@dataclass(frozen=True, slots=True)
class Trust:
    """Decisions, and what follows from them for messages that wait."""

    context: Context
    peers: Peers
    outbox: Outbox
    rotation: Rotation

    def block(self, contact: ContactRow) -> None:
        """Have no more to do with somebody; who knows our capability loses it."""
        if contact.standing == "blocked":
            return
        self.peers.block(contact)
        if contact.standing == "contact":
            self.rotation.begin()

    def accept(self, contact: ContactRow) -> None:
        """Let a stranger in, take a changed key, or undo ``block``: that alone, if it applies."""
        if contact.standing == "blocked":
            self.outbox.tell_route(self.peers.unblock(contact))
            return
        changed = contact.key_changed
        contact = self.peers.accept(contact)
        if changed:
            renumber(self.context.records, contact.id, self.peers.device(contact).hash)
        self.outbox.tell_route(self.context.records.contact(contact.id))

    def claimant(self, identity: Identity, route: ReplyRoute) -> ContactRow | None:
        """The stranger who goes by this identity's name here, if no relay has vouched for him: it must say which of the two is right."""
        row = self.context.records.find_contact(RelayAddress.parse(route.address).key, identity.name)
        if row is None or row.standing != "stranger" or row.vouched:
            return None
        return None if identity.key == self.peers.identity(row).key else row

    def introduce(self, identity: Identity, device: Device, route: ReplyRoute, how: str) -> ContactRow:
        """These are the records of whoever was paired with: a contact, verified, and reached there.

        Whoever pairs gives himself a name. So he takes no other's place: where the name is known, the key must be the one in force. A
        stranger who only said himself that the name is his is in nobody's way once his relay has named another. With a code, nobody has said yet that the name is his: the relay is
        asked at once, and before anything leaves.

        Raises:
            KeyChangedError: another key than the name is known with, or a certificate older than one that the same identity has
                shown; nothing happened.
        """
        relay = RelayAddress.parse(route.address)
        row = self.context.records.find_contact(relay.key, identity.name)
        if row is None:
            row = self.peers.add(relay, identity, device, "contact")
        else:
            # Where a link leads, the relay has named these keys.
            row = self.peers.supplant(row, identity, device) if how == "link" else row
            row = self._met(row, identity, device)
        if row.standing == "blocked":
            row = self.peers.unblock(row)
        self.accept(row)
        row = self.peers.reach(self.context.records.contact(row.id), route)
        vouched = row.vouched or how == "link"
        if vouched or not row.verified:
            row = replace(row, vouched=vouched, verified_at=self.context.now, verified_by=how)
        row = self.peers.decide(row)
        self.outbox.tell_route(row)
        return row

    def _met(self, row: ContactRow, identity: Identity, device: Device) -> ContactRow:
        """The contact, if its identity has this one's key."""
        if identity.key != self.peers.identity(row).key:
            raise KeyChangedError(self._not_the_same(row, identity))
        if self.peers.meet(row, identity, device):
            return self.peers.dismiss_change(row)
        self.context.untell(KeyChanged(self.context.peer_name(row), row.verified))
        return self.context.records.contact(row.id)

    def _not_the_same(self, row: ContactRow, identity: Identity) -> str:
        """Why whoever pairs under the contact's name is not taken for the contact, and what to do."""
        name = self.context.peer_name(row)
        if row.changed_identity is not None and identity.key == Identity.parse(row.changed_identity).key:
            # The relay alone has said so, and whoever pairs may be whom it said it for.
            return (
                f"the key of {name} has changed, and whoever this is has the new one; whether that is {name}, only you can tell, so "
                f"nothing was changed. Compare the number: e2echat verify {name}. Or take the new key first, and then pair again: "
                f"e2echat accept {name}"
            )
        if row.standing == "stranger" and not row.vouched:
            return (
                f"somebody whom you have not answered writes to you as {name}, too, and the relay could not be asked whose name it is, so "
                "nothing was changed. Pair again once it can be reached"
            )
        return (
            f"whoever this is calls himself {name} and has another key than the {name} whom you know, so nothing was changed. "
            f"If your {name} has lost his keys, write to him; when you are told of the change: e2echat verify {name}"
        )

    def verify_if(self, contact: int, number: str) -> bool:
        """The person compared ``number``: verified are the keys last seen if it is theirs, else those in force.

        Returns:
            False when it is neither's.

        Raises:
            PeerBlockedError: the contact is blocked.
        """
        row = self.context.records.contact(contact)
        self.peers.require_not_blocked(row)
        own = self.context.own.identity
        if safety_number(own, Identity.parse(row.changed_identity or row.identity)) == number:
            self.accept(row)
        elif safety_number(own, self.peers.identity(row)) == number:
            self.peers.dismiss_change(row)
        else:
            return False
        row = self.context.records.contact(contact)
        self.peers.decide(replace(row, verified_at=self.context.now, verified_by="number"))
        return True
