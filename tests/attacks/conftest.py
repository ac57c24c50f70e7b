"""A relay in memory, one with sockets, and a proxy in front of one."""

from tests.e2e.conftest import proxy_to
from tests.helpers.relay_fixtures import make_world, relay_sockets, relay_world, start_relay, world

__all__ = ["make_world", "proxy_to", "relay_sockets", "relay_world", "start_relay", "world"]
