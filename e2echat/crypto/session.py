"""A session: what opens and closes the envelopes between two devices. docs/spec/ratchet.md, "Envelopes".

A ``Session`` is a value. ``encrypt`` and ``decrypt`` give the next one; whoever calls them stores that before
anything else happens, and goes on with the old one when they raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto import handshake
from e2echat.crypto.chains import HBOX_SIZE
from e2echat.crypto.envelope import (
    INITIAL,
    INITIAL_HEAD,
    ORDINARY,
    ORDINARY_HEAD,
    envelope_hash,
    init_hash,
    split,
)
from e2echat.crypto.handshake import Continuity, OwnDevice, Preamble, PrekeySecrets, ReplyRoute
from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.padding import (
    ENVELOPE_FLOOR,
    FIRST_ENVELOPE_FLOOR,
    envelope_size,
    pad,
    unpad,
)
from e2echat.crypto.prekeys import PrekeyBundle
from e2echat.crypto.primitives import BOX_OVERHEAD, H, K, Randomness
from e2echat.crypto.ratchet import Ratchet
from e2echat.crypto.saved import STORED_FORM, SavedSession, load_ratchet, save_ratchet
from e2echat.errors import CryptoError, DecryptionError, HandshakeError, MalformedError
from e2echat.wire.codec import decode_map, encode

__all__ = [
    "INITIAL",
    "ORDINARY",
    "Accepted",
    "Opened",
    "OwnDevice",
    "PrekeySecrets",
    "ReplyRoute",
    "Session",
    "envelope_hash",
    "init_hash",
]


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope held, and what it tells beside that.

    ``kem_epoch`` is the number of KEM steps that the session has completed by then, ``size`` the envelope's bytes.
    """

    plaintext: bytes = field(repr=False)
    chain: int
    number: int
    kem_epoch: int
    reduced_forward_secrecy: bool
    size: int


