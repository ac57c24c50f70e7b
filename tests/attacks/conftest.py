"""A relay in memory and one with sockets, from ``tests/helpers``: test folders are not packages, so by path."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.relay.server import Relay

if TYPE_CHECKING:
    from tests.helpers.relay_world import World


def _load(name: str) -> ModuleType:
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "helpers" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def relay_world() -> ModuleType:
    return _load("relay_world")


@pytest.fixture(scope="session")
def relay_sockets() -> ModuleType:
    return _load("relay_sockets")


@pytest.fixture
def world(relay_world: ModuleType) -> "World":
    made: World = relay_world.World()
    return made


@pytest.fixture
def make_world(relay_world: ModuleType) -> "Callable[..., World]":
    make: Callable[..., World] = relay_world.World
    return make


@pytest.fixture
def start_relay(tmp_path: Path) -> Iterator[Callable[..., Relay]]:
    """Start a relay in this process; it is stopped after the test if the test does not do it."""
    started: list[Relay] = []

    def start(**options: Any) -> Relay:
        relay = Relay(tmp_path / "relay", **options)
        relay.start()
        started.append(relay)
        return relay

    yield start
    for relay in started:
        relay.stop()
