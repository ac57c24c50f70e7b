"""``e2echat talk`` as a process with pipes: what is typed into it, and what it prints."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.crash.relays import PATIENCE, ROOT


class Died(Exception):  # noqa: N818 - it is what is waited for
    """The process has ended; with what it said."""


class Talker:
    """Somebody at a conversation; ``prefix`` is a command that runs it."""

    def __init__(
        self,
        home: Path,
        peer: str,
        journal: Path,
        *,
        program: str = "tests.crash.journal",
        prefix: Sequence[str] = (),
    ) -> None:
        command = [
            sys.executable,
            "-m",
            program,
            str(journal),
            "--home",
            str(home),
            "--json",
            "talk",
            "--peer",
            peer,
        ]
        self.printed: list[str] = []
        """Texts of the peer's that were printed, line by line."""
        self._said: list[bytes] = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [*prefix, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self._readers = [
            threading.Thread(target=read, daemon=True) for read in (self._listen, self._read_errors)
        ]
        for reader in self._readers:
            reader.start()

    def type(self, line: str) -> None:
        """Type a line.

        Raises:
            Died: nobody reads it.
        """
        assert self.process.stdin
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Died from None

    def wait_for(self, text: str) -> None:
        """Until it has printed ``text``.

        Raises:
            Died: it never will.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.printed or self._ended, PATIENCE)
            if text not in self.printed:
                raise Died

    @property
    def threads(self) -> list[int]:
        """By age, the main one first."""
        return sorted(int(each.name) for each in Path(f"/proc/{self.process.pid}/task").iterdir())

    def end(self, how: signal.Signals | None = None) -> int:
        """Close what it reads from, or end it by a signal; its code."""
        assert self.process.stdin
        if how is not None:
            self.process.send_signal(how)
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        assert self.process.stdout
        assert self.process.stderr
        code = self.process.wait(PATIENCE)
        for reader, pipe in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
            reader.join(PATIENCE)
            pipe.close()
        said = b"".join(self._said).decode()
        assert "Traceback" not in said, said
        assert "internal error" not in said, said
        return code

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            # A line that was cut off was not printed.
            if line.endswith(b"\n"):
                record = json.loads(line)
                if record["type"] == "message":
                    with self._changed:
                        self.printed.append(record["text"])
                        self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr
        self._said += self.process.stderr
