"""Runs of frames: what is in them, and where they may be cut."""

from hypothesis import given
from hypothesis import strategies as st

from e2echat.relay import runs
from e2echat.wire.frames import submission

FRAMES = st.lists(
    st.builds(
        submission, st.just(300), st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=60)
    ),
    min_size=1,
    max_size=12,
)


@given(FRAMES)
def test_a_run_is_its_frames(frames: list[bytes]) -> None:
    data = b"".join(frames)
    assert list(runs.frames(data)) == frames
    assert list(runs.prefixes(data)) == [frame[8:16] for frame in frames]
    for count in range(len(frames) + 1):
        assert runs.behind(data, count) == b"".join(frames[count:])


@given(FRAMES, st.integers(1, 300))
def test_pieces_hold_all_in_order_and_as_much_as_they_may(frames: list[bytes], most: int) -> None:
    data = b"".join(frames)
    pieces = list(runs.pieces(data, most))
    assert b"".join(piece for piece, _ in pieces) == data
    for number, (piece, count) in enumerate(pieces):
        inside = list(runs.frames(piece))
        assert len(inside) == count
        assert len(piece) <= most or count == 1
        if number + 1 < len(pieces):
            assert len(piece) + len(next(runs.frames(pieces[number + 1][0]))) > most


@given(FRAMES)
def test_heads_are_sizes_and_fronts_of_ids(frames: list[bytes]) -> None:
    expected = [len(frame) for frame in frames], b"".join(frame[8:16] for frame in frames)
    if frames:
        assert runs.heads(b"".join(frames)) == expected
