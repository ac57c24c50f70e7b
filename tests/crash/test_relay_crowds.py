"""A relay process amid a crowd. ``python -m tests.crash crowds`` brings 10,000 connections and 2,000 clients."""

from pathlib import Path

import pytest

from tests.crash.crowds import crowd, storm

pytestmark = pytest.mark.campaign


@pytest.mark.parametrize("tls", [False, True])
def test_two_people_chat_amid_idle_connections(tmp_path: Path, tls: bool) -> None:
    crowded = crowd(tmp_path / "relay", 400, tls=tls, times=50)
    # Room for what an allocator takes in steps: the figure itself is for a longer run.
    assert crowded.memory_amid - crowded.memory_alone < 400 * 64


def test_everybody_who_comes_back_at_once_is_served(tmp_path: Path) -> None:
    assert storm(tmp_path / "relay", 200).clients == 200
