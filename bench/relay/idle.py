"""What connections cost that do nothing, and what many of them do to two people who talk."""

import contextlib
import resource
from collections.abc import Sequence
from dataclasses import replace

from bench.relay.generator import LoadGenerator
from bench.relay.loads import CHAT
from bench.relay.measuring import Pace, measure
from bench.relay.ours import Relay, TlsRelay
from bench.relay.peers import Peer
from bench.relay.results import Line, Number
from bench.relay.systems import System
from e2echat.wire import frames

MEMORY = "memory of an idle connection, {}"
CROWD = "chat among {:,} idle connections"
_AT_ONCE = 500
"""Connections that sign in together, well within the time for which a hello is good."""
_SPARE = 200
"""File descriptors."""
_PEERS = 1_000
"""Connections to servers that we only compare with."""


def possible(count: int) -> int:
    """So many connections as descriptors allow, at most ``count``; says so if that is fewer."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count + _SPARE:
        print(f"file descriptors allow {most - _SPARE:,} connections, not {count:,}")
        return most - _SPARE
    return count


def _settle_in(system: System, generator: LoadGenerator, count: int) -> Number:
    """Connect recipients 1 to ``count``, all signed in; gives the memory that each takes."""
    system.provide(count + 1)
    before = system.memory
    for first in range(1, count + 1, _AT_ONCE):
        recipients = range(first, min(first + _AT_ONCE, count + 1))
        connections = generator.connect(len(recipients))
        generator.play(
            {
                number: system.receiver(generator, index)
                for number, index in zip(connections, recipients, strict=True)
            }
        )
    taken = (system.memory - before) / count / 1024
    return Number(MEMORY.format(system.name), "KiB", (taken,))


def peers(servers: Sequence[type[Peer]]) -> list[Number]:
    """The same of others, without TLS."""
    numbers = []
    for server in servers:
        with server() as system, LoadGenerator(system.protocol, system.port) as generator:
            numbers.append(_settle_in(system, generator, _PEERS))
    return numbers


def crowd(server: type[Relay], count: int, pace: Pace) -> tuple[Number, list[Line]]:
    """Memory of ``count`` connections, and a chat at their relay beside one at a relay without them."""
    with contextlib.ExitStack() as stack:
        alone, crowded = stack.enter_context(server()), stack.enter_context(server())
        generator = stack.enter_context(LoadGenerator(crowded.protocol, crowded.port, tls=crowded.tls))
        number = _settle_in(crowded, generator, count)
        for each in range(generator.connections):
            generator.tell(each, frames.frame(frames.Tag.PING))
        lines = measure([alone, crowded], CHAT, [256], pace)
    return number, [lines[0], replace(lines[1], load=CROWD.format(count))]


RELAYS: tuple[type[Relay], ...] = (Relay, TlsRelay)
