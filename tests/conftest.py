"""What every test may use: two people's keys and records, and how Hypothesis runs."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings

from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.prekeys import PrekeyBundle, PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import Accepted, Opened, OwnDevice, ReplyRoute, Session
from tests.world import World, Worlds

# A test does not fail because the machine is busy, and a CI run does not depend on luck.
settings.register_profile("e2echat", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("e2echat")

# A shell that runs the tests in the background has them ignore Ctrl+C, and the processes that they start inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

EPOCH = 1_700_000_000


@pytest.fixture(scope="session")
def randomness() -> SystemRandomness:
    return SystemRandomness()


@pytest.fixture(scope="session")
def account(randomness: SystemRandomness) -> SigningKey:
    return SigningKey.generate(randomness)


@pytest.fixture(scope="session")
def identity(account: SigningKey) -> Identity:
    return Identity.create(account, "alice")


@pytest.fixture(scope="session")
def device_key(randomness: SystemRandomness) -> ExchangeKey:
    return ExchangeKey.generate(randomness)


@pytest.fixture(scope="session")
def device(account: SigningKey, identity: Identity, device_key: ExchangeKey) -> Device:
    return Device.create(account, identity, EPOCH, device_key.public)


@pytest.fixture(scope="session")
def other_account(randomness: SystemRandomness) -> SigningKey:
    return SigningKey.generate(randomness)


@pytest.fixture(scope="session")
def other_identity(other_account: SigningKey) -> Identity:
    return Identity.create(other_account, "bob")


@pytest.fixture(scope="session")
def other_device(other_account: SigningKey, other_identity: Identity, randomness: SystemRandomness) -> Device:
    return Device.create(other_account, other_identity, EPOCH, ExchangeKey.generate(randomness).public)


@dataclass(frozen=True)
class Person:
    """Somebody whose prekeys' secrets live: the signed one has the id 1, the one-time one 2."""

    account: SigningKey
    own: OwnDevice
    signed_prekey: PrekeySecret
    one_time_prekey: PrekeySecret

    @property
    def route(self) -> ReplyRoute:
        return ReplyRoute(f"relay://{'a' * 52}@localhost:7443", bytes(16), bytes(range(32)))

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        return self.signed_prekey if prekey_id == 1 else None

    def one_time(self, prekey_id: int) -> PrekeySecret | None:
        return self.one_time_prekey if prekey_id == 2 else None

    def bundle(self, *, one_time: bool = True) -> PrekeyBundle:
        prekey = self.one_time_prekey.prekey if one_time else None
        return PrekeyBundle(self.own.identity, self.own.device, self.signed_prekey.prekey, prekey)

    def initiate(self, peer: "Person", *, one_time: bool = True, now: int = EPOCH) -> Session:
        return Session.initiate(
            self.own,
            peer.bundle(one_time=one_time),
            self.route,
            generation=1,
            authenticators=(),
            now=now,
            randomness=SystemRandomness(),
        )

    def accept(self, envelope: bytes, *, now: int = EPOCH) -> Accepted:
        return Session.accept(self.own, self, envelope, now=now)


def make_person(name: str) -> Person:
    randomness = SystemRandomness()
    account, key = SigningKey.generate(randomness), ExchangeKey.generate(randomness)
    identity = Identity.create(account, name)
    device = Device.create(account, identity, EPOCH, key.public)
    prekeys = (
        PrekeySecret.generate(account, identity, device, kind, kind, EPOCH, randomness)
        for kind in (PrekeyKind.SIGNED, PrekeyKind.ONE_TIME)
    )
    return Person(account, OwnDevice(identity, device, key), *prekeys)


@pytest.fixture(scope="session")
def alice() -> Person:
    return make_person("alice")


@pytest.fixture(scope="session")
def bob() -> Person:
    return make_person("bob")


@pytest.fixture(scope="session")
def mallory() -> Person:
    return make_person("mallory")


@dataclass
class Talk:
    """Both sides of a session that Alice opened with her first message. ``now`` is both clocks."""

    sides: dict[str, Session]
    first: bytes
    now: int = EPOCH
    randomness: SystemRandomness = field(default_factory=SystemRandomness)

    def send(self, who: str, text: bytes = b"text") -> bytes:
        self.sides[who], envelope = self.sides[who].encrypt(text, self.now, self.randomness)
        return envelope

    def receive(self, who: str, envelope: bytes) -> Opened:
        self.sides[who], opened = self.sides[who].decrypt(envelope, self.now)
        return opened

    def pass_on(self, who: str, text: bytes = b"text") -> Opened:
        """``who`` says ``text`` and the other hears it."""
        return self.receive("bob" if who == "alice" else "alice", self.send(who, text))


@pytest.fixture
def open_talk(alice: Person, bob: Person) -> Callable[..., Talk]:
    def open_talk(*, one_time: bool = True) -> Talk:
        talk = Talk({"alice": alice.initiate(bob, one_time=one_time)}, b"")
        talk.first = talk.send("alice", b"first")
        talk.sides["bob"] = bob.accept(talk.first).session
        return talk

    return open_talk


@pytest.fixture
def talk(open_talk: Callable[..., Talk]) -> Talk:
    return open_talk()


@pytest.fixture(name="world")
def one_world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()


@pytest.fixture(name="other_world")
def another_world() -> Iterator[World]:
    worlds = Worlds()
    yield worlds.make()
    worlds.close()
