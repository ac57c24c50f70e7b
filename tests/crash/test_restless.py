"""200 lines while relay and both clients are each killed three times: all once, in order, with the right states."""

from pathlib import Path

import pytest

from tests.crash.restless import Restless


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_lines_and_nine_kills(tmp_path: Path, seed: int) -> None:
    assert Restless(tmp_path, seed).live() >= 200
