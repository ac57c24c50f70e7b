"""Longer runs than the tests': ``python -m tests.crash WHAT [NUMBER]``.

``kills [1]``: a relay is killed at every k-th call of every kind, and held to its answers.
``damage [2000]``: a relay's database is damaged so many times.
``clients [1]``: a client is killed at every k-th call of every thread, on either side of a conversation.
``restless [100 [0]]``: so many evenings of 200 lines and nine kills, from that seed on.
``crowds [10000 [2000]]``: a chat amid so many idle connections; and so many clients that come back at once.
"""

import itertools
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crash.clients import CALLS, THREADS, WHO, Site
from tests.crash.crowds import crowd, storm
from tests.crash.damage import Victim
from tests.crash.kills import LIVES, Prepared, kill_at_each
from tests.crash.restless import Restless


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def kills(root: Path, every: int = 1) -> None:
    prepared = Prepared.make(root)

    def all_of(life: tuple[str, str]) -> int:
        return kill_at_each(prepared, *life, root, step=every)

    with ThreadPoolExecutor(4) as pool:
        for (life, call), count in zip(LIVES, pool.map(all_of, LIVES), strict=True):
            say(f"{life:10} {call:10} {count:4} kills, nothing lost")


def damage(root: Path, times: int = 2_000) -> None:
    logging.disable()
    victim = Victim(root)
    outcomes = Counter(victim.damaged(seed)[1] for seed in range(times))
    for outcome, count in outcomes.most_common():
        say(f"{count:5}  {outcome}")


def crowds(root: Path, connections: int = 10_000, clients: int = 2_000) -> None:
    say(f"plain: {crowd(root / 'plain', connections, tls=False)}")
    say(f"TLS: {crowd(root / 'tls', connections, tls=True)}")
    say(f"{storm(root / 'storm', clients)}")


def clients(root: Path, step: int = 1) -> None:
    with Site(root).running() as site:
        for who in WHO:
            for thread, call in itertools.product(range(THREADS), CALLS):
                kills = site.kill_at_each(who, call, thread, step=step)
                say(f"{who}: {kills:4} kills of thread {thread} at {call}, nothing lost")
        say(f"{site.require_fresh_keys()} envelopes, no key used twice")


def restless(root: Path, seeds: int = 100, first: int = 0) -> None:
    for seed in range(first, first + seeds):
        place = root / str(seed)
        place.mkdir()
        envelopes = Restless(place, seed).live()
        shutil.rmtree(place)
        say(f"seed {seed}: 200 lines once and in order, {envelopes} envelopes")


RUNS: dict[str, Callable[..., None]] = {
    "kills": kills,
    "damage": damage,
    "crowds": crowds,
    "clients": clients,
    "restless": restless,
}

if __name__ == "__main__":
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        RUNS[sys.argv[1]](Path(scratch), *map(int, sys.argv[2:]))
    say(f"{time.monotonic() - begun:.0f} s")
