"""What was inside an envelope: receipts settle our messages, numbered payloads join the history in order.

docs/spec/sessions.md, "Order" and "Receipts".
"""

from dataclasses import dataclass, field, replace

from e2echat.client import streams
from e2echat.client.amendments import Amendments
from e2echat.client.context import Context
from e2echat.client.events import Gap, MessageArrived, Restarted, StateChanged, TypingChanged
from e2echat.client.pairing.links import Invitations
from e2echat.client.peers import Peers
from e2echat.client.sessions import Sessions
from e2echat.client.streams import Place
from e2echat.crypto import payloads
from e2echat.crypto.payloads import (
    Deletion,
    Edit,
    Joined,
    Numbered,
    Reaction,
    Receipt,
    Route,
    TextMessage,
    TimerChange,
    Typing,
    Unknown,
    payload_hash,
)
from e2echat.crypto.session import Opened, ReplyRoute, Session
from e2echat.errors import InvalidAddressError, MalformedError
from e2echat.store.records import HEARD
from e2echat.store.rows import ContactRow, HeldRow, MessageRow, StreamRow
from e2echat.wire import codec

HOLD = 10_000
"""Milliseconds that a payload waits for those before it."""
RECEIPT_DELAY = 50
"""Milliseconds in which receipts gather."""
READ_DELAY = 1_000
"""The same for what was shown: nobody waits for that, and the moment is nobody's business."""
MAX_HELD = 1_000
"""Payloads of one stream that wait; the gap is given up on at more."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a payload came: what provenance is told from."""

    sid: bytes
    chain: int
    kem_epoch: int
    size: int
    reduced: bool
    received_at: int
    verified: bool

    def encode(self) -> bytes:
        """For the table of payloads that wait."""
        return codec.encode(
            [self.sid, self.chain, self.kem_epoch, self.size, self.reduced, self.received_at, self.verified]
        )


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Everything between a plaintext and the history."""

    context: Context
    peers: Peers
    sessions: Sessions
    amendments: Amendments
    invitations: Invitations
    lively: dict[int, int] = field(default_factory=dict)
    """When each contact last sent something, unix milliseconds, since the start."""

    def take(self, contact: ContactRow, session: Session, opened: Opened) -> None:
        """Take in what ``session`` opened; what is not for this conversation changes nothing."""
        try:
            payload = payloads.decode(opened.plaintext)
        except MalformedError:
            return  # nobody can say what it was meant to be, nor of which number
        if not isinstance(payload, Numbered | Receipt | Typing):
            return
        if payload.conversation != self.context.own.conversation(contact):
            return
        expected = session.peer_device.raw == contact.device
        self.lively[contact.id] = self.context.now
        if not isinstance(payload, Numbered):
            if expected:
                self._take_signal(contact, payload)
            return
        origin = Origin(
            session.sid,
            opened.chain,
            opened.kem_epoch,
            opened.size,
            opened.reduced_forward_secrecy,
            self.context.now,
            expected and contact.verified,
        )
        if isinstance(payload, Route) and expected:
            self._check_proof(contact, session, payload)
        self._place(contact, session.peer_device.hash, payload, opened.plaintext, origin)
        if expected:
            self.owe_receipt(self.context.records.contact(contact.id))

    def _check_proof(self, contact: ContactRow, session: Session, route: Route) -> None:
        """Did whoever answered our session hold what its predecessors left? docs/spec/sessions.md, "Recovery"."""
        if not self.sessions.proves(contact, session.sid, route.proof):
            self.context.tell(Restarted(self.context.peer_name(contact)))

    def mark_shown(self, message: int) -> None:
        """A message was shown to the person: its time runs, and its sender may know."""
        records = self.context.records
        row = records.messages.one("WHERE id = ? AND outgoing = 0 AND shown = 0", message)
        if row is not None:
            expires_at = self.context.now + row.timer * 1000 if row.timer else None
            records.messages.save(replace(row, shown=True, expires_at=expires_at))
            self.owe_receipt(records.contact(row.contact), READ_DELAY)

    def owe_receipt(self, contact: ContactRow, delay: int = RECEIPT_DELAY) -> None:
        """Send a receipt soon; strangers get none."""
        due = self.context.now + delay
        if contact.standing == "contact" and (contact.receipt_due is None or contact.receipt_due > due):
            self.peers.save(replace(contact, receipt_due=due))

    def hurry(self) -> None:
        """Send the receipts now that would wait a little for more."""
        now = self.context.now
        self.context.records.contacts.update("receipt_due = ? WHERE receipt_due > ?", now, now)

    def _take_signal(self, contact: ContactRow, payload: Receipt | Typing) -> None:
        if isinstance(payload, Receipt):
            self._take_receipt(contact, payload)
        elif contact.standing == "contact" and not self.context.catching_up:
            self.context.tell(TypingChanged(self.context.peer_name(contact), payload.active))

    def _take_receipt(self, contact: ContactRow, receipt: Receipt) -> None:
        records = self.context.records
        device_hash = self.peers.device(contact).hash
        for ranges, state, before in (
            (receipt.delivered, "delivered", ("queued", "stored")),
            (receipt.read, "read", ("queued", "stored", "delivered")),
        ):
            for first, last in zip(ranges[::2], ranges[1::2], strict=True):
                for row in records.receiptable(contact.id, device_hash, first, last, before):
                    if state == "delivered":
                        settled = replace(row, state=state, payload=None, delivered_at=self.context.now)
                    else:
                        settled = replace(row, state=state, payload=None, read_at=self.context.now)
                    records.messages.save(settled)
                    records.drop_envelopes_of(row.id)
                    if row.visible:
                        self.context.tell(StateChanged(self.context.message(settled, contact)))

    # --- order -----------------------------------------------------------------------------------------------

    def _place(
        self, contact: ContactRow, device_hash: bytes, payload: Numbered, plaintext: bytes, origin: Origin
    ) -> None:
        records = self.context.records
        stream = records.stream(contact.id, device_hash)
        match streams.place(stream, payload.seq):
            case Place.NEXT:
                stream = self._follow(contact, stream, payload, plaintext, origin)
            case Place.LATE:
                self._keep(contact, stream, payload, plaintext, origin)
                stream = streams.fill(stream, payload.seq)
            case Place.EARLY:
                records.streams.save(stream)
                held = HeldRow(
                    contact.id, device_hash, payload.seq, self.context.now, plaintext, origin.encode()
                )
                records.held.save(held)
                line = contact.id, device_hash
                if records.held.count("WHERE contact = ? AND device_hash = ?", *line) > MAX_HELD:
                    self._give_up(contact, device_hash)
                return
            case Place.DUPLICATE:
                return
        records.streams.save(self._drain(contact, stream))

    def _follow(
        self, contact: ContactRow, stream: StreamRow, payload: Numbered, plaintext: bytes, origin: Origin
    ) -> StreamRow:
        """The payload is the next: check that the sender's chain of hashes agrees, and keep it."""
        if stream.last_hash is not None and payload.prev != stream.last_hash:
            self.context.tell(Gap(self.context.peer_name(contact), 0))
        self._keep(contact, stream, payload, plaintext, origin)
        return streams.advance(stream, payload_hash(plaintext))

    def _drain(self, contact: ContactRow, stream: StreamRow) -> StreamRow:
        """Take in what had waited for what just came."""
        records = self.context.records
        while (row := records.held_at(stream.contact, stream.device_hash, stream.next)) is not None:
            records.drop_held(row)
            payload = payloads.decode(row.payload)
            if isinstance(payload, Numbered):
                stream = self._follow(contact, stream, payload, row.payload, decode_origin(row.origin))
        return stream

    def give_up_waiting(self) -> None:
        """Show with a gap what has waited long enough."""
        due = self.context.records.held.select(f"WHERE held_at <= ? AND {HEARD}", self.context.now - HOLD)
        for contact, device_hash in {(row.contact, row.device_hash) for row in due}:
            self._give_up(self.context.records.contact(contact), device_hash)

    def show_held(self) -> None:
        """Show everything that waits, with its gaps."""
        for contact, device_hash in {
            (row.contact, row.device_hash) for row in self.context.records.held.select()
        }:
            while self.context.records.held_sequences(contact, device_hash):
                self._give_up(self.context.records.contact(contact), device_hash)

    def _give_up(self, contact: ContactRow, device_hash: bytes) -> None:
        records = self.context.records
        first = next(iter(records.held_sequences(contact.id, device_hash)), None)
        if first is None:
            return
        stream = records.stream(contact.id, device_hash)
        self.context.tell(Gap(self.context.peer_name(contact), first - stream.next))
        stream = streams.give_up(stream, first)
        records.streams.save(self._drain(contact, stream))

    def _keep(
        self, contact: ContactRow, stream: StreamRow, payload: Numbered, plaintext: bytes, origin: Origin
    ) -> None:
        """What a person is shown joins the history, once an id; anything else does what it is for."""
        match payload:
            case TextMessage() | Unknown():
                self._join(contact, stream.device_hash, payload, plaintext, origin)
            case Route():
                self._take_route(self.context.records.contact(contact.id), payload, stream.device_hash)
            case Joined() if self.peers.device(contact).hash == stream.device_hash:
                self.invitations.redeem(self.context.records.contact(contact.id), payload.proof)
            case Edit() | Deletion() | Reaction() | TimerChange():
                self.amendments.take(
                    contact,
                    payload,
                    stream.device_hash,
                    expected=self.peers.device(contact).hash == stream.device_hash,
                    holes=bool(stream.missing),
                )

    def _join(
        self,
        contact: ContactRow,
        device_hash: bytes,
        payload: TextMessage | Unknown,
        plaintext: bytes,
        origin: Origin,
    ) -> None:
        records = self.context.records
        known = records.find_message(contact.id, payload.id, outgoing=False)
        if known is not None:
            if self.peers.device(contact).hash == device_hash:
                # Sent anew to or by another device: whether it was shown is told of its new number.
                records.messages.save(replace(known, device_hash=device_hash, seq=payload.seq))
            return
        text = payload if isinstance(payload, TextMessage) else None
        row = MessageRow(
            id=0,
            contact=contact.id,
            outgoing=False,
            message_id=payload.id,
            seq=payload.seq,
            kind=payload.KIND,
            text=text.text if text else "",
            sent_at=payload.sent_at,
            received_at=origin.received_at,
            state="received",
            payload=None if text else plaintext,
            verified=origin.verified,
            device_hash=device_hash,
            sid=origin.sid,
            chain=origin.chain,
            kem_epoch=origin.kem_epoch,
            size=origin.size,
            reduced=origin.reduced,
            reply=text.reply if text else None,
            timer=text.timer if text else 0,
        )
        row = records.content.add(row)
        self.context.tell(MessageArrived(self.context.message(row, contact)))
        self.amendments.catch_up(contact, row)

    def _take_route(self, contact: ContactRow, payload: Route, device_hash: bytes) -> None:
        """The peer let us in and says where to reach him."""
        if self.peers.device(contact).hash != device_hash:
            return
        try:
            self.peers.reach(contact, ReplyRoute(payload.address, payload.mailbox, payload.capability))
        except (MalformedError, InvalidAddressError):
            return  # it stays where it was


def decode_origin(raw: bytes) -> Origin:
    """``Origin.encode`` undone."""
    values = codec.decode(raw)
    if not isinstance(values, list):
        raise MalformedError("not an origin")
    return Origin(*values)  # type: ignore[arg-type]  # our own row, written by encode
