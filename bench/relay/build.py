"""Builds the load generator and the forwarder with cc, when their sources have changed."""

import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "load"
BUILD = Path(__file__).parents[2] / "build" / "bench"
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
_PROGRAMS = {
    "generator": ("generator.c", "run.c", "net.c", "protocols.c"),
    "forwarder": ("forwarder.c",),
}


class CannotBuildError(RuntimeError):
    """There is no compiler, or no OpenSSL to build with."""


def built(name: str) -> Path:
    """The program ``name``, built anew if it is older than its sources.

    Raises:
        CannotBuildError: it cannot be; the message says what to install.
    """
    program = BUILD / name
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        raise CannotBuildError("no C compiler: install gcc and libssl-dev")
    BUILD.mkdir(parents=True, exist_ok=True)
    sources = [str(SOURCES / source) for source in _PROGRAMS[name]]
    done = subprocess.run(
        [compiler, *_FLAGS, "-o", str(program), *sources, "-lssl", "-lcrypto"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CannotBuildError(f"cc failed (are gcc and libssl-dev installed?):\n{done.stderr}")
    return program
