"""A relay that is killed at the k-th of its system calls, in each of its lives, and held to its promises."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2echat.relay.local import SOCKET_FILE
from tests.crash.relays import RelayProcess, running
from tests.crash.scenario import Stage, play
from tests.crash.tracing import attached, strace
from tests.crash.verdict import require_kept
from tests.crash.witness import Witness

NAMES = ("fsync", "fdatasync", "rename", "ftruncate", "unlink")
MAIN = ("pwrite64", "write", *NAMES)
"""What the main thread does: at the start it makes or opens everything, at the end it moves the log's content."""
SERVING = ("pwrite64", "fdatasync", "sendto")
"""What the storage thread and the I/O thread do, each with a count of its own."""


def _play(relay: RelayProcess, stage: Stage) -> bool:
    """Play as far as the relay lives, then end it; whether it was killed."""
    cut = False
    try:
        play(stage)
    except (EOFError, ConnectionError):
        cut = True
    code, said = relay.end(signal.SIGTERM)
    assert code in (0, -signal.SIGKILL), said
    assert not cut or code, "the relay cut a connection and lived"
    return code != 0


@dataclass(frozen=True)
class Prepared:
    """Two directories to begin with: of a relay that ended well, and of one that was killed with work in its log."""

    clean: Path
    dirty: Path
    stage: Stage
    """What happened in ``dirty``."""

    @classmethod
    def make(cls, root: Path) -> "Prepared":
        clean, dirty = root / "clean", root / "dirty"
        with running(clean) as relay:
            relay.end()
        with running(dirty) as relay:
            stage = Stage(relay.address, dirty, Witness())
            play(stage)
            relay.end(signal.SIGKILL)
        (dirty / SOCKET_FILE).unlink()  # cannot be copied
        return cls(clean, dirty, stage)

    def _serving(self, data: Path, call: str, k: int) -> bool:
        shutil.copytree(self.clean, data)
        with running(data) as relay:
            stage = Stage(relay.address, data, Witness())
            with attached(relay.process.pid, strace([call], inject=f"signal=KILL:when={k}")):
                killed = _play(relay, stage)
        require_kept(data, stage.witness, stage.accounts)
        return killed

    def _whole_life(self, data: Path, call: str, k: int) -> bool:
        """From nothing at all to the end."""
        tracer = strace([call], inject=f"signal=KILL:when={k}", threads=False)
        with running(data, prefix=[*tracer, "-D"]) as relay:
            if not relay.line:
                assert relay.end(None)[0] == -signal.SIGKILL
                with running(data) as again:
                    assert again.end()[0] == 0
                return True
            stage = Stage(relay.address, data, Witness())
            killed = _play(relay, stage)
        require_kept(data, stage.witness, stage.accounts)
        return killed

    def _recovery(self, data: Path, call: str, k: int) -> bool:
        """The start after a kill."""
        shutil.copytree(self.dirty, data)
        tracer = strace([call], inject=f"signal=KILL:when={k}", threads=False)
        with running(data, prefix=[*tracer, "-D"]) as relay:
            killed = relay.end(signal.SIGTERM if relay.line else None)[0] != 0
        require_kept(data, self.stage.witness, self.stage.accounts)
        return killed

    def kill(self, life: str, call: str, k: int, data: Path) -> bool:
        """Kill at the ``k``-th ``call`` of a life, then look; whether there were so many."""
        lives: dict[str, Callable[[Path, str, int], bool]] = {
            "serving": self._serving,
            "whole life": self._whole_life,
            "recovery": self._recovery,
        }
        try:
            return lives[life](data, call, k)
        except AssertionError as error:
            raise AssertionError(f"{life}: killed at {call} number {k}") from error
        finally:
            shutil.rmtree(data, ignore_errors=True)


def kill_at_each(
    prepared: Prepared, life: str, call: str, scratch: Path, *, first: int = 1, step: int = 1
) -> int:
    """Kill at call number ``first`` and at every ``step``-th from there, as long as there are any; how many."""
    kills = 0
    while prepared.kill(life, call, first + kills * step, scratch / f"{life} {call} {first}"):
        kills += 1
    return kills


LIVES = [
    *(("serving", call) for call in SERVING),
    *(("whole life", call) for call in MAIN),
    *(("recovery", call) for call in MAIN),
]
