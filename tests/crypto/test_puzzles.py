from dataclasses import replace

import pytest

from e2echat.crypto.primitives import H
from e2echat.crypto.puzzles import Puzzle

PUZZLE = Puzzle(bytes(32), bytes(16), "bob", 10)


def _solution(puzzle: Puzzle) -> bytes:
    solution = puzzle.search(0, 1 << 20)
    assert solution is not None
    return solution


def test_a_solution_hashes_to_so_many_zero_bits() -> None:
    solution = _solution(PUZZLE)
    digest = H("work", bytes(32), bytes(16), b"bob", solution)
    assert int.from_bytes(digest) < 1 << (256 - 10)
    assert PUZZLE.solved_by(solution)


def test_it_is_the_first_one_and_none_before_it_does() -> None:
    number = int.from_bytes(_solution(PUZZLE))
    assert number > 0
    assert PUZZLE.search(0, number) is None
    assert PUZZLE.search(number, 1) == number.to_bytes(8)
    assert not any(PUZZLE.solved_by(each.to_bytes(8)) for each in range(number))


@pytest.mark.parametrize(
    "other",
    [
        replace(PUZZLE, hello_hash=bytes(31) + b"1"),
        replace(PUZZLE, challenge=bytes(15) + b"1"),
        replace(PUZZLE, name="carol"),
        replace(PUZZLE, name="bo"),
    ],
)
def test_it_is_no_solution_on_another_connection_or_of_another_puzzle(other: Puzzle) -> None:
    # One of ten happens to solve another puzzle of 10 bits once in a hundred runs of luck; these are fixed.
    solutions, first = [], 0
    for _ in range(10):
        found = PUZZLE.search(first, 1 << 20)
        assert found is not None
        solutions.append(found)
        first = int.from_bytes(found) + 1
    assert not all(other.solved_by(each) for each in solutions)


def test_without_bits_anything_does() -> None:
    free = replace(PUZZLE, bits=0)
    assert free.search(7, 1) == (7).to_bytes(8)
    assert free.solved_by(b"\xff" * 8)


def test_the_last_bit_counts() -> None:
    solution = _solution(PUZZLE)
    digest = H("work", PUZZLE.hello_hash, PUZZLE.challenge, b"bob", solution)
    zeros = 256 - int.from_bytes(digest).bit_length()
    assert replace(PUZZLE, bits=zeros).solved_by(solution)
    assert not replace(PUZZLE, bits=zeros + 1).solved_by(solution)


def test_all_that_is_hashed_fits_into_one_block() -> None:
    # BLAKE2b takes 128 bytes at a time; the label, four lengths and the longest name are in them.
    assert len(b"e2echat/1/work") + 5 * 4 + 32 + 16 + 32 + 8 <= 128
