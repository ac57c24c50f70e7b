"""Sessions in the database, and the secrets that open new ones."""

from dataclasses import dataclass

from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.prekeys import Prekey, PrekeyKind, PrekeySecret
from e2echat.crypto.session import OwnDevice, Session
from e2echat.store.records import Records
from e2echat.store.rows import SessionRow

MAX_SESSIONS = 4
"""Sessions with one device; the least recently used go."""


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


def keep_session(records: Records, contact: int, session: Session, init: bytes | None, now: int) -> None:
    """Store a session; of too many with one device, the least recently used go."""
    device_hash = session.peer_device.hash
    records.sessions.save(
        SessionRow(
            session.sid,
            contact,
            device_hash,
            session.generation,
            session.confirmed,
            init,
            now,
            session.to_bytes(),
        )
    )
    same = [row for row in records.sessions_of(contact) if row.device_hash == device_hash]
    for row in same[MAX_SESSIONS:]:
        records.sessions.delete("WHERE sid = ?", row.sid)
