"""A link: connecting, framing, trying again, and what ends a connection."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2echat.client import dialing
from e2echat.client.link import Link
from e2echat.client.waiting import Pace, Ready
from e2echat.errors import MalformedError, RelayUnreachableError, StorageError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag, frame
from tests.helpers.link_peer import (
    EAGER,
    HELLO,
    Clock,
    EagerChannel,
    Peer,
    Recorder,
    read_exactly,
    read_to_end,
    settle,
)


def test_up_brings_the_hash_of_the_certificate(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], certificate: tuple[Path, bytes]
) -> None:
    connect()
    assert peer.accept_tls().version() == "TLSv1.3"
    assert recorder.next("up") == certificate[1]


def test_frames_go_both_ways_however_they_are_cut(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(HELLO + frame(300, b"first") + frame(300, b"second")[:5])
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello"), (300, b"first")]
    accepted.sendall(frame(300, b"second")[5:])
    assert recorder.next("frames") == [(300, b"second")]
    made.send(frame(301, b"back"))
    assert read_exactly(accepted, len(frame(301, b"back"))) == frame(301, b"back")


def test_ping_is_answered_and_neither_reaches_the_listener(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(frame(Tag.PONG) + frame(Tag.PING) + HELLO)
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello")]
    assert read_exactly(accepted, 8) == frame(Tag.PONG)


def test_what_is_sent_while_down_is_dropped(peer: Peer, recorder: Recorder) -> None:
    made = Link(peer.address, recorder, pace=EAGER)
    made.send(frame(300, b"too early"))
    made.start()
    accepted = peer.accept_tls()
    recorder.next("up")
    made.send(HELLO)
    assert read_exactly(accepted, len(HELLO)) == HELLO
    made.close()


def test_silence_is_asked_about_and_then_ends_the_connection(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    clock = Clock()
    made = connect(clock=clock, pace=Pace())
    accepted = peer.accept_tls()
    recorder.next("up")
    for _ in range(2):  # an answer starts it all over
        settle(accepted)
        clock.now += 20
        made.send(b"")
        assert read_exactly(accepted, 8) == frame(Tag.PING)
        accepted.sendall(frame(Tag.PONG))
    settle(accepted)
    clock.now += 20
    made.send(b"")
    assert read_exactly(accepted, 8) == frame(Tag.PING)
    clock.now += 10
    made.send(b"")
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_a_machine_that_slept_connects_anew_at_once(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    clock = Clock()
    made = connect(clock=clock, pace=Pace(retry_first=0))
    accepted = peer.accept_tls()
    recorder.next("up")
    wait = made._waiter.wait

    def sleep(interests: Any, deadline: float) -> Ready:
        made._waiter.wait = wait  # type: ignore[method-assign]
        clock.now = deadline + Pace().slept
        return {}

    made._waiter.wait = sleep  # type: ignore[method-assign]
    made.send(b"")
    assert isinstance(recorder.next("down"), RelayUnreachableError)
    assert read_to_end(accepted) == b""  # no ping was waited for
    peer.accept_tls()
    recorder.next("up")


def test_what_came_while_the_machine_slept_is_proof_of_life(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    clock = Clock()
    connect(clock=clock, pace=Pace())
    accepted = peer.accept_tls()
    recorder.next("up")
    settle(accepted)
    clock.now += 10_000
    settle(accepted)
    assert recorder.heard.empty()


def test_a_lost_connection_is_made_anew(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    connect()
    for _ in range(3):
        accepted = peer.accept_tls()
        recorder.next("up")
        accepted.close()
        assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_nothing_is_resumed(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    connect()
    for _ in range(2):
        accepted = peer.accept_tls()  # this server does offer tickets
        recorder.next("up")
        assert not accepted.session_reused
        accepted.close()
        recorder.next("down")


def test_a_refused_connection_is_reported_and_tried_again(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = RelayAddress(bytes(32), "127.0.0.1", closed.getsockname()[1])
    connect(address=address)
    for _ in range(2):
        assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_waits_double_up_to_a_limit_and_a_good_connection_starts_them_over(
    peer: Peer, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = [0, 0, 0, 0, 0, 0, 0, 0, 9.9, 10, 0]
    waits: list[float] = []
    made = Link(peer.address, recorder)

    def attempt() -> float:
        made._closed = len(lives) == 1
        return lives.pop(0)

    monkeypatch.setattr(made, "_attempt", attempt)
    monkeypatch.setattr(made, "_pause", waits.append)
    monkeypatch.setattr(made._random, "uniform", lambda least, most: (least, most) == (0.5, 1))
    made._run()
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 0.25, 0.5]


def test_who_is_in_a_hurry_waits_as_after_a_first_failure(
    peer: Peer, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, waits = 100.0, []
    made = Link(peer.address, recorder, clock=lambda: now, pace=Pace(retry_first=1, look=2))

    def wait(_interests: Any, deadline: float) -> Ready:
        nonlocal now
        waits.append(deadline - now)
        now = deadline
        return {}

    monkeypatch.setattr(made._waiter, "wait", wait)
    monkeypatch.setattr(made._dialer, "source", lambda: "here")
    assert not made._pause(5)
    assert waits == [2, 2, 1]
    # Each time anew, but never more often.
    for _ in range(2):
        waits.clear()
        made.hurry()
        made.hurry()
        assert not made._pause(30)
        assert waits == [1]
    # A link that is up needs no hurry, nor does it keep it for later.
    made._unsent = bytearray()
    made.hurry()
    made._unsent = None
    waits.clear()
    assert not made._pause(5)
    assert waits == [2, 2, 1]
    made.close()


def test_every_address_of_the_host_is_tried(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()
    found = [(socket.AF_INET, dead), (socket.AF_INET, peer.listening.getsockname())]
    monkeypatch.setattr(dialing, "resolve", lambda *_: found)
    connect()
    peer.accept_tls()
    recorder.next("up")


def test_ipv6(
    certificate: tuple[Path, bytes], peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    peer.listening.close()
    peer.listening = listening
    connect(address=RelayAddress(bytes(32), "::1", listening.getsockname()[1]))
    peer.accept_tls()
    assert recorder.next("up") == certificate[1]


def test_a_host_that_cannot_exist(recorder: Recorder, connect: Callable[..., Link]) -> None:
    connect(address=RelayAddress(bytes(32), "a..b", 1))
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_a_relay_that_never_answers_tls_is_given_up(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect(pace=Pace(connect=0.01, retry_first=0.001))
    peer.accept()
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_tls_1_2_is_refused(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    peer.context.maximum_version = ssl.TLSVersion.TLSv1_2
    connect()
    with contextlib.suppress(OSError):
        peer.accept_tls()
    assert isinstance(recorder.next("down"), RelayUnreachableError)


def test_a_broken_frame_ends_the_connection(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(b"\xff\xff\xff\xff")
    assert isinstance(recorder.next("down"), MalformedError)
    peer.accept_tls()
    recorder.next("up")


def test_what_a_listener_raises_ends_the_connection_and_comes_back(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    error = StorageError("the disk is full")

    def refuse(_: Link) -> None:
        raise error

    recorder.on_frames = refuse
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    accepted.sendall(HELLO)
    recorder.next("frames")
    assert recorder.next("down") is error
    assert read_to_end(accepted) == b""


def test_bytes_that_come_with_the_end_of_the_handshake_are_not_lost(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "TlsChannel", EagerChannel)
    connect()
    peer.accept().sendall(HELLO)
    recorder.next("up")
    assert recorder.next("frames") == [(Tag.CONTROL, b"hello")]


def test_the_largest_frames_arrive_in_order(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    bodies = [bytes([number]) * 65_532 for number in range(20)]
    accepted.sendall(b"".join(frame(300, body) for body in bodies))
    received: list[bytes] = []
    while len(received) < len(bodies):
        received += [body for _, body in recorder.next("frames")]
    assert received == bodies
