"""A relay as a process of its own that may be traced, killed at a system call, or given errors by strace."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2echat.wire.address import RelayAddress

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60
FLAGS = (
    *("--no-tls", "--registration", "token"),
    # Zeros in front of the work would only make the traces long.
    *("--limit", "log_bytes=65536"),
    # All prekeys are to be had at once.
    *("--limit", "one_time_burst=1000"),
)


class RelayProcess:
    """``e2echat relay`` in ``data``.

    ``prefix`` is a command that runs it, ``program`` a module, with arguments, in the place of e2echat.
    """

    def __init__(
        self,
        data: Path,
        *,
        program: Sequence[str] = ("e2echat",),
        prefix: Sequence[str] = (),
        flags: Sequence[str] = FLAGS,
        listen: str = "127.0.0.1:0",
    ) -> None:
        self.data = data
        command = [
            sys.executable,
            "-m",
            *program,
            "relay",
            "--listen",
            listen,
            "--data",
            str(data),
            *flags,
        ]
        self.process = subprocess.Popen(
            [*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline().strip()
        """The address, or nothing if it ended before it had one."""

    @property
    def address(self) -> RelayAddress:
        return RelayAddress.parse(self.line)

    def end(self, how: signal.Signals | None = signal.SIGTERM) -> tuple[int, str]:
        """End it, or wait for its end; exit code and what it said on standard error."""
        if how is not None:
            self.process.send_signal(how)
        _, said = self.process.communicate(timeout=PATIENCE)
        assert "Traceback" not in said, said
        assert "internal error" not in said, said
        return self.process.returncode, said


@contextmanager
def running(
    data: Path,
    *,
    program: Sequence[str] = ("e2echat",),
    prefix: Sequence[str] = (),
    flags: Sequence[str] = FLAGS,
) -> Iterator[RelayProcess]:
    """One that has ended behind the block; see ``RelayProcess``."""
    relay = RelayProcess(data, program=program, prefix=prefix, flags=flags)
    try:
        yield relay
    finally:
        if relay.process.poll() is None:
            relay.process.kill()
            relay.process.communicate()
