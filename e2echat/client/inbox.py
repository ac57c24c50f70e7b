"""Taking envelopes in: known before, of a session, or a first message. docs/spec/sessions.md, "Receiving an envelope".

All of it happens in the step's one transaction: the new ratchet state and the plaintext become ours together,
and only then may the relay forget the envelope.
"""

from dataclasses import dataclass, field, replace

from e2echat.client.arrivals import Arrivals
from e2echat.client.context import Context
from e2echat.client.events import Restarted
from e2echat.client.peers import Peers
from e2echat.client.sessions import OwnPrekeys, Sessions
from e2echat.crypto.prekeys import CLOCK_SKEW
from e2echat.crypto.session import Accepted, Opened, Session, envelope_hash, init_hash
from e2echat.errors import CryptoError, InvalidAddressError, MalformedError, RemoteError
from e2echat.store.rows import ContactRow, SessionRow
from e2echat.wire.address import RelayAddress

REMEMBER = 90 * 86_400_000
"""Milliseconds for which envelopes and first messages are known again: more than mailbox and prekeys last."""


MAX_DOUBTED = 16
"""Envelopes held for one name in doubt."""
MAX_STRANGERS = 200
"""People who wrote and were not answered; further ones are heard when they try again after some have been."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Everything between an envelope and the history."""

    context: Context
    peers: Peers
    sessions: Sessions
    arrivals: Arrivals
    doubted: dict[int, list[bytes]] = field(default_factory=dict, repr=False)
    """Envelopes of another identity under a contact's name, by contact, until the relay has said whose name it is.

    A few only, and in memory only: their senders keep them, and send them again.
    """

    def take(self, envelope: bytes) -> None:
        """Take one envelope in. What nobody of ours can have sent changes nothing."""
        records = self.context.records
        digest = envelope_hash(envelope)
        known = records.taken.seen_from(digest)
        if known is not None:
            self.arrivals.owe_receipt(records.contact(known))
            return
        try:
            contact, session, opened = self._open(envelope)
        except (RemoteError, InvalidAddressError):
            return
        records.taken.add_seen(digest, contact.id, self.context.now + REMEMBER)
        self.arrivals.take(contact, session, opened)

    def told(self, contact: ContactRow) -> None:
        """The relay has said whose name it is: what was in doubt is looked at again."""
        for envelope in self.doubted.pop(contact.id, []):
            self.take(envelope)
        # What is still not the name's owner's stays out.
        self.doubted.pop(contact.id, None)

    def to_be_named(self) -> list[ContactRow]:
        """Of whom we want to know at once whose name it is, before anything is to be sent.

        Strangers whose name somebody else wrote under, too; and whoever was paired with by a code, since he named himself.
        """
        records = self.context.records
        doubted = [records.contact(contact) for contact in self.doubted]
        paired = records.contacts.select(
            "WHERE vouched = 0 AND verified_by = 'code' AND standing = 'contact' AND changed_device IS NULL"
        )
        return [row for row in doubted if row.standing == "stranger" and not row.vouched] + paired

    def _open(self, envelope: bytes) -> tuple[ContactRow, Session, Opened]:
        records = self.context.records
        init = init_hash(envelope)
        known = init is not None and records.taken.knows_init(init)
        for row in records.session_candidates(init) if known or init is None else []:
            try:
                session, opened = self.sessions.read(row).decrypt(envelope, self.context.now // 1000)
            except CryptoError:
                continue
            self._require_heard(records.contact(row.contact))
            return self._progressed(row, session, opened), session, opened
        if init is None or known:
            raise MalformedError("an envelope of no session of ours")
        accepted = Session.accept(
            self.context.own.device,
            OwnPrekeys(records, self.context.own.device),
            envelope,
            now=self.context.now // 1000,
        )
        return self._begun(accepted, envelope), accepted.session, accepted.opened

    # --- sessions --------------------------------------------------------------------------------------------

    def _progressed(self, row: SessionRow, session: Session, opened: Opened) -> ContactRow:
        """An envelope of a known session opened."""
        self.sessions.store(row, session)
        contact = self.context.records.contact(row.contact)
        if contact.attempts:
            contact = self.peers.save(replace(contact, attempts=0))
        if opened.chain >= 1 and session.peer_device.raw == contact.device:
            contact = self.peers.proceed(contact, session)
        return contact

    def _begun(self, accepted: Accepted, envelope: bytes) -> ContactRow:
        """A first message opened a session towards us."""
        context, records, session = self.context, self.context.records, accepted.session
        own = context.own
        address = RelayAddress.parse(accepted.route.address)
        if session.peer.key == own.identity.key or (address.key, session.peer.name) == (
            own.address.key,
            own.name,
        ):
            raise CryptoError("a first message that claims to be our own")
        if session.generation > context.now // 1000 + CLOCK_SKEW:
            raise CryptoError("a first message from the future")
        contact = records.find_contact(address.key, session.peer.name)
        former = (contact and contact.authenticator) or b""
        self._require_heard(contact)
        if contact is None:
            if records.contacts.count("WHERE standing = 'stranger'") >= MAX_STRANGERS:
                raise CryptoError("more strangers than anybody can answer")
            contact = self.peers.add(address, session.peer, session.peer_device, "stranger")
            contact = self.peers.reach(contact, accepted.route)
            contact = replace(self.peers.proceed(contact, session), generation=session.generation)
        elif session.peer.raw not in (contact.identity, contact.changed_identity):
            # Anybody can write under any name; that it changed hands is for its relay to say.
            held = self.doubted.setdefault(contact.id, [])
            if envelope not in held and len(held) < MAX_DOUBTED:
                held.append(envelope)
            raise CryptoError("a first message of another identity under a contact's name")
        elif (met := self.peers.meet(contact, session.peer, session.peer_device)) is not None:
            contact = self.peers.reach(met, accepted.route)
            contact = self._resumed(contact, accepted)
            contact = replace(contact, generation=max(contact.generation, session.generation))
        else:
            contact = records.contact(contact.id)
        records.taken.add_init(accepted.init, context.now + REMEMBER)
        if accepted.one_time_id is not None:
            records.prekeys.delete("WHERE id = ?", accepted.one_time_id)
        self.sessions.add(contact, session, accepted.init, former)
        return self.peers.save(replace(contact, route_told=False))

    def _require_heard(self, contact: ContactRow | None) -> None:
        """What comes from a blocked contact changes nothing: he keeps it, and it comes again once he is accepted."""
        if contact is not None and contact.standing == "blocked":
            raise CryptoError("from somebody who is blocked")

    def _resumed(self, contact: ContactRow, accepted: Accepted) -> ContactRow:
        """A known contact opened another session: did he prove to be who he was?"""
        had = any(row.confirmed for row in self.sessions.with_device(contact))
        if had:
            # He may have lost the sessions in which these were sealed.
            self.context.records.unseal(contact.id)
        if contact.authenticator is not None and accepted.proves(contact.authenticator):
            return self.peers.proceed(contact, accepted.session)
        if had:
            self.context.tell(Restarted(self.context.peer_name(contact)))
        return contact
