"""Lengths 0 and 2^32-1, trailing bytes, every truncation of every message: closed, memory flat."""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2echat.wire import codec, frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.schema import Message

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Client, World

SIZES = [0, 1, 3, frames.MAX_FRAME + 1, 2**24, 2**31, 2**32 - 1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sent", [4, 8, 100])
def test_a_wrong_size_closes_as_soon_as_it_is_there(world: "World", size: int, sent: int) -> None:
    client = world.connect()
    client.say((struct.pack(">I", size) + bytes(100))[:sent])
    assert client.closing
    assert client.connection.pending == b""


@pytest.mark.parametrize("excess", [0, 1])
def test_the_largest_frame_is_taken_whole_and_no_larger_one(world: "World", excess: int) -> None:
    bob = world.account("bob")
    owner, sender = world.sign_in(bob), world.connect()
    body = bytes(frames.MAX_FRAME - frames.TAG_SIZE + excess)
    sender.say(frames.SIZE_AND_TAG.pack(len(body) + frames.TAG_SIZE, sender.open(bob)) + body)
    assert sender.closing == bool(excess)
    assert len(owner.envelopes()) == 1 - excess


@pytest.mark.parametrize("size", range(4))
def test_a_frame_that_has_no_room_for_its_tag_closes(world: "World", size: int) -> None:
    client = world.connect()
    client.say(struct.pack(">II", size, frames.Tag.PING))
    assert client.closing
    assert client.hear() == []


def test_what_comes_behind_it_is_not_kept(world: "World") -> None:
    client = world.connect()
    client.say(struct.pack(">I", 2**32 - 1))
    for _ in range(10):
        client.say(bytes(65536))
    assert client.connection.pending == b""


@pytest.fixture
def requests(world: "World", relay_world: "ModuleType") -> Callable[["Client"], list[Message]]:
    bob = world.account("bob")

    def make(client: "Client") -> list[Message]:
        return [
            relay_world.Account("carol", world.key.public).claim(),
            bob.authenticate(client.hello),
            messages.Publish(1, None, [bytes(64)]),
            messages.AskPuzzle(1, "bob"),
            messages.Fetch(1, "bob", True, bob.capability),
            messages.Open(1, world.mailboxes["bob"], bob.capability, False),
        ]

    return make


@pytest.mark.parametrize("which", range(6))
def test_every_truncation_of_every_request_closes(
    world: "World", requests: Callable[["Client"], list[Message]], which: int
) -> None:
    body = messages.encode(requests(world.connect())[which])[8:]
    for length in range(len(body)):
        client = world.connect()
        client.say(frames.frame(frames.Tag.CONTROL, body[:length]))
        assert client.closing, length
        assert client.hear() == []
        client.leave()


@pytest.mark.parametrize("which", range(6))
def test_trailing_bytes_close(
    world: "World", requests: Callable[["Client"], list[Message]], which: int
) -> None:
    client = world.connect()
    body = messages.encode(requests(client)[which])[8:]
    client.say(frames.frame(frames.Tag.CONTROL, body + b"\0"))
    assert client.closing


@pytest.mark.parametrize("which", range(6))
def test_a_request_cut_anywhere_on_its_way_is_whole(
    world: "World", requests: Callable[["Client"], list[Message]], which: int
) -> None:
    client = world.connect()
    for byte in messages.encode(requests(client)[which]):
        client.say(bytes([byte]))
    assert len(client.hear()) == 1
    assert not client.closing


@pytest.mark.parametrize(
    "frame",
    [
        frames.frame(frames.Tag.PING, b"x"),
        frames.frame(frames.Tag.PONG, b"x"),
        frames.frame(frames.Tag.ACKNOWLEDGE),
        frames.frame(frames.Tag.ACKNOWLEDGE, bytes(8)),
        frames.frame(frames.Tag.ACCEPTED, bytes(12)),
        frames.frame(frames.Tag.REFUSED, bytes(13)),
        *(frames.frame(tag, bytes(8)) for tag in (6, 255, 256, 2**32 - 1)),
        messages.encode(messages.Done(1)),
        messages.encode(messages.Hello(bytes(64), 0)),
        frames.frame(frames.Tag.CONTROL),
        frames.frame(frames.Tag.CONTROL, codec.encode({"kind": "fetch"})),
        frames.frame(frames.Tag.CONTROL, codec.encode({"kind": "nothing"})),
    ],
)
def test_what_a_client_may_not_say_closes(world: "World", frame: bytes) -> None:
    client = world.connect()
    client.say(frame)
    assert client.closing
    assert client.hear() == []


@pytest.mark.parametrize("length", [0, 15, 16])
def test_an_envelope_has_an_id_and_a_byte(world: "World", length: int) -> None:
    bob = world.account("bob")
    sender = world.connect()
    sender.say(frames.frame(sender.open(bob), bytes(length)))
    assert sender.closing


def test_what_came_before_the_junk_still_counts(world: "World") -> None:
    bob = world.account("bob")
    sender = world.connect()
    sender.say(frames.submission(sender.open(bob), bytes(16), b"text") + b"\xff" * 8)
    assert sender.closing
    assert sender.settled() == 1
    assert world.sign_in(bob).envelopes() == [b"text"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_junk_never_raises(world: "World", parts: list[bytes]) -> None:
    client = world.connect()
    for part in parts:
        client.say(part)
        assert len(client.connection.pending) <= frames.MAX_FRAME + 4
    client.leave()
