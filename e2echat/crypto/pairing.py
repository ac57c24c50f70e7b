"""Pairing: what two people who share an invitation or a short code prove to each other. docs/spec/pairing.md.

The short code goes through SPAKE2 (RFC 9382) over the prime-order group of Ed25519: whoever does not know it learns
nothing from one run but whether a single guess was right. Letters are the specification's.
"""

from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.codes import Code
from e2echat.crypto.handshake import ReplyRoute
from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.padding import pad, unpad
from e2echat.crypto.primitives import (
    BOX_OVERHEAD,
    KEY_SIZE,
    K,
    Randomness,
    box,
    group_add,
    group_base,
    group_multiply,
    group_scalar,
    group_subtract,
    hkdf,
    open_box,
)
from e2echat.errors import MalformedError
from e2echat.wire.records import lp, unlp

CARD_SIZE = 832
"""Bytes of a card with its padding: the longest name and address fit."""
OFFER_SIZE = KEY_SIZE
JOIN_SIZE = KEY_SIZE + CARD_SIZE + BOX_OVERHEAD
ANSWER_SIZE = CARD_SIZE + BOX_OVERHEAD
_NO_CARD = pad(b"", CARD_SIZE)
_M = bytes.fromhex("d048032c6ea0b6d697ddc2e86bda85a33adac920f1bf18e1b0c6d166a5cecdaf")
_N = bytes.fromhex("d3bfb518f44f3430f29d0c92af503865a1ed3281dc69b35dd868ba85f886c4ab")
"""RFC 9382, section 6, for edwards25519: nobody knows their logarithms."""


def invitation_proof(secret: bytes, joiner: Identity, device: Device, inviter: Identity) -> bytes:
    """K(s, "invite", …): that ``joiner`` holds the invitation of ``inviter`` with this 16-byte ``secret``."""
    return K(secret, "invite", joiner.raw, device.raw, inviter.raw)


@dataclass(frozen=True, slots=True)
class Card:
    """Who somebody is and where he is reached."""

    identity: Identity
    device: Device
    route: ReplyRoute

    def to_bytes(self) -> bytes:
        """The ``CARD_SIZE`` bytes that go into a box."""
        route = self.route
        fields = (self.identity.raw, self.device.raw, route.address.encode(), route.mailbox, route.capability)
        return pad(lp(*fields), CARD_SIZE)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read and verify.

        Raises:
            MalformedError, CryptoError: it is none.
        """
        identity_raw, device_raw, address, mailbox, capability = unlp(unpad(raw), 5)
        identity = Identity.parse(identity_raw)
        try:
            route = ReplyRoute(address.decode(), mailbox, capability)
        except UnicodeDecodeError as error:
            raise MalformedError("an address that is no text") from error
        return cls(identity, Device.parse(device_raw, identity), route)


@dataclass(frozen=True, slots=True)
class Inviter:
    """The one who made the code: ``offer`` is X, to be sent first. Good for one ``answer``."""

    offer: bytes = field(repr=False)
    _scalar: bytes = field(repr=False)
    _password: bytes = field(repr=False)
    _place: bytes = field(repr=False)

    @classmethod
    def begin(cls, relay_key: bytes, code: Code, randomness: Randomness) -> Self:
        """With a fresh x, for one relay and one code."""
        x, w = group_scalar(randomness.octets(64)), _password(relay_key, code)
        return cls(group_add(group_base(x), group_multiply(w, _M)), x, w, _place(relay_key, code))

    def hear(self, join: bytes) -> "Heard":
        """Whoever sent ``join``.

        Raises:
            MalformedError, CryptoError: it was made with another code, or is no join. The code must not be used again.
        """
        if len(join) != JOIN_SIZE:
            raise MalformedError("no join")
        y, sealed = join[:KEY_SIZE], join[KEY_SIZE:]
        secret = group_multiply(self._scalar, group_subtract(y, group_multiply(self._password, _N)))
        ka, kb = _keys(secret, self._password, self._place, self.offer, y)
        return Heard(Card.parse(open_box(kb, sealed)), _answer_key(ka, join))


@dataclass(frozen=True, slots=True)
class Heard:
    """A joiner who knew the code, and is to be answered once."""

    joiner: Card
    _answer_key: bytes = field(repr=False)

    def answer(self, card: Card, randomness: Randomness) -> bytes:
        """What proves to him who we are."""
        return box(self._answer_key, card.to_bytes(), randomness)

    def refusal(self, randomness: Randomness) -> bytes:
        """What tells him that we do not take him for whom he says; as long as an answer."""
        return box(self._answer_key, _NO_CARD, randomness)


@dataclass(frozen=True, slots=True)
class Joiner:
    """The one who was told the code: ``join`` is Y and the box with who we are, to be sent in answer to X."""

    join: bytes = field(repr=False)
    _answer_key: bytes = field(repr=False)

    @classmethod
    def begin(cls, relay_key: bytes, code: Code, offer: bytes, card: Card, randomness: Randomness) -> Self:
        """With a fresh y.

        Raises:
            MalformedError, CryptoError: ``offer`` is none.
        """
        if len(offer) != OFFER_SIZE:
            raise MalformedError("no offer")
        y, w = group_scalar(randomness.octets(64)), _password(relay_key, code)
        own = group_add(group_base(y), group_multiply(w, _N))
        secret = group_multiply(y, group_subtract(offer, group_multiply(w, _M)))
        ka, kb = _keys(secret, w, _place(relay_key, code), offer, own)
        join = own + box(kb, card.to_bytes(), randomness)
        return cls(join, _answer_key(ka, join))

    def finish(self, answer: bytes) -> Card | None:
        """Whoever made the code; None: he knows that it was right, and refuses us.

        Raises:
            MalformedError, CryptoError: the answer is not to our join, or not by who made the code.
        """
        if len(answer) != ANSWER_SIZE:
            raise MalformedError("no answer")
        said = open_box(self._answer_key, answer)
        return None if said == _NO_CARD else Card.parse(said)


def _place(relay_key: bytes, code: Code) -> bytes:
    return lp(relay_key, code.nameplate.encode())


def _password(relay_key: bytes, code: Code) -> bytes:
    """The scalar w of a code at a relay."""
    password = _place(relay_key, code) + lp("-".join(code.words).encode())
    return group_scalar(hkdf(password, "pair-code", length=64))


def _keys(secret: bytes, w: bytes, place: bytes, x: bytes, y: bytes) -> tuple[bytes, bytes]:
    """KA and kB: over the shared point, the password, where they met, and both messages."""
    keys = hkdf(secret + w, "pair", place, x, y, length=2 * KEY_SIZE)
    return keys[:KEY_SIZE], keys[KEY_SIZE:]


def _answer_key(ka: bytes, join: bytes) -> bytes:
    """What the answer to exactly this join is boxed under."""
    return K(ka, "pair-answer", join)
