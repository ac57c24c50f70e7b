"""What a session costs: a message within a chain, and one whose answer turns the ratchet."""

from bench.measure import Figure
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.prekeys import PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import Randomness, SystemRandomness
from e2echat.crypto.session import Accepted, OwnDevice, ReplyRoute, Session
from e2echat.wire.address import RelayAddress

NOW = 1_750_000_000
TEXT = b"m" * 256
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


class Pair:
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
        self.other, _ = self.other.decrypt(envelope, NOW)

    def turn(self) -> None:
        """A message, and one back: each begins a chain."""
        self.one, self.other = self.other, self.one
        self.send()
        self.one, self.other = self.other, self.one
        self.send()


def figures() -> list[Figure]:
    chain, turns, begun = Pair(), Pair(), Pair()

    def within() -> None:
        for _ in range(300):
            chain.send()

    def ping_pong() -> None:
        for _ in range(50):
            turns.turn()

    def begin() -> None:
        for _ in range(20):
            begun.begin()

    pair = "session: encrypt and decrypt 256 B"
    return [
        Figure(pair, within, 300, "box: seal and open 256 B"),
        Figure("session: a ping-pong, two chains", ping_pong, 50, pair),
        Figure("session: begin and accept", begin, 20, pair),
    ]
