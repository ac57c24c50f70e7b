"""A relay that loses power: its answers follow the disk's, and what the disk was certain to have is enough.

A trace of all system calls tells what was certain to be on the disk when each answer left, and what the disk would be
if nothing else, or only some of it, had got there. The relay is then started from that.
"""

from collections import Counter
from pathlib import Path

import pytest

from e2echat.errors import EnvironmentFault
from tests.crash.disk import by_luck, nothing
from tests.crash.losses import Life, require_kept_after_loss
from tests.crash.witness import Promise

pytestmark = pytest.mark.campaign


def broken(life: Life) -> list[Promise]:
    return [promise for _, moment in life.moments() for promise in moment.broken()]


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life.lived(tmp_path_factory.mktemp("life"))


def test_every_answer_follows_a_sync_or_an_acknowledgement(life: Life) -> None:
    promised = Counter(promise.what for _, moment in life.moments() for promise in moment.promises)
    assert promised == {"accepted": 10, "claimed": 4, "published": 3}
    assert broken(life) == []


@pytest.mark.parametrize("mutant", ["unsynced_commits", "accepted_too_early"])
def test_answers_that_do_not_are_found(tmp_path: Path, mutant: str) -> None:
    assert broken(Life.lived(tmp_path, ("tests.crash.mutants", mutant)))


def test_what_was_answered_survives_when_nothing_else_does(life: Life, tmp_path: Path) -> None:
    for _, moment in life.moments():
        if moment.promises:
            require_kept_after_loss(life, moment, tmp_path, nothing)


@pytest.mark.parametrize("mutant", ["unsynced_commits", "unsynced_files", "accepted_too_early"])
def test_a_loss_is_found(tmp_path: Path, mutant: str) -> None:
    life = Life.lived(tmp_path, ("tests.crash.mutants", mutant))
    found = 0
    for _, moment in life.moments():
        if moment.promises:
            try:
                require_kept_after_loss(life, moment, tmp_path, nothing)
            except (AssertionError, EnvironmentFault):
                found += 1
    assert found


@pytest.mark.campaign
@pytest.mark.parametrize("share", range(4))
def test_what_was_answered_survives_with_any_part_of_the_rest(life: Life, tmp_path: Path, share: int) -> None:
    changes = ("pwrite64", "write", "ftruncate", "fsync", "fdatasync", "rename", "unlink")
    begun = False
    for number, (call, moment) in enumerate(life.moments()):
        begun = begun or bool(moment.witness.asked)
        if begun and call.name in changes and number % 4 == share:
            require_kept_after_loss(life, moment, tmp_path, by_luck(number))
