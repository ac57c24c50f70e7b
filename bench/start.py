"""How long it takes until something is there, beside a Python that does nothing."""

import subprocess
import sys
import time
from collections.abc import Callable

from bench.measure import Figure

BARE = "python -c pass"


def _python(*arguments: str) -> Callable[[], None]:
    def work() -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return work


def _started(name: str, *arguments: str, beside: tuple[str, ...] = (BARE,)) -> Figure:
    return Figure(name, _python(*arguments), beside=beside, clock=time.perf_counter)


def figures() -> list[Figure]:
    return [
        _started(BARE, "-c", "pass", beside=()),
        _started("e2echat --version", "-m", "e2echat", "--version"),
        _started("e2echat --help", "-m", "e2echat", "--help"),
        _started("import of the session", "-c", "import e2echat.crypto.session"),
    ]