@dataclass(frozen=True, slots=True)
class Session:
    """One side of a session with one device of a peer.

    ``preamble`` is what the initiator sends before each message until the first reply, then empty;
    ``preamble_hash`` tells the responder whether an initial envelope is this session's.
    """

    peer: Identity
    peer_device: Device
    generation: int
    initiator: bool
    created_at: int
    one_time: bool
    th: bytes
    preamble: bytes = field(repr=False)
    preamble_hash: bytes
    ratchet: Ratchet = field(repr=False)

    @classmethod
    def initiate(
        cls,
        own: OwnDevice,
        bundle: PrekeyBundle,
        route: ReplyRoute,
        *,
        generation: int,
        authenticators: Sequence[bytes],
        now: int,
        randomness: Randomness,
    ) -> Self:
        """Open a session towards the owner of ``bundle``.

        Args:
            own: our records and device key.
            bundle: theirs, verified.
            route: where they can answer.
            generation: larger than any that we used with this peer, u64.
            authenticators: our last CAs with this peer, newest first, at most two.
            now: unix seconds.
            randomness: for every fresh secret.

        Raises:
            HandshakeError: the bundle is our own, out of its time, or a key in it is not usable.
        """
        preamble, agreed = handshake.initiate(own, bundle, route, generation, authenticators, now, randomness)
        raw = preamble.to_bytes()
        return cls(
            bundle.identity,
            bundle.device,
            generation,
            True,
            now,
            bundle.one_time is not None,
            agreed.th,
            raw,
            _preamble_hash(raw),
            Ratchet.initiate(agreed, bundle.signed.dh, now),
        )

    @classmethod
    def accept(cls, own: OwnDevice, secrets: PrekeySecrets, envelope: bytes, *, now: int) -> "Accepted":
        """Open the first envelope of a session that somebody else began.

        Args:
            own: our records and device key.
            secrets: our prekeys that still live.
            envelope: an envelope whose ``init_hash`` is not known yet.
            now: unix seconds.

        Raises:
            MalformedError: no initial envelope.
            HandshakeError: its prekeys are gone, or anything in it does not check out.
        """
        raw, _, _ = split(envelope)
        preamble = Preamble.parse(raw)
        proposal = handshake.accept(own, secrets, preamble)
        agreed, introduction = proposal.agreement, proposal.introduction
        proposed = cls(
            introduction.identity,
            introduction.device,
            introduction.generation,
            False,
            now,
            preamble.one_time_id is not None,
            agreed.th,
            b"",
            _preamble_hash(raw),
            Ratchet.respond(agreed, proposal.signed.dh, now),
        )
        try:
            session, opened = proposed.decrypt(envelope, now)
        except DecryptionError as error:
            raise HandshakeError("a first message that does not check out") from error
        return Accepted(session, opened, introduction.route, preamble, proposal.continuity)

    @property
    def sid(self) -> bytes:
        """The session's 32-byte id, equal on both sides."""
        return self.ratchet.sid

    @property
    def confirmed(self) -> bool:
        """Whether a message was received in it: the peer holds the keys."""
        return self.ratchet.receiving is not None

    @property
    def reduced_forward_secrecy(self) -> bool:
        """Whether it began without a one-time prekey and has not been answered."""
        return not self.one_time and self.ratchet.root.chain < 1

    @property
    def kem_epoch(self) -> int:
        """How many KEM steps are completed."""
        return self.ratchet.root.kem_epoch

    @property
    def chain(self) -> int:
        """The number of the newest chain, either side's; -1 before the first."""
        return self.ratchet.root.chain

    @property
    def sealed(self) -> int:
        """How many envelopes our newest chain has."""
        return 0 if self.ratchet.sending is None else self.ratchet.sending.next

    @property
    def ca(self) -> bytes:
        """The newest continuity authenticator."""
        return self.ratchet.root.ca

    def reply_proof(self, ca: bytes) -> bytes:
        """What the responder's first reply carries to prove that he holds an older session's ``ca``."""
        return K(ca, "reply", self.th)

    def encrypt(self, plaintext: bytes, now: int, randomness: Randomness) -> tuple[Self, bytes]:
        """The next state, and the envelope that carries ``plaintext``.

        Raises:
            TextTooLongError: the envelope would exceed ``MAX_ENVELOPE``.
        """
        if self.preamble:
            floor, head = FIRST_ENVELOPE_FLOOR, INITIAL_HEAD + self.preamble
        else:
            floor, head = ENVELOPE_FLOOR, ORDINARY_HEAD
        around = len(head) + HBOX_SIZE + BOX_OVERHEAD
        size = envelope_size(around + len(plaintext) + 1, floor)
        ratchet, sealed = self.ratchet.encrypt(pad(plaintext, size - around), now, randomness)
        return self._with(ratchet, self.preamble), head + sealed

    def decrypt(self, envelope: bytes, now: int) -> tuple[Self, Opened]:
        """The next state, and what ``envelope`` holds.

        Raises:
            DecryptionError: it is not this session's, was received before, or is altered.
        """
        try:
            preamble, hbox, body = split(envelope)
            if preamble:
                self._require_own(preamble)
            ratchet, received = self.ratchet.decrypt(hbox, body, now)
            plaintext = unpad(received.padded)
        except (CryptoError, MalformedError) as error:
            raise DecryptionError("an envelope that the session does not open") from error
        opened = Opened(
            plaintext,
            received.chain,
            received.number,
            ratchet.root.kem_epoch,
            received.chain == 0 and not self.one_time,
            len(envelope),
        )
        return self._with(ratchet, b""), opened

    def forget(self, now: int) -> Self:
        """The session without the keys of missing messages that nobody may send any more."""
        return self._with(self.ratchet.forget(now), self.preamble)

    def to_bytes(self) -> bytes:
        """All of it, secrets included, for the client's encrypted database."""
        return encode(
            {
                "version": STORED_FORM,
                "peer": self.peer.raw,
                "peer_device": self.peer_device.raw,
                "sid": self.sid,
                "generation": self.generation,
                "initiator": self.initiator,
                "created_at": self.created_at,
                "one_time": self.one_time,
                "th": self.th,
                "preamble": self.preamble,
                "preamble_hash": self.preamble_hash,
                "ratchet": save_ratchet(self.ratchet),
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What ``to_bytes`` was called on.

        Raises:
            MalformedError: another form, or damaged.
        """
        saved = SavedSession.from_map(decode_map(raw))
        if saved.version != STORED_FORM:
            raise MalformedError("a session stored by another version")
        try:
            peer = Identity.parse(saved.peer)
            device = Device.parse(saved.peer_device, peer)
        except CryptoError as error:
            raise MalformedError("a stored session that is damaged") from error
        return cls(
            peer,
            device,
            saved.generation,
            saved.initiator,
            saved.created_at,
            saved.one_time,
            saved.th,
            saved.preamble,
            saved.preamble_hash,
            load_ratchet(saved.ratchet, saved.sid, saved.th),
        )

    def _require_own(self, preamble: bytes) -> None:
        if _preamble_hash(preamble) != self.preamble_hash:
            raise DecryptionError("the first message of another session")

    def _with(self, ratchet: Ratchet, preamble: bytes) -> Self:
        return type(self)(
            self.peer,
            self.peer_device,
            self.generation,
            self.initiator,
            self.created_at,
            self.one_time,
            self.th,
            preamble,
            self.preamble_hash,
            ratchet,
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A session that somebody opened towards us, and its first message. Nothing of it is stored yet.

    Whoever keeps it deletes the one-time prekey's secret and remembers ``init``, in the same transaction.
    """

    session: Session
    opened: Opened
    route: ReplyRoute
    preamble: Preamble = field(repr=False)
    proofs: Continuity = field(repr=False)

    @property
    def init(self) -> bytes:
        """H("init", E, ct), as ``init_hash`` gives it for each envelope with this preamble."""
        return self.preamble.init

    @property
    def prekey_id(self) -> int:
        """Which signed prekey of ours was used."""
        return self.preamble.signed_id

    @property
    def one_time_id(self) -> int | None:
        """Which one-time prekey of ours was used, if one was."""
        return self.preamble.one_time_id

    @property
    def continuity(self) -> bytes:
        """The two proofs as sent, 64 bytes."""
        return self.proofs.proofs

    def proves(self, ca: bytes) -> bool:
        """Whether the peer knows ``ca``, an authenticator of an older session with us."""
        return self.proofs.holds(ca)


def _preamble_hash(preamble: bytes) -> bytes:
    return H("preamble", preamble)
