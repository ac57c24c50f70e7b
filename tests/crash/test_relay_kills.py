"""A relay killed inside its system calls: whatever it had answered for is there when it starts again.

SIGKILL leaves the page cache as it is, so none of this says anything about a loss of power: that is ``test_relay_losses.py``.
``python -m tests.crash kills`` kills at every call; here some are skipped of the kind that there are most of.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.kills import LIVES, Prepared, kill_at_each

STEP = 5
"""Of the calls that there are most of, and not all of one kind: a page of the log is two of them."""
SHARES = 3


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared.make(tmp_path_factory.mktemp("prepared"))


def shares() -> Iterator[tuple[str, str, int, int]]:
    """Life, call, the first of them and the step: much work is cut into shares that may run side by side."""
    for life, call in LIVES:
        if (life, call) == ("serving", "pwrite64"):
            yield from ((life, call, 1 + STEP * share, STEP * SHARES) for share in range(SHARES))
        else:
            yield life, call, 1, STEP if call in ("pwrite64", "sendto") else 1


@pytest.mark.campaign
@pytest.mark.parametrize(("life", "call", "first", "step"), list(shares()))
def test_nothing_is_lost_wherever_it_is_killed(
    prepared: Prepared, tmp_path: Path, life: str, call: str, first: int, step: int
) -> None:
    assert kill_at_each(prepared, life, call, tmp_path, first=first, step=step)


@pytest.mark.parametrize(("life", "call", "k"), [("serving", "fdatasync", 9), ("serving", "pwrite64", 60)])
def test_nothing_is_lost_by_a_kill_in_the_middle(
    prepared: Prepared, tmp_path: Path, life: str, call: str, k: int
) -> None:
    assert prepared.kill(life, call, k, tmp_path / "relay")
