"""Contacts: how they come about, whom we let in, and what happens when a key changes. docs/spec/sessions.md."""

from dataclasses import dataclass, replace

from e2echat.client.context import Context
from e2echat.client.events import ContactChanged, KeyChanged, MessagesExpired, NewStranger, Problem, Restarted
from e2echat.client.numbering import renumber
from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.session import ReplyRoute, Session
from e2echat.errors import HandshakeError, KeyChangedError, PeerBlockedError
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress


@dataclass(frozen=True, slots=True)
class Peers:
    """The contacts' rows and the rules for changing them."""

    context: Context

    def add(self, address: RelayAddress, identity: Identity, device: Device, standing: str) -> ContactRow:
        """Somebody new; the keys seen first are the ones expected from now on."""
        row = ContactRow(
            id=0,
            relay_key=address.key,
            name=identity.name,
            address=str(address),
            identity=identity.raw,
            device=device.raw,
            standing=standing,
        )
        row = self.context.records.add_contact(row)
        if standing == "stranger":
            self.context.tell(NewStranger(self.context.peer_name(row)))
        return row

    def save(self, row: ContactRow) -> ContactRow:
        """Keep a changed row."""
        self.context.records.contacts.save(row)
        return row

    def decide(self, row: ContactRow) -> ContactRow:
        """Keep how a person wants a contact to stand, and have every face look again."""
        change = ContactChanged(self.context.peer_name(row))
        self.context.untell(change)
        self.context.tell(change)
        return self.save(row)

    def identity(self, row: ContactRow) -> Identity:
        """The identity record in force."""
        return Identity.parse(row.identity)

    def device(self, row: ContactRow) -> Device:
        """The device certificate in force."""
        return Device.parse(row.device, self.identity(row))

    def meet(self, row: ContactRow, identity: Identity, device: Device) -> ContactRow | None:
        """The contact, if these are its keys, perhaps certified anew; others are noted as a change and told.

        Raises:
            HandshakeError: an identity of another name.
            KeyChangedError: a certificate older than one that the same identity has shown.
        """
        if (identity.raw, device.raw) == (row.identity, row.device):
            return row
        if identity.name != row.name:
            raise HandshakeError("somebody else's keys")
        if device.epoch < self._newest_epoch(row, identity):
            name = self.context.peer_name(row)
            raise KeyChangedError(
                f"{name} shows an outdated device certificate, as from an older copy of his profile"
            )
        if identity.raw == row.identity and device.key == self.device(row).key:
            return self._recertify(row, device)
        if (identity.raw, device.raw) != (row.changed_identity, row.changed_device):
            self.save(replace(row, changed_identity=identity.raw, changed_device=device.raw))
            self.context.tell(KeyChanged(self.context.peer_name(row), row.verified))
        return None

    def _recertify(self, row: ContactRow, device: Device) -> ContactRow:
        """The same key under a later certificate of the same account: it goes on from an older state.

        No key changed, so nothing is held; that the state did is told. What it had not confirmed is sealed anew.
        """
        records = self.context.records
        records.drop_outbox(row.id)
        row = self.save(
            replace(
                row,
                device=device.raw,
                authenticator=None,
                previous_authenticator=None,
                route_told=False,
                attempts=0,
            )
        )
        renumber(records, row.id, device.hash)
        self.context.tell(Restarted(self.context.peer_name(row)))
        return row

    def supplant(self, row: ContactRow, identity: Identity, device: Device) -> ContactRow:
        """A stranger's name is somebody else's, as its relay says: from now on the contact is its owner.

        Only as long as nobody but he himself said whose name it is: what a person has accepted, only a person changes.
        """
        if (
            row.standing != "stranger"
            or row.vouched
            or identity.raw == row.identity
            or identity.name != row.name
        ):
            return row
        # Left there, what he wrote would be its owner's words from now on.
        name, records = self.context.peer_name(row), self.context.records
        records.sessions.delete("WHERE contact = ?", row.id)
        records.streams.delete("WHERE contact = ?", row.id)
        gone = [each.id for each in records.content.forget(row.id) if each.visible]
        self.context.scrub = True
        self.context.tell(MessagesExpired(name, gone))
        self.context.tell(Problem(f"what came as {name} so far was from somebody else, and is removed"))
        return self.save(
            replace(
                row,
                identity=identity.raw,
                device=device.raw,
                mailbox=None,
                capability=None,
                authenticator=None,
                previous_authenticator=None,
            )
        )

    def dismiss_change(self, row: ContactRow) -> ContactRow:
        """The accepted keys were found to be right: the others that were seen are forgotten."""
        return self.decide(replace(row, changed_identity=None, changed_device=None))

    def _newest_epoch(self, row: ContactRow, identity: Identity) -> int:
        shown = ((row.identity, row.device), (row.changed_identity, row.changed_device))
        return max(
            (Device.parse(raw, identity).epoch for who, raw in shown if raw and who == identity.raw),
            default=0,
        )

    def reach(self, row: ContactRow, route: ReplyRoute) -> ContactRow:
        """Note where a contact says to be reached; a relay with another key is another contact, and ignored."""
        address = RelayAddress.parse(route.address)
        if address.key != row.relay_key:
            return row
        return self.save(
            replace(
                row, address=str(address), mailbox=route.mailbox, capability=route.capability, knock=False
            )
        )

    def proceed(self, row: ContactRow, session: Session) -> ContactRow:
        """The newest authenticator of a session that both sides have proved to hold is the contact's."""
        if session.ca == row.authenticator:
            return row
        return self.save(replace(row, authenticator=session.ca, previous_authenticator=row.authenticator))

    def let_in(self, row: ContactRow) -> ContactRow:
        """A stranger becomes a contact: from now on there are receipts, and our own capability."""
        if row.standing != "stranger":
            return row
        return self.decide(replace(row, standing="contact", route_told=False, receipt_due=self.context.now))

    def block(self, row: ContactRow) -> None:
        """Nothing of this contact's is taken in from now on, and nothing goes there."""
        self.context.records.drop_waiting_signals(row.id)
        self.decide(replace(row, standing="blocked", receipt_due=None))

    def require_not_blocked(self, row: ContactRow) -> None:
        """Raise if nothing is to be had to do with this contact.

        Raises:
            PeerBlockedError: so it is.
        """
        if row.standing == "blocked":
            peer = self.context.peer_name(row)
            raise PeerBlockedError(f"you have blocked {peer}", peer)

    def unblock(self, row: ContactRow) -> ContactRow:
        """A contact again, who learns our present capability."""
        return self.decide(replace(row, standing="contact", route_told=False, receipt_due=self.context.now))

    def accept(self, row: ContactRow) -> ContactRow:
        """Let a stranger in; or take changed keys as the ones expected from now on, unverified.

        What was sealed for the old keys is sealed anew, under the same message ids.
        """
        row = self.let_in(row)
        if row.changed_identity is None or row.changed_device is None:
            return row
        records = self.context.records
        records.drop_outbox(row.id)
        same_person = row.changed_identity == row.identity
        if not same_person:
            # Whoever has the former identity does not speak under this name any more.
            records.sessions.delete("WHERE contact = ?", row.id)
            # Nor may another one change what that one said.
            records.content.change_author(row.id)
        return self.decide(
            replace(
                row,
                identity=row.changed_identity,
                device=row.changed_device,
                changed_identity=None,
                changed_device=None,
                verified_at=row.verified_at if same_person else None,
                verified_by=row.verified_by if same_person else None,
                authenticator=row.authenticator if same_person else None,
                previous_authenticator=row.previous_authenticator if same_person else None,
                mailbox=None,
                capability=None,
                knock=False,
                route_told=False,
                receipt_due=self.context.now,
            )
        )
