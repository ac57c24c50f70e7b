"""What any server pays that keeps a message before it answers: a write at a file's end, and its way to the disk."""

import os
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from bench.relay.results import Run

NAME = "write and fdatasync"


class Appending:
    """Appends and syncs, one at a time, in this process."""

    name = NAME

    def __init__(self) -> None:
        self._file, path = tempfile.mkstemp(prefix="e2echat-bench-")
        self._path = Path(path)
        self._content = b""

    def fill(self, size: int) -> None:
        """From now on so many bytes are appended each time."""
        self._content = bytes(size)

    def run(self, warm_up: float, window: float) -> Run:
        """Append for so long."""
        begin, cpu = time.monotonic(), time.process_time()
        taken: list[float] = []
        opens, now = begin + warm_up, begin
        while now < opens + window:
            os.write(self._file, self._content)
            os.fdatasync(self._file)
            then, now = now, time.monotonic()
            if then >= opens:
                taken.append((now - then) * 1e6)
        spent = time.process_time() - cpu
        p99 = quantiles(taken, n=100)[98]
        return Run(window, len(taken), spent, 0.0, spent, len(taken), 0, 0, 0, median(taken), p99, max(taken))

    def close(self) -> None:
        """Remove the file."""
        os.close(self._file)
        self._path.unlink()
