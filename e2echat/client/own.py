"""The account itself: keys, records, address. Made once, then read from the vault and the database."""

from dataclasses import dataclass
from functools import partial
from typing import Self

from e2echat.client.socks import Proxy
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.payloads import conversation_id
from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.crypto.relay_records import ClaimRecord
from e2echat.crypto.session import OwnDevice, ReplyRoute
from e2echat.errors import StorageError
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress


@dataclass(slots=True)
class Own:
    """Who we are. ``key``: the account's IKs. ``sign_in``: the key that it certified for our relay.

    Only ``address`` and ``proxy`` ever change: the relay may move, and so may the way to it.
    """

    key: SigningKey
    sign_in: SigningKey
    device: OwnDevice
    claim: ClaimRecord
    address: RelayAddress
    proxy: Proxy | None = None
    """What every connection goes through."""

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
        own = cls(key, sign_in, OwnDevice(identity, device, exchange), claim, address)
        records.set_own("address", str(address).encode())
        records.set_own("identity", identity.raw)
        records.set_own("device", device.raw)
        records.set_own("device_key", exchange.secret)
        records.set_own("sign_in_key", sign_in.seed)
        records.set_own("claim", claim.raw)
        records.set_own("capability", randomness.octets(KEY_SIZE))
        return own

    @classmethod
    def load(cls, records: Records, key: SigningKey) -> Self:
        """Read the account.

        Raises:
            StorageError: the database is not this account's.
        """
        address, identity, device = cls.who(records, key)
        value = partial(_value, records)
        proxy = records.own("proxy")
        value("capability")
        return cls(
            key,
            SigningKey(value("sign_in_key")),
            OwnDevice(identity, device, ExchangeKey(value("device_key"))),
            ClaimRecord.parse(value("claim"), identity, address.key),
            address,
            None if proxy is None else Proxy.parse(proxy.decode()),
        )

    @staticmethod
    def who(records: Records, key: SigningKey) -> tuple[RelayAddress, Identity, Device]:
        """The relay, and the records that others know us by.

        Raises:
            StorageError: the database is not this account's.
        """
        address = RelayAddress.parse(_value(records, "address").decode())
        identity = Identity.parse(_value(records, "identity"))
        if identity.key != key.public:
            raise StorageError("the vault and the database belong to different accounts")
        return address, identity, Device.parse(_value(records, "device"), identity)

    @property
    def identity(self) -> Identity:
        """Our identity record."""
        return self.device.identity

    @property
    def name(self) -> str:
        """Our name."""
        return self.device.identity.name

    def move(self, records: Records, address: RelayAddress) -> None:
        """Our relay, the same key, is reached at ``address`` from now on."""
        records.set_own("address", str(address).encode())
        self.address = address

    @staticmethod
    def keep_proxy(records: Records, proxy: Proxy | None) -> None:
        """What every connection is to go through, or that none is."""
        if proxy is None:
            records.delete_own("proxy")
        else:
            records.set_own("proxy", str(proxy).encode())

    def route(self, records: Records) -> ReplyRoute | None:
        """Where we are reached; None until the first sign-in told us our mailbox."""
        mailbox, capability = records.own("mailbox"), records.own("capability")
        return ReplyRoute(str(self.address), mailbox, capability) if mailbox and capability else None

    def relay_of(self, contact: ContactRow) -> str:
        """Where a contact's relay is reached: our own where we know it to be, whatever a contact said."""
        return str(self.address) if contact.relay_key == self.address.key else contact.address

    def reaches_over(self, records: Records, link: str) -> bool:
        """Whether our relay, or that of some contact, is where this link leads."""
        elsewhere = "WHERE address = ? AND relay_key <> ?"
        return link == str(self.address) or records.contacts.count(elsewhere, link, self.address.key) > 0

    def conversation(self, contact: ContactRow) -> bytes:
        """The id of our conversation with a contact."""
        return conversation_id((self.address.key, self.name), (contact.relay_key, contact.name))


def _value(records: Records, name: str) -> bytes:
    found = records.own(name)
    if found is None:
        raise StorageError(f"the profile's database has no {name}")
    return found
