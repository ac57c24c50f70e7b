"""What every test may use: two people's keys and records, and how Hypothesis runs."""

import os

import pytest
from hypothesis import settings

from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.primitives import SystemRandomness

# A test does not fail because the machine is busy, and a CI run does not depend on luck.
settings.register_profile("e2echat", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("e2echat")

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
