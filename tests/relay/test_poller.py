"""Both ways to wait for sockets say the same."""

import select
import socket
from collections.abc import Callable

import pytest

from e2echat.relay.poller import READ, WRITE, PlainPoller, Poller, make_poller


@pytest.mark.parametrize("make", [PlainPoller, make_poller])
def test_a_poller_says_what_is_ready(make: Callable[[], Poller]) -> None:
    poller = make()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        poller.register(ours.fileno(), READ)
        assert poller.poll(0.0) == []
        assert poller.poll(0.001) == []
        poller.modify(ours.fileno(), READ | WRITE)
        assert poller.poll(0.0) == [(ours.fileno(), WRITE)]
        theirs.send(b"x")
        assert poller.poll(10.0) == [(ours.fileno(), READ | WRITE)]
        poller.unregister(ours.fileno())
        assert poller.poll(0.0) == []
        poller.register(ours.fileno(), READ)
        theirs.close()
        ((descriptor, mask),) = poller.poll(10.0)
        assert (descriptor, mask & READ, mask & select.POLLHUP) == (ours.fileno(), READ, select.POLLHUP)
    poller.close()
