"""Going on from an older state: a backup that was restored, or an older copy of the profile's files.

Whatever a later life may have used is used no more: sessions, prekeys and numbers are dropped, the device is certified
anew under the key that it had, and every contact is written to. docs/spec/sessions.md, "An older state".
"""

from dataclasses import dataclass

from e2echat.client.arrivals import Arrivals
from e2echat.client.context import Context
from e2echat.client.events import Problem
from e2echat.client.numbering import renumber
from e2echat.client.outbox import Outbox
from e2echat.client.own import Own
from e2echat.client.peers import Peers
from e2echat.client.status import RENEWED_WORDS
from e2echat.crypto.keys import Device, SigningKey
from e2echat.crypto.primitives import Randomness
from e2echat.crypto.relay_records import ClaimRecord
from e2echat.store.records import Records

_ANEW = "anew"
_FORGET, _GREET = b"forget", b"greet"
"""What is still to be done, as the value of ``_ANEW``."""
RENEWED = "renewed_at"
"""When that was last begun, unix milliseconds, big-endian."""


def renew(records: Records, key: SigningKey, now: int, randomness: Randomness) -> None:
    """Have the account of ``key`` go on, inside a transaction; ``now`` in unix milliseconds. ``Renewal`` does the rest.

    Raises:
        StorageError: the database is not this account's.
    """
    address, identity, old = Own.who(records, key)
    epoch = max(now // 1000, old.epoch + 1)
    sign_in = SigningKey.generate(randomness)
    records.set_own("device", Device.create(key, identity, epoch, old.key).raw)
    records.set_own("sign_in_key", sign_in.seed)
    records.set_own("claim", ClaimRecord.create(key, address.key, identity.name, epoch, sign_in.public).raw)
    records.delete_own("claimed")
    records.set_own(_ANEW, _FORGET)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The parts of it that conversations have."""

    context: Context
    peers: Peers
    outbox: Outbox
    arrivals: Arrivals

    @property
    def due(self) -> bool:
        """Whether ``forget`` is to run before anything else."""
        return self.context.records.own(_ANEW) == _FORGET

    def forget(self) -> None:
        """Drop what must not be used twice; what has no receipt is numbered anew, under the same ids."""
        records = self.context.records
        self.arrivals.show_held()
        records.forget_devices()
        for contact in records.contacts.select("ORDER BY id"):
            renumber(records, contact.id, self.peers.device(contact).hash)
        records.set_own(_ANEW, _GREET)
        records.set_own(RENEWED, self.context.now.to_bytes(8))
        self.context.tell(Problem(RENEWED_WORDS))

    def greet(self) -> None:
        """Signed in: write to every contact, so that all sessions begin anew."""
        records = self.context.records
        if records.own(_ANEW) != _GREET:
            return
        for contact in records.contacts.select("WHERE standing = 'contact' ORDER BY id"):
            if not contact.key_changed:
                self.outbox.greet(contact)
        records.delete_own(_ANEW)
