"""Sealed PQXDH: how two people who never met get common secrets. docs/spec/handshake.md.

PQXDH, with the whole transcript bound into every key, and with the initiator's records sealed under keys that
need the recipient's prekeys. Names and letters are the specification's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol, Self

from e2echat.crypto.keys import SUITE, Device, ExchangeKey, Identity
from e2echat.crypto.padding import pad, unpad
from e2echat.crypto.prekeys import Prekey, PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import (
    BOX_OVERHEAD,
    KEM_CIPHERTEXT_SIZE,
    KEY_SIZE,
    H,
    K,
    Randomness,
    X,
    box,
    hkdf,
    kem_decapsulate,
    open_box,
)
from e2echat.errors import CryptoError, HandshakeError, InvalidAddressError, MalformedError
from e2echat.wire.address import RelayAddress
from e2echat.wire.records import lp, u16, u32, u64, unlp

PROTOCOL = 1
"""Version of everything from the first byte of an envelope on."""
MAILBOX_SIZE = 16
CAPABILITY_SIZE = 32
CONTINUITY_SIZE = 64
SEAL_SIZE = 864
"""Bytes in the sealed box: the longest name and address, their records and the mark of the padding fit."""
PREAMBLE_SIZE = 4 + 1 + 4 + KEY_SIZE + KEM_CIPHERTEXT_SIZE + SEAL_SIZE + BOX_OVERHEAD

_NO_CONTINUITY = bytes(32)
_NO_DH = bytes(32)


@dataclass(frozen=True, slots=True)
class ReplyRoute:
    """Where the initiator can be answered: relay address, 16-byte mailbox, 32-byte delivery capability."""

    address: str
    mailbox: bytes
    capability: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.mailbox) != MAILBOX_SIZE or len(self.capability) != CAPABILITY_SIZE:
            raise MalformedError("a reply route whose parts have wrong lengths")
        try:
            canonical = str(RelayAddress.parse(self.address))
        except InvalidAddressError as error:
            raise MalformedError("a reply route to no relay") from error
        if self.address != canonical:
            raise MalformedError("a reply route whose address is not in its one spelling")


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """What we are in a handshake: our records and the device key IKd."""

    identity: Identity
    device: Device
    key: ExchangeKey


class PrekeySecrets(Protocol):
    """Our prekeys whose secrets still live."""

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        """The signed prekey of that id."""

    def one_time(self, prekey_id: int) -> PrekeySecret | None:
        """The one-time prekey of that id."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides hold after a handshake: SK, HKa, NHKb, sid, CA under the transcript hash th."""

    th: bytes
    root_key: bytes = field(repr=False)
    first_header_key: bytes = field(repr=False)
    reply_header_key: bytes = field(repr=False)
    sid: bytes
    ca: bytes = field(repr=False)

    @classmethod
    def derive(cls, ikm: bytes, th: bytes) -> Self:
        """From DH1 to DH4 and SS, ``ikm``."""
        secrets = hkdf(ikm, "root", th, length=5 * KEY_SIZE)
        return cls(th, *(secrets[i : i + KEY_SIZE] for i in range(0, len(secrets), KEY_SIZE)))


@dataclass(frozen=True, slots=True)
class Preamble:
    """What stands before a first message: prekey ids, E, ct and the sealed box."""

    signed_id: int
    one_time_id: int | None
    ephemeral: bytes
    ciphertext: bytes
    sealed: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read; nothing is verified yet.

        Raises:
            MalformedError: a wrong length, or an id where there is no one-time prekey.
        """
        if len(raw) != PREAMBLE_SIZE:
            raise MalformedError("a first message that is cut short")
        flag, one_time_id = raw[4], int.from_bytes(raw[5:9])
        if flag > 1 or (flag == 0 and one_time_id):
            raise MalformedError("a first message of another kind")
        ct = 9 + KEY_SIZE
        sealed = ct + KEM_CIPHERTEXT_SIZE
        signed_id = int.from_bytes(raw[:4])
        return cls(signed_id, one_time_id if flag else None, raw[9:ct], raw[ct:sealed], raw[sealed:])

    def to_bytes(self) -> bytes:
        """The ``PREAMBLE_SIZE`` bytes."""
        one_time = bytes(5) if self.one_time_id is None else b"\x01" + u32(self.one_time_id)
        return u32(self.signed_id) + one_time + self.ephemeral + self.ciphertext + self.sealed

    @property
    def init(self) -> bytes:
        """H("init", E, ct): what the recipient remembers a handshake by."""
        return H("init", self.ephemeral, self.ciphertext)

    def h0(self, identity: Identity, device: Device, signed: Prekey, one_time: Prekey | None) -> bytes:
        """The transcript up to the sealed box, with the recipient's records in it."""
        return H(
            "h0",
            u16(PROTOCOL) + u16(SUITE),
            identity.raw,
            device.raw,
            signed.raw,
            one_time.raw if one_time else b"",
            self.ephemeral,
            self.ciphertext,
        )

    def th(self, h0: bytes, identity: Identity, device: Device) -> bytes:
        """The whole transcript, with the initiator's records in it."""
        return H("th", h0, identity.raw, device.raw, H("sealed", self.sealed))


