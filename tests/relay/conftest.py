"""A relay in memory, and one with sockets."""

from tests.helpers.relay_fixtures import kept, make_world, relay_sockets, relay_world, start_relay, world

__all__ = ["kept", "make_world", "relay_sockets", "relay_world", "start_relay", "world"]
