"""The account itself: keys, records, address. Made once, then read from the vault and the database."""

from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.payloads import conversation_id
from e2echat.crypto.primitives import H, Randomness
from e2echat.crypto.relay_records import ClaimRecord
from e2echat.crypto.session import OwnDevice, ReplyRoute
from e2echat.errors import StorageError
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress


@dataclass(frozen=True, slots=True)
class Own:
    """Who we are. ``key``: the account's IKs. ``sign_in``: the key that it certified for our relay."""

    key: SigningKey
    sign_in: SigningKey
    device: OwnDevice
    claim: ClaimRecord
    address: RelayAddress
    capability: bytes = field(repr=False)

    @classmethod
    def create(
        cls,
        records: Records,
        key: SigningKey,
        name: str,
        address: RelayAddress,
        now: int,
        randomness: Randomness,
    ) -> Self:
        """Make the account's records and keep them; ``now`` in unix milliseconds."""
        epoch = now // 1000
        identity = Identity.create(key, name)
        exchange, sign_in = ExchangeKey.generate(randomness), SigningKey.generate(randomness)
        device = Device.create(key, identity, epoch, exchange.public)
        claim = ClaimRecord.create(key, address.key, name, epoch, sign_in.public)
        own = cls(key, sign_in, OwnDevice(identity, device, exchange), claim, address, randomness.octets(32))
        records.set_own("address", str(address).encode())
        records.set_own("identity", identity.raw)
        records.set_own("device", device.raw)
        records.set_own("device_key", exchange.secret)
        records.set_own("sign_in_key", sign_in.seed)
        records.set_own("claim", claim.raw)
        records.set_own("capability", own.capability)
        return own

    @classmethod
    def load(cls, records: Records, key: SigningKey) -> Self:
        """Read the account.

        Raises:
            StorageError: the database is not this account's.
        """

        def value(name: str) -> bytes:
            found = records.own(name)
            if found is None:
                raise StorageError(f"the profile's database has no {name}")
            return found

        address = RelayAddress.parse(value("address").decode())
        identity = Identity.parse(value("identity"))
        if identity.key != key.public:
            raise StorageError("the vault and the database belong to different accounts")
        device = Device.parse(value("device"), identity)
        return cls(
            key,
            SigningKey(value("sign_in_key")),
            OwnDevice(identity, device, ExchangeKey(value("device_key"))),
            ClaimRecord.parse(value("claim"), identity, address.key),
            address,
            value("capability"),
        )

    @property
    def identity(self) -> Identity:
        """Our identity record."""
        return self.device.identity

    @property
    def name(self) -> str:
        """Our name."""
        return self.device.identity.name

    @property
    def capability_hash(self) -> bytes:
        """What the relay keeps of the delivery capability."""
        return H("capability", self.capability)

    def route(self, records: Records) -> ReplyRoute | None:
        """Where we are reached; None until the first sign-in told us our mailbox."""
        mailbox = records.own("mailbox")
        return ReplyRoute(str(self.address), mailbox, self.capability) if mailbox else None

    def relay_of(self, contact: ContactRow) -> str:
        """Where a contact's relay is reached: our own where we know it to be, whatever a contact said."""
        return str(self.address) if contact.relay_key == self.address.key else contact.address

    def conversation(self, contact: ContactRow) -> bytes:
        """The id of our conversation with a contact."""
        return conversation_id((self.address.key, self.name), (contact.relay_key, contact.name))