@dataclass(frozen=True, slots=True)
class Introduction:
    """What the sealed box holds: the initiator's records, generation, continuity and reply route."""

    identity: Identity
    device: Device
    generation: int
    continuity: bytes
    route: ReplyRoute

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read and verify the records against each other.

        Raises:
            MalformedError: the layout is not valid.
            CryptoError: a record does not verify.
        """
        identity, device, generation, continuity, address, mailbox, capability = unlp(unpad(raw), 7)
        if len(generation) != 8 or len(continuity) != CONTINUITY_SIZE:
            raise MalformedError("an introduction whose fields have wrong lengths")
        who = Identity.parse(identity)
        return cls(
            who,
            Device.parse(device, who),
            int.from_bytes(generation),
            continuity,
            ReplyRoute(address.decode("ascii", "replace"), mailbox, capability),
        )

    def to_bytes(self) -> bytes:
        """The ``SEAL_SIZE`` bytes that go into the box."""
        route = (self.route.address.encode(), self.route.mailbox, self.route.capability)
        fields = (self.identity.raw, self.device.raw, u64(self.generation), self.continuity, *route)
        return pad(lp(*fields), SEAL_SIZE)


@dataclass(frozen=True, slots=True)
class Continuity:
    """The two proofs that a first message carries, and what they are over."""

    proofs: bytes
    h0: bytes
    initiator: bytes

    @classmethod
    def create(cls, authenticators: Sequence[bytes], h0: bytes, initiator: bytes) -> Self:
        """Under at most two CAs, newest first; zeros where there is none."""
        proofs = [K(ca, "continuity", h0, initiator) for ca in authenticators[:2]]
        return cls(b"".join(proofs).ljust(CONTINUITY_SIZE, b"\0"), h0, initiator)

    def holds(self, ca: bytes) -> bool:
        """Whether one of the proofs is under ``ca``."""
        expected = K(ca, "continuity", self.h0, self.initiator)
        newest, older = self.proofs[:32], self.proofs[32:]
        return compare_digest(newest, expected) | compare_digest(older, expected)


def initiate(
    own: OwnDevice,
    bundle: PrekeyBundle,
    route: ReplyRoute,
    generation: int,
    authenticators: Sequence[bytes],
    now: int,
    randomness: Randomness,
) -> tuple[Preamble, Agreement]:
    """Alice's side.

    Raises:
        HandshakeError: the bundle is our own or out of its time, or a key in it is not usable.
    """
    if bundle.identity.key == own.identity.key:
        raise HandshakeError("a session with oneself")
    signed, one_time = bundle.signed, bundle.one_time
    for prekey in (signed, one_time):
        if prekey is not None:
            prekey.require_valid(now)
    ephemeral = ExchangeKey.generate(randomness)
    try:
        dh1 = X(own.key.secret, signed.dh)
        dh2 = X(ephemeral.secret, bundle.device.key)
        dh3 = X(ephemeral.secret, signed.dh)
        dh4 = X(ephemeral.secret, one_time.dh) if one_time else _NO_DH
        ss, ct = randomness.encapsulate(bundle.kem_prekey.kem)
    except CryptoError as error:
        raise HandshakeError(f"the prekeys from the relay are not usable: {error}") from error
    one_time_id = one_time.prekey_id if one_time else None
    unsealed = Preamble(signed.prekey_id, one_time_id, ephemeral.public, ct, b"")
    h0 = unsealed.h0(bundle.identity, bundle.device, signed, one_time)
    continuity = Continuity.create(authenticators, h0, own.identity.raw)
    introduction = Introduction(own.identity, own.device, generation, continuity.proofs, route)
    sealed = box(_seal_key(dh3, dh4, ss, h0), introduction.to_bytes(), randomness)
    preamble = Preamble(signed.prekey_id, one_time_id, ephemeral.public, ct, sealed)
    th = preamble.th(h0, own.identity, own.device)
    return preamble, Agreement.derive(dh1 + dh2 + dh3 + dh4 + ss, th)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Bob's view of a first message whose body is still to be authenticated."""

    introduction: Introduction
    continuity: Continuity
    agreement: Agreement
    signed: PrekeySecret


def accept(own: OwnDevice, secrets: PrekeySecrets, preamble: Preamble) -> Proposal:
    """Bob's side. Nothing of the result may be used before the message's body authenticates.

    Raises:
        HandshakeError: the prekeys are gone, or anything does not check out; it does not say what.
    """
    signed = _secret(secrets.signed(preamble.signed_id), PrekeyKind.SIGNED)
    one_time = None
    if preamble.one_time_id is not None:
        one_time = _secret(secrets.one_time(preamble.one_time_id), PrekeyKind.ONE_TIME)
    h0 = preamble.h0(own.identity, own.device, signed.prekey, one_time.prekey if one_time else None)
    try:
        dh2 = X(own.key.secret, preamble.ephemeral)
        dh3 = X(signed.dh.secret, preamble.ephemeral)
        dh4 = X(one_time.dh.secret, preamble.ephemeral) if one_time else _NO_DH
        ss = kem_decapsulate((one_time or signed).kem_seed, preamble.ciphertext)
        introduction = Introduction.parse(open_box(_seal_key(dh3, dh4, ss, h0), preamble.sealed))
        dh1 = X(signed.dh.secret, introduction.device.key)
    except (CryptoError, MalformedError) as error:
        raise HandshakeError("a first message that does not check out") from error
    if introduction.identity.key == own.identity.key:
        raise HandshakeError("a session with oneself")
    th = preamble.th(h0, introduction.identity, introduction.device)
    continuity = Continuity(introduction.continuity, h0, introduction.identity.raw)
    agreement = Agreement.derive(dh1 + dh2 + dh3 + dh4 + ss, th)
    return Proposal(introduction, continuity, agreement, signed)


def _secret(found: PrekeySecret | None, kind: PrekeyKind) -> PrekeySecret:
    if found is None or found.prekey.kind is not kind:
        raise HandshakeError("a first message to a prekey that is gone")
    return found


def _seal_key(dh3: bytes, dh4: bytes, ss: bytes, h0: bytes) -> bytes:
    return hkdf(dh3 + dh4 + ss, "seal", h0, length=KEY_SIZE)
