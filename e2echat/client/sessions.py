"""The sessions with a contact's device: which to send on, when to open another. docs/spec/sessions.md."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from e2echat.client.context import Context
from e2echat.client.peers import Peers
from e2echat.crypto.keys import Device, ExchangeKey, Identity
from e2echat.crypto.prekeys import CLOCK_SKEW, Prekey, PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import KEY_SIZE
from e2echat.crypto.session import OwnDevice, Session
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow, MessageRow, SessionRow
from e2echat.wire.relay_messages import Bundle

MAX_SESSIONS = 4
"""Sessions with one device; the least recently used go."""
UNANSWERED = 3_600_000
"""Milliseconds after which a session that nobody answered is followed by another; doubled with each, to eleven days."""
MOST_DOUBLINGS = 8
MAX_READ = 1_024
"""Sessions kept read: reading one verifies the records in it, which costs more than the message."""


@dataclass(frozen=True, slots=True)
class OwnPrekeys:
    """The secrets of our prekeys, for ``Session.accept``."""

    records: Records
    device: OwnDevice

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        """A signed prekey that has not been deleted."""
        return self._find(prekey_id, PrekeyKind.SIGNED)

    def one_time(self, prekey_id: int) -> PrekeySecret | None:
        """A one-time prekey that has not been used."""
        return self._find(prekey_id, PrekeyKind.ONE_TIME)

    def _find(self, prekey_id: int, kind: PrekeyKind) -> PrekeySecret | None:
        row = self.records.prekeys.one("WHERE id = ? AND kind = ?", prekey_id, int(kind))
        if row is None:
            return None
        prekey = Prekey.parse(row.record, self.device.identity, self.device.device, kind)
        return PrekeySecret(prekey, ExchangeKey(row.dh_secret), row.kem_seed)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions in the records, read and stored through here."""

    context: Context
    peers: Peers
    _read: dict[bytes, tuple[bytes, Session]] = field(default_factory=dict, repr=False)

    def read(self, row: SessionRow) -> Session:
        """The session of a row."""
        known = self._read.get(row.sid)
        # Compared whole: a step that failed leaves the row behind what was read.
        if known is not None and known[0] == row.state:
            return known[1]
        session = Session.from_bytes(row.state)
        self._remember(row.sid, row.state, session)
        return session

    def store(self, row: SessionRow, session: Session) -> None:
        """Store what a row's session has become."""
        state = session.to_bytes()
        self.context.records.sessions.save(
            replace(row, confirmed=session.confirmed, used_at=self.context.now, state=state)
        )
        self._remember(row.sid, state, session)

    def add(self, contact: ContactRow, session: Session, init: bytes | None, former: bytes) -> None:
        """Store a new session; of too many with one device, the least recently used go."""
        device_hash, now = session.peer_device.hash, self.context.now
        row = SessionRow(
            session.sid, contact.id, device_hash, session.generation, False, init, former, now, b""
        )
        self.store(row, session)
        for row in self._with(contact.id, device_hash)[MAX_SESSIONS:]:
            self.context.records.sessions.delete("WHERE sid = ?", row.sid)

    def with_device(self, contact: ContactRow) -> list[SessionRow]:
        """Those with the contact's accepted device, the most recently used first."""
        return self._with(contact.id, self.peers.device(contact).hash)

    def best(self, contact: ContactRow) -> SessionRow | None:
        """The one to send on: confirmed before not, then the highest generation, then the lowest sid."""
        rows = self.with_device(contact)
        rows = [row for row in rows if row.confirmed] or rows
        return min(rows, key=lambda row: (-row.generation, row.sid)) if rows else None

    def unanswered(self, contact: ContactRow) -> bool:
        """Whether nobody has answered any for so long that the first messages may not have been readable."""
        rows = self.with_device(contact)
        if not rows or any(row.confirmed for row in rows):
            return False
        newest = max(self.read(row).created_at for row in rows)
        return self._long_ago(newest, min(max(contact.attempts - 1, 0), MOST_DOUBLINGS))

    def strands(self, message: MessageRow) -> bool:
        """Whether the session that a message lies in is too old to wait for an answer, or gone."""
        row = self.context.records.sessions.one("WHERE sid = ?", message.sid)
        return row is None or self._long_ago(self.read(row).created_at, 0)

    def _long_ago(self, created_at: int, doublings: int) -> bool:
        age = self.context.now - created_at * 1000
        # One from the future was made by a clock that has been set right since.
        return age < 0 or age >= UNANSWERED << doublings

    def reply_proof(self, row: SessionRow) -> bytes | None:
        """What a first reply in a session proves: that we hold what its predecessors left.

        Of a session that we opened, it is the peer's to prove: told to him, it could be told back to us.
        """
        session = self.read(row)
        return session.reply_proof(row.former[:KEY_SIZE]) if row.former and not session.initiator else None

    def proves(self, contact: ContactRow, sid: bytes, proof: bytes | None) -> bool:
        """Whether a reply's proof is what the introduction of our session asked for, if it asked for any.

        The proof may be of another session of ours: what a lost session swallowed is sealed anew as it was.
        """
        asked = [row for row in self.with_device(contact) if row.former and self.read(row).initiator]
        if not any(row.sid == sid for row in asked):
            return True
        expected = [
            self.read(row).reply_proof(row.former[at : at + KEY_SIZE])
            for row in asked
            for at in range(0, len(row.former), KEY_SIZE)
        ]
        return proof is not None and any(hmac.compare_digest(proof, one) for one in expected)

    def initiate(self, contact: ContactRow, answer: Bundle, signed: bytes) -> None:
        """Open one with the prekeys that the relay gave out for ``contact``.

        Raises:
            HandshakeError: they are not usable.
        """
        context = self.context
        route = context.own.route(context.records)
        if route is None:
            return
        authenticators = self._authenticators(contact)
        now = context.now // 1000
        generation = max(contact.generation + 1, now)
        session = Session.initiate(
            context.own.device,
            PrekeyBundle.parse(answer.identity, answer.device, signed, answer.one_time, now),
            route,
            # A clock that was ahead must not make every later session one from the future.
            generation=generation if generation <= now + CLOCK_SKEW else now,
            authenticators=authenticators,
            now=now,
            randomness=context.randomness,
        )
        for row in self.with_device(contact):
            if not row.confirmed and row.generation > now + CLOCK_SKEW:
                # Nobody takes it, and its generation would be preferred.
                context.records.sessions.delete("WHERE sid = ?", row.sid)
        self.add(contact, session, None, b"".join(authenticators) if contact.authenticator else b"")
        self.peers.save(
            replace(contact, generation=session.generation, route_told=True, attempts=contact.attempts + 1)
        )

    def introduced(self, contact: ContactRow, answer: Bundle) -> None:
        """Use the bundle that the relay gave out for ``contact``: its knock token, and its prekeys for a session.

        Raises:
            HandshakeError, MalformedError, CryptoError: the bundle is not usable.
            KeyChangedError: it has an outdated device certificate.
        """
        identity = Identity.parse(answer.identity)
        device = Device.parse(answer.device, identity)
        contact = self.peers.supplant(contact, identity, device)
        met = self.peers.meet(contact, identity, device)
        if met is not None:
            contact = self._knock(met, answer)
            if answer.signed is None:
                return
            again = self.unanswered(contact)
            if again or self.best(contact) is None:
                self.initiate(contact, answer, answer.signed)
            if again:
                # Under the same message ids, so that whoever could read the first ones sees none twice.
                self.context.records.unseal(contact.id)

    def _knock(self, contact: ContactRow, answer: Bundle) -> ContactRow:
        """Use the bundle's knock token, if there is one, where nothing better is known."""
        moved = contact.mailbox != answer.mailbox
        if answer.knock is None:
            contact = replace(contact, mailbox=answer.mailbox, capability=None) if moved else contact
        elif contact.capability is None or contact.knock or moved:
            contact = replace(contact, mailbox=answer.mailbox, capability=answer.knock, knock=True)
        named = replace(contact, vouched=True)
        return self.peers.save(named) if named.verified == contact.verified else self.peers.decide(named)

    def _authenticators(self, contact: ContactRow) -> Sequence[bytes]:
        """The last two that the peer may hold: of a session that was not answered, of one that was."""
        pending = [row for row in self.with_device(contact) if not row.confirmed]
        known = [self.read(max(pending, key=lambda row: row.generation)).ca] if pending else []
        known += [ca for ca in (contact.authenticator, contact.previous_authenticator) if ca is not None]
        return known[:2]

    def _with(self, contact: int, device_hash: bytes) -> list[SessionRow]:
        return [row for row in self.context.records.sessions_of(contact) if row.device_hash == device_hash]

    def _remember(self, sid: bytes, state: bytes, session: Session) -> None:
        self._read.pop(sid, None)
        if len(self._read) >= MAX_READ:
            del self._read[next(iter(self._read))]
        self._read[sid] = (state, session)
