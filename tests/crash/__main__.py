"""Longer runs than the tests': ``python -m tests.crash kills [EVERY]``."""

import itertools
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crash.kills import LIVES, Prepared


def kills(every: int) -> None:
    """Kill a relay at every k-th call, and say how many there were."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(4) as pool:
        root, begun = Path(scratch), time.monotonic()
        prepared = Prepared.make(root)

        def one(life: str, call: str) -> int:
            for count in itertools.count():
                data = root / f"{life}-{call}-{count}".replace(" ", "-")
                if not prepared.kill(life, call, 1 + count * every, data):
                    return count
            raise AssertionError

        for life, call, count in pool.map(lambda each: (*each, one(*each)), LIVES):
            print(f"{life}: {count} kills at {call}, nothing lost", flush=True)
        print(f"{time.monotonic() - begun:.0f} s")


kills(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
