"""Fixtures of a relay in memory and one with sockets, for the folders whose conftest takes them in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from e2echat.relay.server import Relay
from tests.helpers import relay_sockets as sockets
from tests.helpers import relay_world as in_memory
from tests.helpers.relay_world import World


@pytest.fixture(scope="session")
def relay_world() -> ModuleType:
    return in_memory


@pytest.fixture(scope="session")
def relay_sockets() -> ModuleType:
    return sockets


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World


@pytest.fixture
def kept(tmp_path: Path) -> World:
    """A relay on a disk, which a crash does not take."""
    path = tmp_path / "relay.db"
    path.touch()
    return World(path=path)


@pytest.fixture
def start_relay(tmp_path: Path) -> Iterator[Callable[..., Relay]]:
    """Start a relay in this process; it is stopped after the test if the test does not do it."""
    started: list[Relay] = []

    def start(**options: Any) -> Relay:
        relay = Relay(tmp_path / "relay", **{"limits": in_memory.QUICK} | options)
        relay.start()
        started.append(relay)
        return relay

    yield start
    for relay in started:
        relay.stop()
