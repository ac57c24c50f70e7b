"""The owner's connection: claim a name, sign in, publish prekeys, take envelopes in; pure. docs/spec/relay.md."""

from dataclasses import dataclass, field
from typing import Self

from e2echat.client.dialogue import (
    Delivered,
    Dialogue,
    Happening,
    Published,
    Renewed,
    SignedIn,
    SignInRefused,
    Stocked,
    refusal,
    why_refused,
)
from e2echat.client.own import Own
from e2echat.crypto.keys import Device, Identity, SigningKey
from e2echat.crypto.primitives import H, Randomness
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord
from e2echat.errors import MalformedError, RefusedError
from e2echat.store.records import Records
from e2echat.wire import frames
from e2echat.wire import relay_messages as relay
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FIRST_CHANNEL
from e2echat.wire.relay_messages import Refusal
from e2echat.wire.schema import Message


@dataclass(frozen=True, slots=True)
class SignIn:
    """What it takes to sign in. ``claimed``: the relay is known to have our claim."""

    identity: Identity
    device: Device
    claim: ClaimRecord
    key: SigningKey = field(repr=False)
    capability_hash: bytes
    claimed: bool
    token: bytes | None = field(default=None, repr=False)
    """To join with, if we were given one."""

    @classmethod
    def of(cls, own: Own, records: Records) -> Self:
        """The account's, as it stands."""
        claimed, token = records.own("claimed") is not None, records.own("join_token")
        device, capability_hash = own.device.device, H("capability", records.own("capability") or b"")
        return cls(
            own.identity, device, own.claim, own.sign_in, capability_hash, claimed=claimed, token=token
        )


class MailboxDialogue(Dialogue):
    """The owner's connection: claim if need be, sign in, publish prekeys, take envelopes in."""

    def __init__(
        self, address: RelayAddress, certificate_hash: bytes, sign_in: SignIn, randomness: Randomness
    ) -> None:
        super().__init__(address, certificate_hash)
        self._sign_in = sign_in
        self._randomness = randomness
        # The numbers of the requests under way.
        self._claiming: int | None = None
        self._authenticating: int | None = None
        self._publishing: int | None = None
        self._renewing: tuple[int, bytes] | None = None
        self._renewal_refused = False
        self._acknowledged = 0
        self.signed_in = False
        self.claim_left = False
        """Whether a claim left on this connection: the name may be ours, even if we heard no answer."""

    def begin(self) -> list[Happening]:
        """Claim the name unless the relay has it; then sign in."""
        if self._sign_in.claimed:
            self._authenticate()
            return []
        self._claiming = self.next_request()
        self.claim_left = True
        self._claim(self._claiming, self._sign_in.capability_hash)
        return []

    def _claim(self, request: int, capability_hash: bytes) -> None:
        own = self._sign_in
        records = own.identity.raw, own.device.raw, own.claim.raw
        self.say(relay.Claim(request, *records, capability_hash, own.token))

    def answer(self, message: Message) -> list[Happening]:
        """See ``Dialogue``."""
        match message:
            case relay.Done(request) if request == self._claiming:
                self._claiming = None
                self._authenticate()
                return []
            case relay.Welcome(request, mailbox, waiting, left) if request == self._authenticating:
                self._authenticating = None
                self.signed_in = True
                return [SignedIn(mailbox, waiting, left)]
            case relay.Stock(left, short) if self.signed_in:
                return [Stocked(left, short)]
            case relay.Done(request) | relay.Refused(request) if request == self._publishing:
                self._publishing = None
                return [Published(_reason(message))]
            case relay.Done(request) | relay.Refused(request) if (
                self._renewing and request == self._renewing[0]
            ):
                (_, capability_hash), self._renewing = self._renewing, None
                self._renewal_refused = isinstance(message, relay.Refused)
                return [Renewed(capability_hash, _reason(message))]
            case relay.Refused(request, reason) if request in (self._claiming, self._authenticating):
                return [SignInRefused(refusal(reason))]
        raise MalformedError("an answer to nothing that was asked")

    def other(self, tag: int, body: bytes) -> list[Happening]:
        """See ``Dialogue``."""
        if tag < FIRST_CHANNEL or not self.signed_in:
            raise MalformedError("a frame that does not belong on this connection")
        _, envelope = frames.parse_envelope(body)
        return [Delivered(envelope)]

    def _authenticate(self) -> None:
        self._authenticating = self.next_request()
        nonce = self._randomness.octets(32)
        record = AuthRecord.create(self._sign_in.key, self.hello, nonce, self._sign_in.identity.name)
        self.say(relay.Authenticate(self._authenticating, record.raw))

    def publish(self, signed: bytes | None, one_time: list[bytes]) -> None:
        """Upload prekey records; one upload at a time."""
        self._publishing = self.next_request()
        self.say(relay.Publish(self._publishing, signed, one_time))

    @property
    def publishing(self) -> bool:
        """Whether an upload awaits its answer."""
        return self._publishing is not None

    def renew(self, capability_hash: bytes) -> None:
        """Claim our name again, with another capability."""
        self._renewing = self.next_request(), capability_hash
        self._claim(*self._renewing)

    @property
    def may_renew(self) -> bool:
        """Whether ``renew`` is to be called: none is under way, and the relay has refused none on this connection."""
        return self._renewing is None and not self._renewal_refused

    def acknowledge(self, more: int) -> None:
        """Say that ``more`` envelopes have become ours."""
        self._acknowledged += more
        self.outgoing.append(frames.acknowledge(self._acknowledged))


def sign_in_error(reason: Refusal, *, was_in: bool) -> RefusedError:
    """What is wrong if a claim or sign-in is refused. ``was_in``: whether this account has signed in before."""
    if was_in and reason is Refusal.NAME_TAKEN:
        words = "this account's name was removed from the relay, or is somebody else's there by now"
        return RefusedError(words, "name_lost")
    return RefusedError(why_refused(reason), reason.name.lower())


def _reason(answer: Message) -> Refusal | None:
    return refusal(answer.reason) if isinstance(answer, relay.Refused) else None
