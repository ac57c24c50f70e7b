"""How a link is ended: dropped, closed, flushed; and what it does with what does not leave."""

import socket
import threading
from collections.abc import Callable

import pytest

from e2echat.client import channels, connection, dialing, link
from e2echat.client.link import Link
from e2echat.client.waiting import Pace
from e2echat.errors import RelayUnreachableError
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import frame
from tests.helpers.link_peer import HELLO, PATIENCE, EagerChannel, Peer, Recorder, read_to_end


def test_drop_with_retry_makes_another_connection_and_no_report(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link]
) -> None:
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    made.drop(retry=True)
    assert read_to_end(accepted) == b""
    peer.accept_tls()
    recorder.next("up")


@pytest.mark.parametrize("inside", [True, False])
def test_drop_without_retry_stays_down(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], inside: bool
) -> None:
    if inside:
        recorder.on_frames = lambda link: link.drop(retry=False)
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    if inside:
        accepted.sendall(HELLO)
        recorder.next("frames")
    else:
        made.drop(retry=False)
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()
    assert recorder.heard.empty()
    made.send(HELLO)  # no error: it is down


def test_drop_delivers_nothing_more_of_that_connection(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "TlsChannel", EagerChannel)
    recorder.on_up = lambda link: link.drop(retry=False)
    made = connect()
    peer.accept().sendall(HELLO)
    recorder.next("up")
    made._thread.join(PATIENCE)
    assert recorder.heard.empty()


def test_drop_while_waiting_to_retry_stays_down(recorder: Recorder, connect: Callable[..., Link]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made = connect(address=RelayAddress(bytes(32), "127.0.0.1", port), pace=Pace(retry_first=1000))
    recorder.next("down")
    made.drop(retry=False)
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()


def on_waiting(made: Link, then: Callable[[], None]) -> None:
    """Have ``close`` call ``then`` once it has begun and waits for the callback that runs."""
    wait_for = made._quiet.wait_for

    def waiting(predicate: Callable[[], bool]) -> bool:
        then()
        return wait_for(predicate)

    made._quiet.wait_for = waiting  # type: ignore[method-assign,assignment]  # a condition of our own


def test_close_waits_for_the_callback_that_runs_and_none_follows(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_JOIN", 0)
    release, ended = threading.Event(), threading.Event()

    def hold(_: Link) -> None:
        release.wait(PATIENCE)
        ended.set()

    recorder.on_up = hold
    made = connect()
    accepted = peer.accept_tls()
    accepted.sendall(HELLO)
    recorder.next("up")
    on_waiting(made, release.set)
    made.close()
    assert ended.is_set()
    made._thread.join(PATIENCE)
    assert recorder.heard.empty()


def test_close_from_inside_a_callback(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    recorder.on_up = lambda link: link.close()
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    assert read_to_end(accepted) == b""
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()


def test_close_while_connecting(peer: Peer, recorder: Recorder, connect: Callable[..., Link]) -> None:
    made = connect()
    peer.accept()
    made.close()
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()
    assert recorder.heard.empty()


def test_close_before_start_and_again(peer: Peer, recorder: Recorder) -> None:
    made = Link(peer.address, recorder)
    made.close()
    made.close()
    made.send(HELLO)
    made.drop(retry=True)


@pytest.mark.parametrize("plain", [True, False])
def test_close_with_flush_lets_everything_leave_though_the_relay_still_talks(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], plain: bool
) -> None:
    made = connect()
    accepted = peer.accept_plain() if plain else peer.accept_tls()
    recorder.next("up")
    if plain:
        recorder.next("frames")
    release = threading.Event()

    def hold(_: Link) -> None:
        release.wait(PATIENCE)

    recorder.on_frames = hold
    accepted.sendall(HELLO)
    recorder.next("frames")
    accepted.sendall(HELLO * 100)  # unread bytes in a socket that closes would discard what it has sent
    sent = [frame(300, bytes([number]) * 65_532) for number in range(250)]  # more than the kernel holds
    for piece in sent:
        made.send(piece)
    on_waiting(made, release.set)
    closing = threading.Thread(target=made.close, kwargs={"flush": 1000})
    closing.start()
    assert release.wait(PATIENCE)
    received = read_to_end(accepted)
    accepted.close()
    closing.join(PATIENCE)
    assert received == b"".join(sent)
    assert not made._thread.is_alive()


def test_nothing_is_taken_up_while_the_socket_is_full(peer: Peer, recorder: Recorder) -> None:
    made = Link(peer.address, recorder)
    made._unsent = bytearray(HELLO)
    where = (socket.AF_INET, peer.listening.getsockname())
    stuck = connection.Connection(where)
    stuck.begin(channels.PlainChannel())
    stuck._unsent += b"not taken yet"
    assert made._take_unsent(stuck) == b""
    stuck._unsent.clear()
    assert made._take_unsent(stuck) == HELLO
    assert made._take_unsent(stuck) == b""
    stuck.close()
    made.close()


def test_a_relay_that_reads_nothing_cannot_fill_the_memory(
    peer: Peer, recorder: Recorder, connect: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MAX_UNSENT", 1000)
    release = threading.Event()

    def hold(_: Link) -> None:
        release.wait(PATIENCE)

    recorder.on_up = hold
    made = connect()
    accepted = peer.accept_tls()
    recorder.next("up")
    for _ in range(100):
        made.send(bytes(900))
    assert len(made._unsent or b"") <= 1900
    release.set()
    assert isinstance(recorder.next("down"), RelayUnreachableError)
    assert read_to_end(accepted) == b""  # nothing with a gap in it has left
