"""Connections for one question: how a relay is, that it has its key, how soon it answers, what time it has."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from e2echat.client import waiting
from e2echat.client.connection import Connection
from e2echat.client.dialing import Dialer
from e2echat.client.runtime import unix_milliseconds
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.client.socks import Proxy
from e2echat.client.status import RelayAnswer
from e2echat.client.waiting import READ, UNHURRIED, WRITE, Pace, Ready, Waiter
from e2echat.errors import RelayUnreachableError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FrameDecoder, Tag, frame


def probe(
    address: RelayAddress,
    proxy: Proxy | None,
    timeout: float,
    *,
    pace: Pace = UNHURRIED,
    clock: Callable[[], float] = waiting.clock,
    wall_clock: Callable[[], int] = unix_milliseconds,
) -> RelayAnswer:
    """Connect, have the relay prove its key, and ping it once. Names nobody.

    Args:
        address: the relay's.
        proxy: what to go through.
        timeout: seconds for all of it, but for what the system's resolver takes beyond them.
        pace: as for a link.
        clock: seconds that do not jump.
        wall_clock: this machine's, in unix milliseconds.

    Raises:
        WrongRelayError: another relay answers.
        RelayUnreachableError: none does, or not in time.
        MalformedError: what answers is none.
    """
    with connected(address, proxy, timeout, pace=pace, clock=clock) as (connection, frames):
        dialogue = SendingDialogue(address, connection.certificate_hash)
        while not dialogue.ready:
            dialogue.frame(*next(frames))
        greeted = wall_clock()
        asked = clock()
        connection.send(frame(Tag.PING))
        while next(frames)[0] != Tag.PONG:
            pass
        round_trip = clock() - asked
    # What it said was half a round trip old.
    ahead = (dialogue.relay_time - greeted) / 1000 + round_trip / 2
    return RelayAnswer(str(address), round_trip, ahead)


@contextmanager
def connected(
    address: RelayAddress,
    proxy: Proxy | None,
    timeout: float,
    *,
    pace: Pace = UNHURRIED,
    clock: Callable[[], float] = waiting.clock,
) -> Iterator[tuple[Connection, Iterator[tuple[int, bytes]]]]:
    """A connection of its own for the block, and the frames that come over it; ``timeout`` is for all of it.

    Raises:
        RelayUnreachableError, MalformedError: as ``probe``; from the frames, too.
    """
    end = clock() + timeout
    with closing(Waiter(clock)) as waiter:

        def wait(interests: Mapping[socket.socket, int], deadline: float) -> Ready:
            if clock() >= end:
                raise RelayUnreachableError("the relay did not answer in time", "silent")
            return waiter.wait(interests, min(deadline, end))

        with closing(Dialer(address, proxy, pace=pace, wait=wait, clock=clock).dial()) as connection:
            yield connection, _frames(connection, lambda interests: wait(interests, end))


def _frames(
    connection: Connection, wait: Callable[[Mapping[socket.socket, int]], Ready]
) -> Iterator[tuple[int, bytes]]:
    decoder, data = FrameDecoder(), connection.early
    while True:
        yield from decoder.feed(data)
        data = b""
        ready = wait({connection.socket: READ | (WRITE if connection.wants_write else 0)})
        if ready.get(connection.socket, 0) & WRITE:
            connection.flush()
        if ready.get(connection.socket, 0) & READ:
            data = connection.receive()
