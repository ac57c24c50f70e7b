from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import MalformedError
from e2echat.wire import frames
from e2echat.wire.frames import FIRST_CHANNEL, MAX_FRAME, FrameDecoder, Tag, frame

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
FRAMES = st.lists(st.tuples(U32, st.binary(max_size=40)), max_size=6)


def _size(value: int) -> bytes:
    return value.to_bytes(4)


def test_layout() -> None:
    assert frame(Tag.PING) == bytes.fromhex("00000004 00000004")
    assert (
        frames.submission(FIRST_CHANNEL, b"i" * 16, b"e")
        == bytes.fromhex("00000015 00000100") + b"i" * 16 + b"e"
    )
    assert frames.acknowledge(3) == bytes.fromhex("0000000c 00000001 0000000000000003")
    assert frames.accepted(256, 2) == bytes.fromhex("00000010 00000002 00000100 0000000000000002")
    assert frames.refused(256, 1, 7) == bytes.fromhex("00000011 00000003 00000100 0000000000000001 07")
    assert len(frames.submission(300, bytes(16), b"")) == frames.CHANNEL_OVERHEAD


@given(FRAMES)
def test_whole(sent: list[tuple[int, bytes]]) -> None:
    stream = b"".join(frame(tag, body) for tag, body in sent)
    decoder = FrameDecoder()
    assert list(decoder.feed(stream)) == sent
    assert not decoder.unfinished


@given(FRAMES)
def test_byte_by_byte(sent: list[tuple[int, bytes]]) -> None:
    decoder = FrameDecoder()
    stream = b"".join(frame(tag, body) for tag, body in sent)
    assert [each for byte in stream for each in decoder.feed(bytes([byte]))] == sent
    assert not decoder.unfinished


@given(FRAMES, st.lists(st.integers(0, 300)))
def test_cut_anywhere(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(tag, body) for tag, body in sent)
    borders = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    decoder = FrameDecoder()
    pieces = [memoryview(stream)[start:end] for start, end in pairwise(borders)]
    assert [each for piece in pieces for each in decoder.feed(piece)] == sent


def test_truncated() -> None:
    stream = frame(FIRST_CHANNEL, b"abc")
    for end in range(1, len(stream)):
        decoder = FrameDecoder()
        assert list(decoder.feed(stream[:end])) == []
        assert decoder.unfinished


def test_what_comes_behind_a_frame_waits_for_the_rest() -> None:
    decoder = FrameDecoder()
    assert list(decoder.feed(frame(7, b"one") + frame(8, b"two")[:-1])) == [(7, b"one")]
    assert decoder.unfinished
    assert list(decoder.feed(b"o")) == [(8, b"two")]


@pytest.mark.parametrize("size", [0, 1, 3, MAX_FRAME + 1, 2**31, 2**32 - 1])
def test_a_size_out_of_bounds_is_refused_from_its_four_bytes(size: int) -> None:
    decoder = FrameDecoder()
    with pytest.raises(MalformedError):
        list(decoder.feed(_size(size)))
    with pytest.raises(MalformedError):
        list(decoder.feed(frame(Tag.PING)))


def test_frames_before_a_bad_one_are_delivered() -> None:
    found = FrameDecoder().feed(frame(Tag.PING) + _size(2**32 - 1))
    assert next(found) == (Tag.PING, b"")
    with pytest.raises(MalformedError):
        next(found)


def test_the_smallest_and_the_largest_frame_pass() -> None:
    largest = bytes(MAX_FRAME - 4)
    assert list(FrameDecoder().feed(_size(4) + _size(9))) == [(9, b"")]
    assert list(FrameDecoder().feed(frame(9, largest))) == [(9, largest)]
    with pytest.raises(ValueError, match="exceeds"):
        frame(9, largest + b"x")


def test_the_decoder_keeps_no_more_than_one_unfinished_frame() -> None:
    decoder = FrameDecoder()
    for _ in range(100):
        list(decoder.feed(frame(9, bytes(1000)) + _size(MAX_FRAME)))
        list(decoder.feed(bytes(MAX_FRAME)))
        assert not decoder._pending


def test_frames_that_a_reader_leaves_are_there_for_the_next_call() -> None:
    decoder = FrameDecoder()
    for found in decoder.feed(frame(7) + frame(8)):
        assert found == (7, b"")
        break
    assert list(decoder.feed(b"")) == [(8, b"")]


@pytest.mark.parametrize("size", [0, 15, 17])
def test_an_envelope_id_has_sixteen_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16"):
        frames.submission(FIRST_CHANNEL, bytes(size), b"envelope")


@given(U32, U64, st.integers(0, 255))
def test_counts_round_trip(channel: int, count: int, reason: int) -> None:
    def body(raw: bytes) -> bytes:
        ((_, found),) = FrameDecoder().feed(raw)
        return found

    assert frames.parse_count(body(frames.acknowledge(count))) == count
    assert frames.parse_channel_count(body(frames.accepted(channel, count))) == (channel, count)
    assert frames.parse_refusal(body(frames.refused(channel, count, reason))) == (channel, count, reason)


@pytest.mark.parametrize(
    ("parse", "size"), [(frames.parse_count, 8), (frames.parse_channel_count, 12), (frames.parse_refusal, 13)]
)
def test_a_hot_body_has_one_length(parse: Callable[[bytes], object], size: int) -> None:
    parse(bytes(size))
    for wrong in [*range(size), size + 1, size + 100]:
        with pytest.raises(MalformedError):
            parse(bytes(wrong))


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=64))
def test_an_envelope_round_trips(envelope_id: bytes, envelope: bytes) -> None:
    raw = frames.submission(FIRST_CHANNEL, envelope_id, envelope)
    ((tag, body),) = FrameDecoder().feed(raw)
    assert tag == FIRST_CHANNEL
    assert frames.parse_envelope(body) == (envelope_id, envelope)


def test_an_envelope_is_not_empty() -> None:
    for size in range(17):
        with pytest.raises(MalformedError):
            frames.parse_envelope(bytes(size))
