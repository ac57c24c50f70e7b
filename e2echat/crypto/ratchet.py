"""The Double Ratchet with header encryption and a sparse ML-KEM step. docs/spec/ratchet.md.

Double Ratchet, section 4; the KEM step after SimpleX's pqdr, its cadence after Apple's PQ3. A
``Ratchet`` is a value: each step gives the next one, and a step that fails has changed nothing.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from e2echat.crypto.chains import (
    HBOX_SIZE,
    Announcement,
    ReceivingChain,
    RetiredChain,
    SendingChain,
    bound_retired,
    header_number,
    require_missing,
)
from e2echat.crypto.handshake import Agreement
from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.primitives import (
    KEM_SEED_SIZE,
    KEY_SIZE,
    H,
    Randomness,
    X,
    box,
    hkdf,
    kem_decapsulate,
    kem_public,
    keyed,
    open_box,
)
from e2echat.errors import CryptoError, DecryptionError
from e2echat.wire.records import pack, u32

STEP_MESSAGES = 50
"""Messages, both ways together, after which a KEM step is due."""
STEP_SECONDS = 7 * 86_400
"""Time since the last KEM step after which the next is due."""
IDLE_SECONDS = 86_400
"""Silence after which a KEM step is due: a conversation that is taken up again heals first."""


class Answered(NamedTuple):
    """The ek that a chain answers, and the secret in its ct."""

    ek: bytes
    secret: bytes


class Received(NamedTuple):
    """A message's padded plaintext, its chain and its number in it."""

    padded: bytes
    chain: int
    number: int


@dataclass(frozen=True, slots=True)
class Root:
    """What a new chain changes.

    ``key`` is RK, ``chain`` the newest chain's number, -1 before the first. ``secret`` is our ratchet key while the
    next chain is the peer's to begin, else None: once the peer has answered it, it is of use to thieves only.
    ``peer_key`` is the peer's newest, empty where none is known yet. The header keys are those of each side's
    next chain; ``stepped_at`` is when the last KEM step was.
    """

    key: bytes = field(repr=False)
    ca: bytes = field(repr=False)
    chain: int
    secret: ExchangeKey | None
    peer_key: bytes
    sending_header_key: bytes = field(repr=False)
    receiving_header_key: bytes = field(repr=False)
    kem_epoch: int
    stepped_at: int

    def derive(self, sid: bytes, said: Announcement, dh: bytes, answered: Answered | None) -> bytes:
        """RK, CK and NHK of a new chain, and CA behind them if it completes a KEM step."""
        if answered is None:
            fields = (sid, u32(said.chain), H("kem", said.dh, b"", b""))
            return hkdf(dh, "rk", *fields, length=3 * KEY_SIZE, salt=self.key)
        fields = (sid, u32(said.chain), H("kem", said.dh, answered.ek, said.answer))
        ikm = dh + answered.secret
        return hkdf(ikm, "rk", *fields, H("ca", self.ca), length=4 * KEY_SIZE, salt=self.key)

    def sent(self, keys: bytes, secret: ExchangeKey, now: int) -> "Root":
        """The root once we have begun the next chain under ``secret``, whose ``keys`` were derived."""
        ca = keys[96:]
        return Root(
            keys[:32],
            ca or self.ca,
            self.chain + 1,
            secret,
            self.peer_key,
            keys[64:96],
            self.receiving_header_key,
            self.kem_epoch + bool(ca),
            now if ca else self.stepped_at,
        )

    def received(self, keys: bytes, peer_key: bytes, now: int) -> "Root":
        """The root once the peer has begun the next chain under ``peer_key``, whose ``keys`` were derived."""
        ca = keys[96:]
        return Root(
            keys[:32],
            ca or self.ca,
            self.chain + 1,
            None,
            peer_key,
            self.sending_header_key,
            keys[64:96],
            self.kem_epoch + bool(ca),
            now if ca else self.stepped_at,
        )


