"""Whose name is whose, and which prekeys are on file. Pure: it decides, the storage keeps. docs/spec/relay.md, "Names".

Nothing changes here before it is durable; until then a name's skeleton is only reserved.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from e2echat.crypto.keys import Device, Identity, SigningKey
from e2echat.crypto.prekeys import Prekey, PrekeyKind
from e2echat.crypto.primitives import Randomness
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord, HelloRecord, LeaveRecord
from e2echat.errors import CryptoError, MalformedError
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.refusals import RefusedRequestError
from e2echat.relay.tokens import JoinTokens, Registration
from e2echat.relay.work import Account, RemoveAccount, SaveAccount, SavePrekeys, SaveToken
from e2echat.wire.names import skeleton
from e2echat.wire.relay_messages import Claim, Publish, Refusal

_MAILBOX_SIZE = 16


class Records(NamedTuple):
    """What speaks for an account, verified."""

    identity: Identity
    device: Device
    claim: ClaimRecord

    @classmethod
    def parse(cls, account: Account | Claim, relay_key: bytes) -> Self:
        """Read and verify.

        Raises:
            MalformedError, CryptoError: they are no account's at this relay.
        """
        identity = Identity.parse(account.identity)
        device = Device.parse(account.device, identity)
        return cls(identity, device, ClaimRecord.parse(account.claim, identity, relay_key))


class Entry:
    """An account with its records and its prekeys."""

    __slots__ = ("_records", "account", "one_time", "short", "signed")

    def __init__(self, account: Account) -> None:
        self.account = account
        self._records: Records | None = None
        self.signed: bytes | None = None
        self.one_time: deque[int] = deque()
        """Ids of the one-time prekeys that are left, oldest first; the records are at the storage."""
        self.short = False
        """Somebody asked for prekeys and got none of them, and the owner does not know."""

    def records(self, relay_key: bytes) -> Records:
        """Its records: three signatures that are verified when they are first needed, since a relay may have many accounts.

        Raises:
            MalformedError, CryptoError: the storage holds something else.
        """
        if self._records is None:
            records = Records.parse(self.account, relay_key)
            if records.identity.name != self.account.name or len(self.account.mailbox) != _MAILBOX_SIZE:
                raise MalformedError("an account that is not as it was made")
            self._records = records
        return self._records


class Directory:
    """All accounts of one relay."""

    def __init__(
        self,
        relay_key: bytes,
        randomness: Randomness,
        *,
        registration: Registration,
        most_one_time: int,
        former_life: int,
    ) -> None:
        self._relay_key = relay_key
        self._randomness = randomness
        self._registration = registration
        self.tokens = JoinTokens(randomness)
        self._most_one_time = most_one_time
        self._former_life = former_life
        self._by_name: dict[str, Entry] = {}
        self._by_skeleton: dict[str, str] = {}
        self._reserved: set[str] = set()
        self._nobody = SigningKey.generate(randomness).public
        """Checked where there is no account, so that the answer takes as long."""

    @property
    def names(self) -> list[str]:
        """All names that somebody has, in order."""
        return sorted(self._by_name)

    def bury(self, name: str) -> None:
        """A name was removed, and is never given out again; nor is one that looks like it."""
        self._by_name.pop(name, None)
        self._by_skeleton[skeleton(name)] = name

    def restore(self, account: Account, signed: bytes | None, one_time: Iterable[int]) -> Entry:
        """Take in what the storage holds of one account, once, at the start; whether that is sound is seen when it is used."""
        entry = Entry(account)
        entry.signed = signed
        entry.one_time.extend(one_time)
        self._by_name[account.name] = entry
        self._by_skeleton[skeleton(account.name)] = account.name
        return entry

    def require_ours(self) -> None:
        """Check that an account was made at this relay: one is enough, and others may be damaged.

        Raises:
            MalformedError, CryptoError: there are accounts, and none was.
        """
        fault: MalformedError | CryptoError | None = None
        for entry in self._by_name.values():
            try:
                entry.records(self._relay_key)
            except (MalformedError, CryptoError) as error:
                fault = error
            else:
                return
        if fault is not None:
            raise fault

    def records(self, entry: Entry) -> Records:
        """The records of an account.

        Raises:
            RefusedRequestError: they are damaged; nobody can use the account until they are restored.
        """
        try:
            return entry.records(self._relay_key)
        except (MalformedError, CryptoError) as error:
            raise RefusedRequestError(Refusal.STORAGE) from error

    def find(self, name: str) -> Entry | None:
        """The account of a name."""
        return self._by_name.get(name)

    def claim(self, message: Claim, today: int) -> SaveAccount:
        """Decide on a claim and reserve the name until ``claimed`` or ``release``; ``today`` by the relay's clock.

        Raises:
            RefusedRequestError: with the reason.
        """
        try:
            identity, device, claim = Records.parse(message, self._relay_key)
        except (MalformedError, CryptoError) as error:
            raise RefusedRequestError(Refusal.MALFORMED) from error
        shape = skeleton(identity.name)
        if shape in self._reserved:
            raise RefusedRequestError(Refusal.LIMIT)
        entry = self._by_name.get(identity.name)
        token, new_device = None, False
        if entry is None:
            if shape in self._by_skeleton:
                raise RefusedRequestError(Refusal.NAME_TAKEN)
            token = self._let_in(message, today)
            mailbox = self._randomness.octets(_MAILBOX_SIZE)
            capabilities = Capabilities(message.capability_hash)
        else:
            before = self.records(entry)
            if before.identity.key != identity.key:
                raise RefusedRequestError(Refusal.NAME_TAKEN)
            if claim.epoch < before.claim.epoch or device.epoch < before.device.epoch:
                raise RefusedRequestError(Refusal.STALE)
            new_device = before.device.raw != device.raw
            mailbox = entry.account.mailbox
            capabilities = entry.account.capabilities.renewed(
                message.capability_hash, today + self._former_life
            )
        self._reserved.add(shape)
        account = Account(identity.name, mailbox, identity.raw, device.raw, claim.raw, capabilities)
        return SaveAccount(account, new_device, token)

    def _let_in(self, message: Claim, today: int) -> SaveToken | None:
        """Whether a new name may be claimed; gives what is then left of the token it took."""
        if self._registration is Registration.OPEN:
            return None
        token = self.tokens.take(message.token, today) if self._registration is Registration.TOKEN else None
        if token is None:
            raise RefusedRequestError(Refusal.REGISTRATION_CLOSED)
        return token

    def release(self, request: SaveAccount) -> None:
        """A claim could not be kept."""
        self._reserved.discard(skeleton(request.account.name))
        if request.token is not None:
            self.tokens.give_back(request.token)

    def remove(self, name: str) -> RemoveAccount:
        """Reserve a name that is to be removed until ``removed`` or ``kept``.

        Raises:
            RefusedRequestError: nobody has it, or it is being claimed just now.
        """
        entry = self._by_name.get(name)
        if entry is None:
            raise RefusedRequestError(Refusal.NO_SUCH_NAME)
        if skeleton(name) in self._reserved:
            raise RefusedRequestError(Refusal.LIMIT)
        self._reserved.add(skeleton(name))
        return RemoveAccount(entry.account.mailbox, name)

    def kept(self, request: RemoveAccount) -> None:
        """An account could not be removed."""
        self._reserved.discard(skeleton(request.name))

    def removed(self, request: RemoveAccount) -> None:
        """An account is gone, durably."""
        self.kept(request)
        self.bury(request.name)

    def claimed(self, request: SaveAccount) -> tuple[Entry, Entry | None]:
        """A claim is durable.

        Returns:
            The account as it is now and as it was before.
        """
        self._reserved.discard(skeleton(request.account.name))
        before = self._by_name.get(request.account.name)
        signed, one_time = (
            (None, ()) if before is None or request.new_device else (before.signed, before.one_time)
        )
        return self.restore(request.account, signed, one_time), before

    def authenticate(self, raw: bytes, hello: HelloRecord | None) -> Entry:
        """Whoever signed the answer to ``hello``; with None in its place nobody.

        Raises:
            RefusedRequestError: one reason for whatever is wrong.
        """
        return self._proved(AuthRecord, raw, hello, lambda records: records.claim.key)

    def leave(self, raw: bytes, hello: HelloRecord | None) -> RemoveAccount:
        """``remove`` for the owner, who signed the answer to ``hello`` with the account's key; with None nobody did.

        Raises:
            RefusedRequestError: as for ``authenticate`` and ``remove``.
        """
        return self.remove(
            self._proved(LeaveRecord, raw, hello, lambda records: records.identity.key).account.name
        )

    def _proved(
        self, kind: type[AuthRecord], raw: bytes, hello: HelloRecord | None, key: Callable[[Records], bytes]
    ) -> Entry:
        try:
            record = kind.parse(raw)
            entry = self._by_name.get(record.name)
            if hello is not None:
                record.verify(key(self.records(entry)) if entry else self._nobody, hello)
        except (MalformedError, CryptoError) as error:
            raise RefusedRequestError(Refusal.NOT_AUTHENTICATED) from error
        if entry is None or hello is None:
            raise RefusedRequestError(Refusal.NOT_AUTHENTICATED)
        return entry

    def publish(self, entry: Entry, message: Publish) -> SavePrekeys:
        """Decide on prekeys of a signed-in owner. Those that are on file already are no error and no news.

        Raises:
            RefusedRequestError: with the reason.
        """
        identity, device, _ = self.records(entry)
        if skeleton(identity.name) in self._reserved:
            # A claim is under way that may bring another device: these would belong to neither.
            raise RefusedRequestError(Refusal.LIMIT)
        try:
            if message.signed is not None:
                Prekey.parse(message.signed, identity, device, PrekeyKind.SIGNED)
            fresh = {
                Prekey.parse(raw, identity, device, PrekeyKind.ONE_TIME).prekey_id: raw
                for raw in message.one_time
            }
        except (MalformedError, CryptoError) as error:
            raise RefusedRequestError(Refusal.MALFORMED) from error
        for known in fresh.keys() & set(entry.one_time):
            del fresh[known]
        if len(entry.one_time) + len(fresh) > self._most_one_time:
            raise RefusedRequestError(Refusal.LIMIT)
        return SavePrekeys(entry.account.mailbox, message.signed, tuple(fresh.items()))

    def published(self, name: str, request: SavePrekeys) -> None:
        """Prekeys are durable."""
        entry = self._by_name[name]
        if request.signed is not None:
            entry.signed = request.signed
        known = set(entry.one_time)
        entry.one_time.extend(prekey_id for prekey_id, _ in request.one_time if prekey_id not in known)
