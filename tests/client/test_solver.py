"""The thread that works, and what stops it: no test waits for luck, only for a thread to get on."""

import queue
import threading
from collections.abc import Iterator

import pytest

from e2echat.client.solver import Solver
from e2echat.crypto.puzzles import Puzzle

PATIENCE = 30.0
EASY = Puzzle(bytes(32), bytes(16), "bob", 4)
ENDLESS = Puzzle(bytes(32), bytes(16), "bob", 64)


@pytest.fixture(name="found")
def _found() -> "queue.Queue[tuple[str, Puzzle, bytes]]":
    return queue.Queue()


@pytest.fixture(name="solver")
def _solver(found: "queue.Queue[tuple[str, Puzzle, bytes]]") -> Iterator[Solver]:
    solver = Solver(lambda link, puzzle, solution: found.put((link, puzzle, solution)))
    yield solver
    solver.close()
    solver.join()


def test_a_puzzle_is_solved(solver: Solver, found: "queue.Queue[tuple[str, Puzzle, bytes]]") -> None:
    solver.put("link", EASY)
    link, puzzle, solution = found.get(timeout=PATIENCE)
    assert (link, puzzle) == ("link", EASY)
    assert EASY.solved_by(solution)


def test_one_that_is_forgotten_makes_room(
    solver: Solver, found: "queue.Queue[tuple[str, Puzzle, bytes]]"
) -> None:
    solver.put("hostile", ENDLESS)
    solver.put("link", EASY)
    solver.forget("hostile")
    assert found.get(timeout=PATIENCE)[0] == "link"


def test_a_links_new_puzzle_takes_the_place_of_its_last(
    solver: Solver, found: "queue.Queue[tuple[str, Puzzle, bytes]]"
) -> None:
    solver.put("link", ENDLESS)
    solver.put("link", EASY)
    assert found.get(timeout=PATIENCE)[1] == EASY


def test_closing_ends_the_work_and_nothing_begins_after(
    solver: Solver, found: "queue.Queue[tuple[str, Puzzle, bytes]]"
) -> None:
    before = threading.active_count()
    solver.put("link", ENDLESS)
    solver.close()
    solver.join()
    assert threading.active_count() == before
    solver.put("link", EASY)
    solver.join()
    assert found.empty()


def test_there_is_no_thread_before_the_first_puzzle(solver: Solver) -> None:
    before = threading.active_count()
    solver.put("link", ENDLESS)
    assert threading.active_count() == before + 1
    solver.put("other", ENDLESS)
    assert threading.active_count() == before + 1