@dataclass(frozen=True, slots=True)
class Ratchet:
    """One side of a session's ratchet.

    ``sending`` is our newest chain, None while it is our turn to begin one, ``sent`` the length of our last one.
    ``binding`` is the constant part of what each body key is over. ``messages`` counts those since the last KEM
    step, ``active_at`` is when the last one was.
    """

    sid: bytes
    binding: bytes = field(repr=False)
    root: Root
    sending: SendingChain | None
    receiving: ReceivingChain | None
    retired: tuple[RetiredChain, ...]
    sent: int
    messages: int
    active_at: int

    @classmethod
    def initiate(cls, agreed: Agreement, peer_key: bytes, now: int) -> Self:
        """Alice's, after the handshake; ``peer_key`` is Bob's signed prekey."""
        keys = (agreed.first_header_key, agreed.reply_header_key)
        return cls._start(agreed, Root(agreed.root_key, agreed.ca, -1, None, peer_key, *keys, 0, now))

    @classmethod
    def respond(cls, agreed: Agreement, secret: ExchangeKey, now: int) -> Self:
        """Bob's, before he opens the first message; ``secret`` is his signed prekey's."""
        keys = (agreed.reply_header_key, agreed.first_header_key)
        return cls._start(agreed, Root(agreed.root_key, agreed.ca, -1, secret, b"", *keys, 0, now))

    @classmethod
    def _start(cls, agreed: Agreement, root: Root) -> Self:
        binding = binding_of(agreed.sid, agreed.th)
        return cls(agreed.sid, binding, root, None, None, (), 0, 0, root.stepped_at)

    def encrypt(self, padded: bytes, now: int, randomness: Randomness) -> "tuple[Ratchet, bytes]":
        """The next state, and header box and body of ``padded``."""
        root, chain = (self.root, self.sending) if self.sending else self._begin_chain(now, randomness)
        hbox = box(chain.header_key, chain.header(), randomness)
        chain, message_key = chain.take()
        body = box(keyed(message_key, self.binding + hbox), padded, randomness)
        return self._after(root, chain, self.receiving, self.retired, self.sent, now), hbox + body

    def decrypt(self, hbox: bytes, body: bytes, now: int) -> "tuple[Ratchet, Received]":
        """The next state, and what the message holds.

        Raises:
            CryptoError: not for this session, received before, out of bounds or altered.
        """
        ratchet, message_key, chain, number = self._find(hbox, now)
        padded = open_box(keyed(message_key, self.binding + hbox), body)
        return ratchet, Received(padded, chain, number)

    def forget(self, now: int) -> "Ratchet":
        """The state without the skipped keys that have outlived their time."""
        return replace(self, retired=bound_retired(self.retired, self.receiving, now))

    def _find(self, hbox: bytes, now: int) -> "tuple[Ratchet, bytes, int, int]":
        """The state after the message whose header is in ``hbox``, its key, its chain and its number."""
        current = self.receiving
        if self.root.secret and (header := _open_header(self.root.receiving_header_key, hbox)):
            return self._follow(header, self.root.secret, now)
        if current is not None and (header := _open_header(current.header_key, hbox)):
            number = current.number(header)
            current, message_key = current.take(number)
            retired = bound_retired(self.retired, current, now) if self.retired else ()
            return self._received(current, retired, now), message_key, current.chain, number
        retired = bound_retired(self.retired, current, now)
        for index, chain in enumerate(retired):
            if header := _open_header(chain.header_key, hbox):
                number = header_number(header)
                rest, message_key = chain.take(number)
                retired = bound_retired((*retired[:index], rest, *retired[index + 1 :]), current, now)
                return self._received(current, retired, now), message_key, chain.chain, number
        raise DecryptionError("a header that no key of the session opens")

    def _follow(self, header: bytes, secret: ExchangeKey, now: int) -> "tuple[Ratchet, bytes, int, int]":
        """``_find`` for the first message of the peer's next chain, which answers our ratchet key ``secret``."""
        head, number, tail = header[:40], header_number(header), header[44:]
        said = Announcement.parse(head, tail)
        self._require_next(said, number)
        answered, sent = None, self.sent
        if self.sending:
            sent = self.sending.next
            if self.sending.kem_seed:
                shared = kem_decapsulate(self.sending.kem_seed, said.answer)
                answered = Answered(self.sending.offer, shared)
        dh = X(secret.secret, said.dh)
        keys = self.root.derive(self.sid, said, dh, answered)
        current = ReceivingChain(self.root.receiving_header_key, keys[32:64], 0, head, tail, {})
        current, message_key = current.take(number)
        retired = self.retired
        if self.receiving and (ended := self.receiving.retire(said.previous, now)).skipped:
            retired = (*retired, ended)
        root = self.root.received(keys, said.dh, now)
        if retired:
            retired = bound_retired(retired, current, now)
        return self._after(root, None, current, retired, sent, now), message_key, said.chain, number

    def _require_next(self, said: Announcement, number: int) -> None:
        """Check what the first header of a new chain says, before any key is derived for it.

        Raises:
            DecryptionError: another chain than the one that follows ours, counts out of bounds, a ct that
                answers nothing, or none where one is owed.
        """
        if said.chain != self.root.chain + 1:
            raise DecryptionError("a chain out of turn")
        require_missing(0, number, 0)
        if self.receiving:
            require_missing(self.receiving.next, said.previous, len(self.receiving.skipped))
        elif said.previous:
            raise DecryptionError("a first chain that follows another")
        if bool(said.answer) != bool(self.sending and self.sending.kem_seed):
            raise DecryptionError("a KEM step out of turn")

    def _begin_chain(self, now: int, randomness: Randomness) -> tuple[Root, SendingChain]:
        """Our next chain and its root. It answers the peer's ek or, when a step is due, offers one."""
        number, secret = self.root.chain + 1, ExchangeKey.generate(randomness)
        offer = answer = seed = b""
        answered = None
        if self.receiving and self.receiving.offer:
            shared, answer = randomness.encapsulate(self.receiving.offer)
            answered = Answered(self.receiving.offer, shared)
        elif self._is_step_due(number, now):
            seed = randomness.octets(KEM_SEED_SIZE)
            offer = kem_public(seed)
        said = Announcement(secret.public, number, self.sent, offer, answer)
        dh = X(secret.secret, self.root.peer_key)
        keys = self.root.derive(self.sid, said, dh, answered)
        chain = SendingChain(self.root.sending_header_key, keys[32:64], 0, said.head, said.tail, seed)
        return self.root.sent(keys, secret, now), chain

    def _is_step_due(self, chain: int, now: int) -> bool:
        return (
            chain == 1  # the reply: heals a session that began with a prekey of last resort
            or self.messages >= STEP_MESSAGES
            or now - self.root.stepped_at >= STEP_SECONDS
            or now - self.active_at >= IDLE_SECONDS
        )

    def _received(
        self, receiving: ReceivingChain | None, retired: tuple[RetiredChain, ...], now: int
    ) -> "Ratchet":
        """The state after a message of a chain that was known."""
        return self._after(self.root, self.sending, receiving, retired, self.sent, now)

    def _after(
        self,
        root: Root,
        sending: SendingChain | None,
        receiving: ReceivingChain | None,
        retired: tuple[RetiredChain, ...],
        sent: int,
        now: int,
    ) -> "Ratchet":
        """The state one message later. Written out: ``replace`` costs as much as a box."""
        messages = self.messages + 1
        if root.kem_epoch != self.root.kem_epoch:
            messages = 1
        elif now - self.active_at >= IDLE_SECONDS:
            messages = max(messages, STEP_MESSAGES)
        return Ratchet(self.sid, self.binding, root, sending, receiving, retired, sent, messages, now)


def binding_of(sid: bytes, th: bytes) -> bytes:
    """What K(mk, "body", sid, th, hbox) is over, up to hbox."""
    return pack("body", sid, th) + u32(HBOX_SIZE)


def _open_header(key: bytes, hbox: bytes) -> bytes | None:
    try:
        return open_box(key, hbox)
    except CryptoError:
        return None
