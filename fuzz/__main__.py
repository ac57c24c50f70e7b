"""Fuzz every target for some seconds, and keep what reaches new code: ``python -m fuzz SECONDS [TARGET ...]``.

An input that breaks something is left in ``build/fuzz/TARGET-crash-…``, and the run ends with an error.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from fuzz import corpus
from fuzz.targets import TARGETS

BUILD = corpus.ROOT / "build" / "fuzz"
LONGEST = "-max_len=8192"


def _libfuzzer(name: str, *arguments: str | Path) -> int:
    command = [sys.executable, "-m", "fuzz.harness", name, *map(str, arguments)]
    log = BUILD / f"{name}.log"
    with log.open("ab") as out:
        return subprocess.run(command, cwd=corpus.ROOT, stdout=out, stderr=out, check=False).returncode


def _seed(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in inputs:
        (folder / hashlib.sha256(each).hexdigest()[:16]).write_bytes(each)


def fuzz(name: str, seconds: int) -> bool:
    """Whether nothing broke."""
    found, small = BUILD / name / "found", BUILD / name / "small"
    _seed(found, [*corpus.load(name), *corpus.vectors()])
    limits = (LONGEST, "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={BUILD / name}-")
    held = _libfuzzer(name, found, f"-max_total_time={seconds}", *limits) == 0
    small.mkdir(exist_ok=True)
    for old in small.iterdir():
        old.unlink()
    _libfuzzer(name, "-merge=1", LONGEST, small, found)
    inputs = [path.read_bytes() for path in small.iterdir()]
    corpus.save(name, inputs)
    print(f"{name:18} {'held' if held else 'BROKE'}  {len(inputs)} inputs of their own")
    return held


def main() -> int:
    seconds, names = int(sys.argv[1]), sys.argv[2:] or list(TARGETS)
    BUILD.mkdir(parents=True, exist_ok=True)
    broken = [name for name in names if not fuzz(name, seconds)]
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
