"""strace: what a process asked of its disk and its peers, in order; and kills and errors at chosen calls.

strace counts calls by thread. So that "the k-th" is every k, what one thread does at the start, while it serves and
at its end is killed in runs of their own.
"""

import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60
DISK = (
    *("openat", "lseek", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename", "unlink"),
    # Nobody uses these on the files in question. What reads a trace refuses one that has them.
    *(
        "writev",
        "pwritev",
        "pwritev2",
        "sync_file_range",
        "msync",
        "fallocate",
        "renameat",
        "renameat2",
        "link",
    ),
)
PEERS = ("sendto", "recvfrom", "sendmsg", "recvmsg")
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_HEXADECIMAL = re.compile(r"(?:\\x[0-9a-f]{2})*")


@dataclass(frozen=True)
class Call:
    """One system call that has ended well; when it began and ended, by lines of the trace."""

    name: str
    arguments: tuple[str, ...]
    result: int
    begun: int
    ended: int

    @property
    def descriptor(self) -> int:
        return int(self.arguments[0].partition("<")[0])

    @property
    def file(self) -> str:
        """What its first argument is open on: the path of a file, or a socket's number."""
        name = self.arguments[0].partition("<")[2].removesuffix(">")
        return _octets(name).decode() if name.startswith("\\x") else name

    @property
    def data(self) -> bytes:
        """What it wrote, sent or received."""
        return self.octets(1)[: self.result]

    def octets(self, index: int) -> bytes:
        return _octets(self.arguments[index].strip('"'))

    def path(self, index: int) -> str:
        return self.octets(index).decode()

    def number(self, index: int) -> int:
        return int(self.arguments[index], 0)


def _octets(text: str) -> bytes:
    assert _HEXADECIMAL.fullmatch(text), "cut short by strace"
    return bytes.fromhex(text.replace("\\x", ""))


def read_trace(trace: Path) -> list[Call]:
    """The calls that ended well, in the order in which they ended."""
    calls: list[Call] = []
    under_way: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace.read_text().splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, resumed, name, rest = match.groups()
        begun = number
        if resumed:
            (begun, former), name = under_way.pop(thread), resumed
            rest = former + rest
        if rest.endswith("<unfinished ...>"):
            under_way[thread] = begun, rest.removesuffix("<unfinished ...>")
            continue
        arguments, _, outcome = rest.rpartition(" = ")
        result = outcome.partition("<")[0].partition(" ")[0]
        if result.isdigit():
            split = arguments.rstrip().removesuffix(")").split(",")
            calls.append(Call(name, tuple(each.strip() for each in split), int(result), begun, number))
    return calls


def strace(
    calls: Sequence[str],
    *,
    inject: str = "",
    output: Path | None = None,
    threads: bool = True,
    paths: Sequence[Path] = (),
) -> list[str]:
    """The command, up to what it is to trace.

    Args:
        calls: the system calls of interest.
        inject: what to do to them, and when.
        output: where the trace goes.
        threads: all of them, not only the main one.
        paths: only calls that have to do with these files.
    """
    wanted = ",".join(calls)
    return [
        *("strace", "-xx", "-y", "-s", "300000", "-o", str(output or "/dev/null"), "-e", f"trace={wanted}"),
        *(["-f"] if threads else []),
        *(["-e", f"inject={wanted}:{inject}"] if inject else []),
        *(each for path in paths for each in ("-P", str(path))),
    ]


@contextmanager
def attached(process: int, command: Sequence[str]) -> Iterator[None]:
    """Trace a process that runs, from here to the end of the block or of the process."""
    with subprocess.Popen(
        [*command, "-p", str(process)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        try:
            assert "attached" in said, said
            yield
        finally:
            tracer.send_signal(signal.SIGTERM)
            tracer.communicate(timeout=PATIENCE)
