"""How long it takes until something is there, beside a Python that does nothing."""

import subprocess
import sys
from collections.abc import Callable

from bench.measure import Figure

BARE = "python -c pass"


def _python(*arguments: str) -> Callable[[], None]:
    def work() -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return work


def figures() -> list[Figure]:
    return [
        Figure(BARE, _python("-c", "pass")),
        Figure("e2echat --version", _python("-m", "e2echat", "--version"), beside=BARE),
        Figure("e2echat --help", _python("-m", "e2echat", "--help"), beside=BARE),
        Figure("import of the session", _python("-c", "import e2echat.crypto.session"), beside=BARE),
    ]
