"""What a session costs: a message within a chain, and one whose answer turns the ratchet."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from bench.measure import Figure
from bench.micro import BOX
from e2echat.crypto import ratchet
from e2echat.crypto.chains import HEADER_SIZE, next_keys
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.prekeys import PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import (
    KEM_SEED_SIZE,
    H,
    Randomness,
    SystemRandomness,
    X,
    box,
    hkdf,
    kem_decapsulate,
    kem_public,
    keyed,
    open_box,
    require_kem_key,
    x25519_public,
)
from e2echat.crypto.ratchet import binding_of
from e2echat.crypto.session import Accepted, OwnDevice, ReplyRoute, Session
from e2echat.wire.address import RelayAddress

NOW = 1_750_000_000
TEXT = b"m" * 256
BINDING, PADDED = binding_of(bytes(32), bytes(32)), 737
ROUTE = ReplyRoute(str(RelayAddress(bytes(32), "relay.example", 7443)), bytes(16), bytes(32))


class Person:
    """An account with one signed prekey and one one-time prekey."""

    def __init__(self, name: str, randomness: Randomness) -> None:
        account, key = SigningKey.generate(randomness), ExchangeKey.generate(randomness)
        identity = Identity.create(account, name)
        device = Device.create(account, identity, NOW, key.public)
        self.own = OwnDevice(identity, device, key)
        self._signed, self._one_time = (
            PrekeySecret.generate(account, identity, device, kind, 1, NOW, randomness) for kind in PrekeyKind
        )
        self.bundle = PrekeyBundle(identity, device, self._signed.prekey, self._one_time.prekey)

    def signed(self, _: int) -> PrekeySecret:
        return self._signed

    def one_time(self, _: int) -> PrekeySecret:
        return self._one_time


PAIR = "session: encrypt and decrypt 256 B"
PING_PONG = "session: a ping-pong, two chains"
WITHOUT = "session: a ping-pong without KEM steps"
FLOOR_PAIR = "its primitives alone"
FLOOR_PING_PONG = "the primitives alone of a ping-pong without KEM steps"
PAIRS, PING_PONGS = 400, 150
"""What is done in one round; 150 ping-pongs are six KEM steps."""


class Turns(ABC):
    """A conversation of ``one``, whose turn it is, and ``other``."""

    one: Any
    other: Any

    @abstractmethod
    def send(self) -> None:
        """A message of ``one`` that ``other`` reads."""

    def turn(self) -> None:
        """A message, and one back: each begins a chain."""
        self.one, self.other = self.other, self.one
        self.send()
        self.one, self.other = self.other, self.one
        self.send()


class Pair(Turns):
    """Two people in a session that has been answered."""

    def __init__(self) -> None:
        self.randomness = SystemRandomness()
        self.alice, self.bob = (Person(name, self.randomness) for name in ("alice", "bob"))
        began, accepted = self.begin()
        self.one, self.other = began, accepted.session
        self.turn()

    def begin(self) -> tuple[Session, Accepted]:
        session = Session.initiate(
            self.alice.own,
            self.bob.bundle,
            ROUTE,
            generation=NOW,
            authenticators=(),
            now=NOW,
            randomness=self.randomness,
        )
        session, envelope = session.encrypt(TEXT, NOW, self.randomness)
        return session, Session.accept(self.bob.own, self.bob, envelope, now=NOW)

    def send(self) -> None:
        self.one, envelope = self.one.encrypt(TEXT, NOW, self.randomness)
        self.other, opened = self.other.decrypt(envelope, NOW)
        assert opened.plaintext == TEXT


def kem_step(randomness: Randomness) -> None:
    """What a KEM step adds to two chains: make a key, check it, answer it, take the answer."""
    seed = randomness.octets(KEM_SEED_SIZE)
    ek = kem_public(seed)
    require_kem_key(ek)
    _, ciphertext = randomness.encapsulate(ek)
    kem_decapsulate(seed, ciphertext)


class Primitives(Turns):
    """The same hashes, boxes and curve points with nothing around them: what no Python can go below."""

    def __init__(self) -> None:
        self.randomness = SystemRandomness()
        self.key, self.header, self.padded = bytes(32), bytes(HEADER_SIZE), bytes(PADDED)
        self.public = x25519_public(self.randomness.octets(32))

    def send(self) -> None:
        hbox = box(self.key, self.header, self.randomness)
        next_keys(self.key)
        body = box(keyed(self.key, BINDING + hbox), self.padded, self.randomness)
        open_box(self.key, hbox)
        next_keys(self.key)
        open_box(keyed(self.key, BINDING + hbox), body)

    def turn(self) -> None:
        for _ in range(2):
            secret = self.randomness.octets(32)
            public = x25519_public(secret)
            for _ in range(2):
                shared = X(secret, self.public)
                digest = H("kem", public, b"", b"")
                hkdf(shared, "rk", self.key, bytes(4), digest, length=96, salt=self.key)
            self.send()


def _without_steps(work: Callable[[], None]) -> Callable[[], None]:
    def without() -> None:
        kept = ratchet.STEP_MESSAGES
        ratchet.STEP_MESSAGES = 1 << 62
        try:
            work()
        finally:
            ratchet.STEP_MESSAGES = kept

    return without


def pairs(turns: Turns) -> Callable[[], None]:
    def work() -> None:
        for _ in range(PAIRS):
            turns.send()

    return work


def ping_pongs(turns: Turns) -> Callable[[], None]:
    def work() -> None:
        for _ in range(PING_PONGS):
            turns.turn()

    return work


def figures() -> list[Figure]:
    begun = Pair()

    def begin() -> None:
        for _ in range(20):
            begun.begin()

    def steps() -> None:
        for _ in range(20):
            kem_step(begun.randomness)

    return [
        Figure(PAIR, pairs(Pair()), PAIRS, (FLOOR_PAIR, BOX)),
        Figure(FLOOR_PAIR, pairs(Primitives()), PAIRS),
        Figure(PING_PONG, ping_pongs(Pair()), PING_PONGS, (WITHOUT, PAIR)),
        Figure(WITHOUT, _without_steps(ping_pongs(Pair())), PING_PONGS, (FLOOR_PING_PONG,)),
        Figure(FLOOR_PING_PONG, ping_pongs(Primitives()), PING_PONGS),
        Figure("the KEM step alone, one in 50 messages", steps, 20, (PING_PONG,)),
        Figure("session: begin and accept", begin, 20, (PAIR,)),
    ]
