"""A relay in memory, and one with sockets."""

from tests.helpers.relay_fixtures import make_world, relay_sockets, relay_world, start_relay, world

__all__ = ["make_world", "relay_sockets", "relay_world", "start_relay", "world"]
