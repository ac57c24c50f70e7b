"""What we send: numbered, sealed, kept until the recipient's receipt, submitted when a connection is there.

A message is numbered and stored first, then sealed as soon as there is a session, then submitted; what the
relay or the recipient does not confirm is sent again, the identical bytes. docs/spec/sessions.md, "Sending on" and "Sending again".
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from e2echat.client import preferences, streams
from e2echat.client.context import Context
from e2echat.client.dialogue import ChannelRefused, why_refused
from e2echat.client.events import Problem, StateChanged
from e2echat.client.numbering import note_submitted
from e2echat.client.peers import Peers
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.client.sessions import Sessions
from e2echat.crypto import payloads
from e2echat.crypto.payloads import MAX_RANGES, Joined, Numbered, Receipt, Route, TextMessage, payload_hash
from e2echat.crypto.session import ReplyRoute, Session
from e2echat.errors import LocalError
from e2echat.store.rows import ContactRow, MessageRow, OutboxRow, SessionRow
from e2echat.wire.frames import ENVELOPE_ID_SIZE
from e2echat.wire.relay_messages import Refusal
from e2echat.wire.schema import Message

FIRST_RETRY = 10_000
LAST_RETRY = 3_600_000
"""Milliseconds until what has no receipt is sent again: doubling from the first to the last."""
REFUSED_RETRY = 60_000
"""Milliseconds until what the relay refused for want of room is sent again."""
WINDOW = 64
"""Envelopes in flight on one connection: 4 MiB of the largest, far below what a relay buffers."""
Head: TypeAlias = tuple[bytes, bytes, int, bytes, int]
"""What every numbered payload begins with: ``Numbered``'s fields."""
Made = TypeVar("Made", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Outbox:
    """Everything between a text and the relay's answer."""

    context: Context
    peers: Peers
    sessions: Sessions
    refusals: dict[int, Refusal] = field(default_factory=dict)
    """Why the relay does not take a message, by its row, until it does."""

    # --- numbering -------------------------------------------------------------------------------------------

    def add_text(
        self, contact: ContactRow, text: str, reply: bytes | None = None, message_id: bytes | None = None
    ) -> MessageRow:
        """Number and store a text, the answer to ``reply`` if there is one. Answering a stranger lets him in.

        Raises:
            PeerBlockedError: the contact is blocked; nothing is kept.
            LocalError: ``reply`` is no message of the conversation; the same.
        """
        self.peers.require_not_blocked(contact)
        if reply is not None and self.context.meant(contact, reply, by_us=True) is None:
            raise LocalError("there is no message with that id in this conversation")
        contact = self.peers.let_in(contact)
        self.tell_route(contact)
        timer = self.context.records.content.conversation(contact.id).timer
        return self.number(contact, lambda head: TextMessage(*head, text, reply, timer), message_id)[0]

    def add_joined(self, contact: ContactRow, proof: bytes) -> None:
        """Number and store that we join by a link of the contact's."""
        self.number(contact, lambda head: Joined(*head, proof))

    def tell_route(self, contact: ContactRow) -> None:
        """Give a contact our own route, once a session that he opened, and whenever it has changed."""
        route = self.context.own.route(self.context.records)
        if contact.standing != "contact" or contact.route_told or contact.key_changed or route is None:
            return
        best = self.sessions.best(contact)
        if best is None:
            return
        self.peers.save(replace(contact, route_told=True))
        self._tell(contact, route, self.sessions.reply_proof(best))

    def greet(self, contact: ContactRow) -> None:
        """Tell a contact our route in a session that is to be opened for it."""
        route = self.context.own.route(self.context.records)
        if route is not None:
            self._tell(contact, route, None)

    def _tell(self, contact: ContactRow, route: ReplyRoute, proof: bytes | None) -> None:
        self.number(
            contact,
            lambda head: Route(*head, route.address, route.mailbox, route.capability, proof),
        )

    def tell_routes_anew(self) -> int:
        """Our relay has moved: say so to every contact of another relay who knows where we were; how many they are."""
        own = self.context.own.address.key
        told = self.context.records.contacts.select("WHERE relay_key <> ? AND route_told = 1", own)
        for contact in told:
            self.tell_route(self.peers.save(replace(contact, route_told=False)))
        return len(told)

    def number(
        self, contact: ContactRow, build: Callable[[Head], Made], message_id: bytes | None = None
    ) -> tuple[MessageRow, Made]:
        """Number and store the payload that ``build`` makes of its head, under a fresh id unless there is one."""
        records = self.context.records
        numbering = records.numbering(contact.id, self.peers.device(contact).hash)
        payload = build(
            (
                message_id or self.context.randomness.octets(16),
                self.context.own.conversation(contact),
                numbering.sequence + 1,
                numbering.previous_hash,
                self.context.now,
            )
        )
        plaintext = payloads.encode(payload)
        text = payload if isinstance(payload, TextMessage) else None
        row = MessageRow(
            id=0,
            contact=contact.id,
            outgoing=True,
            message_id=payload.id,
            seq=payload.seq,
            kind=payload.KIND,
            text=text.text if text else "",
            sent_at=payload.sent_at,
            received_at=None,
            state="queued",
            payload=plaintext,
            verified=contact.verified and not contact.key_changed,
            device_hash=numbering.device_hash,
            reply=text.reply if text else None,
            timer=text.timer if text else 0,
            expires_at=payload.sent_at + text.timer * 1000 if text and text.timer else None,
        )
        records.numberings.save(
            replace(numbering, sequence=payload.seq, previous_hash=payload_hash(plaintext))
        )
        return records.content.add(row), payload

    # --- sealing ---------------------------------------------------------------------------------------------

    def seal(self) -> list[ContactRow]:
        """Seal what waits, receipts too; the contacts who need a session first."""
        records = self.context.records
        need_session = []
        owed = {contact.id for contact in records.contacts.select("WHERE receipt_due <= ?", self.context.now)}
        for contact_id in sorted({*records.contacts_with_unsealed(), *owed}):
            contact = records.contact(contact_id)
            held = self._held(contact)
            best = None if held else self.sessions.best(contact)
            if best is not None:
                self.tell_route(contact)
                self._seal_for(records.contact(contact_id), best, with_receipt=contact_id in owed)
                continue
            if contact_id in owed:
                # Nothing came from this device that a receipt could be for.
                contact = self.peers.save(replace(contact, receipt_due=None))
            if not held and records.unsealed_messages(contact_id):
                need_session.append(contact)
        return need_session

    def _held(self, contact: ContactRow) -> bool:
        """Whether nothing may leave for a contact until a person decides."""
        return contact.standing == "blocked" or contact.key_changed

    def _seal_for(self, contact: ContactRow, row: SessionRow, *, with_receipt: bool) -> None:
        session = self.sessions.read(row)
        current = session.ca == contact.authenticator
        for message in self.context.records.unsealed_messages(contact.id):
            if message.payload is not None:
                session = self._enclose(contact, session, message.payload, message.id)
        if with_receipt:
            contact = self.peers.save(replace(contact, receipt_due=None))
            self.context.records.drop_waiting_signals(contact.id)
            session = self._enclose(contact, session, payloads.encode(self._receipt(contact)), None)
        self.sessions.store(row, session)
        if current:
            # What we answer a key of the peer's with makes a new authenticator, which the peer expects from then on.
            self.peers.proceed(contact, session)

    def _enclose(
        self, contact: ContactRow, session: Session, plaintext: bytes, message: int | None
    ) -> Session:
        context = self.context
        session, envelope = session.encrypt(plaintext, context.now // 1000, context.randomness)
        envelope_id = context.randomness.octets(ENVELOPE_ID_SIZE)
        context.records.add_envelope(contact.id, message, envelope_id, envelope, context.now)
        if message is not None:
            how = (
                session.sid,
                session.chain,
                session.kem_epoch,
                len(envelope),
                session.reduced_forward_secrecy,
            )
            context.records.note_sealed(message, *how)
        return session

    def _receipt(self, contact: ContactRow) -> Receipt:
        records = self.context.records
        device_hash = self.peers.device(contact).hash
        stream = records.stream(contact.id, device_hash)
        held = records.held_sequences(contact.id, device_hash)
        shown: list[streams.Range] = []
        if preferences.load(records).read_receipts:
            unshown = records.content.unshown_sequences(contact.id, device_hash)
            shown = streams.without(streams.received(stream, ()), unshown)
        return Receipt(
            self.context.own.conversation(contact),
            streams.flat(streams.received(stream, held), MAX_RANGES),
            streams.flat(shown[-MAX_RANGES:], MAX_RANGES),
        )

    def signal(self, contact: ContactRow, payload: Message) -> bool:
        """Seal a signal if it can leave at once: in an answered session, to a contact whose key is the expected one."""
        best = self.sessions.best(contact)
        if contact.standing != "contact" or contact.key_changed or best is None or not best.confirmed:
            return False
        session = self._enclose(contact, self.sessions.read(best), payloads.encode(payload), None)
        self.sessions.store(best, session)
        return True

    # --- sessions --------------------------------------------------------------------------------------------

    def unanswered(self) -> list[ContactRow]:
        """Contacts to whom another session is due, because nobody has answered the last."""
        records = self.context.records
        contacts = [records.contact(contact) for contact in records.contacts_unanswered()]
        return [row for row in contacts if not self._held(row) and self.sessions.unanswered(row)]

    def reseal_stranded(self) -> None:
        """What lies in a session that nobody answered goes on in one that was: both began, and one was not heard."""
        for message in filter(self.sessions.strands, self.context.records.stranded_messages()):
            self.context.records.drop_envelopes_of(message.id)

    def shut_out(self, contacts: list[ContactRow], refused: ChannelRefused) -> None:
        """The relay does not open a channel: it has too much to do, or the capability went out of use."""
        for contact in contacts:
            if (contact.mailbox, contact.capability) != (refused.mailbox, refused.capability):
                continue
            if refused.reason is Refusal.LIMIT:
                self.context.records.postpone_all(contact.id, self.context.now + FIRST_RETRY)
            else:
                self.peers.save(replace(contact, capability=None))

    # --- submitting ------------------------------------------------------------------------------------------

    def submit(self, contact: ContactRow, dialogue: SendingDialogue) -> bool:
        """Submit what is due for a contact, as far as the window and open channels allow, in order.

        Returns:
            False when the relay must be asked first: for a knock token, or whose name it is that a stranger gave.
        """
        records, now = self.context.records, self.context.now
        if contact.mailbox is None or contact.capability is None or not contact.vouched:
            return False
        for row in records.outbox_of(contact.id, now, WINDOW):
            if dialogue.in_flight(row.envelope_id):
                records.postpone(row.envelope_id, now + FIRST_RETRY, accepted=row.accepted)
                continue
            if dialogue.flying >= WINDOW:
                break
            channel = dialogue.channel(contact.mailbox, contact.capability, repeat=row.attempts > 0)
            if channel is None:
                break
            if row.message is not None and not row.attempts:
                note_submitted(records, row.message)
            records.note_attempt(row, now + self._retry(row))
            dialogue.submit(channel, row.envelope_id, row.envelope)
        return True

    def _retry(self, row: OutboxRow) -> int:
        return min(FIRST_RETRY << min(row.attempts, 16), LAST_RETRY)

    def settled(self, envelope_id: bytes, reason: Refusal | None) -> None:
        """The relay answered a submission."""
        records = self.context.records
        row = records.outbox_entry(envelope_id)
        if row is None:
            return
        if reason is not None:
            self._refused(row, reason)
        elif row.message is None:
            records.drop_envelope(envelope_id)
        else:
            records.postpone(envelope_id, row.due_at, accepted=True)
            self.refusals.pop(row.message, None)
            self._stored(row.message)

    def _stored(self, message_id: int) -> None:
        message = self.context.records.messages.one("WHERE id = ?", message_id)
        if message is None or message.state != "queued":
            return
        message = replace(message, state="stored", stored_at=self.context.now)
        self.context.records.messages.save(message)
        if message.visible:
            contact = self.context.records.contact(message.contact)
            self.context.tell(StateChanged(self.context.message(message, contact)))

    def _refused(self, row: OutboxRow, reason: Refusal) -> None:
        records = self.context.records
        contact = records.contact(row.contact)
        if reason is Refusal.LIMIT:
            # The token is used up, or a capability that went out of use is for today; with a token it goes at once.
            self.peers.save(replace(contact, capability=None))
            records.postpone(row.envelope_id, self.context.now, accepted=False)
            return
        records.postpone(row.envelope_id, self.context.now + REFUSED_RETRY, accepted=False)
        if row.message is not None:
            self.refusals[row.message] = reason
            self.context.tell(Problem(f"a message is kept for later: {why_refused(reason)}"))

    def connected(self, contacts: list[ContactRow]) -> None:
        """A new connection to these contacts' relay: what has no receipt goes once more."""
        records = self.context.records
        for contact in contacts:
            confirmed = any(row.confirmed for row in records.sessions_of(contact.id))
            records.make_due(contact.id, self.context.now, accepted=confirmed)
