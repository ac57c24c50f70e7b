"""A client killed inside its system calls, on either side of a conversation: nothing lost, nothing twice, no key used twice.

``python -m tests.crash clients`` kills at every call of every thread; here most are left out.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.clients import MAILBOX_LINK, PRINTING, SENDING_LINK, WHO, Kill, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path).running() as site:
        yield site


@pytest.mark.campaign
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(
    ("call", "thread", "first", "step"),
    [
        ("pwrite64", 0, 5, 47),
        ("pwrite64", MAILBOX_LINK, 3, 29),
        ("pwrite64", SENDING_LINK, 8, 31),
        ("pwrite64", PRINTING, 2, 7),
        ("fsync", 0, 2, 5),
        ("fsync", MAILBOX_LINK, 1, 2),
        ("fsync", SENDING_LINK, 1, 3),
        ("sendto", MAILBOX_LINK, 1, 3),
        ("sendto", SENDING_LINK, 1, 3),
    ],
)
def test_nothing_is_lost_wherever_it_is_killed(
    site: Site, who: str, call: str, thread: int, first: int, step: int
) -> None:
    assert site.kill_at_each(who, call, thread, first=first, step=step)
    assert site.require_fresh_keys()


def test_nothing_is_lost_by_a_kill_in_the_middle(site: Site) -> None:
    assert site.kill(Kill("caller", "fsync", 2, SENDING_LINK))
    assert site.require_fresh_keys() >= 6
