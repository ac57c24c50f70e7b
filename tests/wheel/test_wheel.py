"""The wheel: what is in it, and that whoever installs it has all that is needed."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.manual import pages
from e2echat import __version__

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "e2echat"
PATIENCE = 100
"""Seconds; an installation from a slow index takes most of them."""

Run = Callable[..., str]


def build(directory: Path) -> Path:
    """The wheel of this tree, by the build system that the project names."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_what_must_be_in_it_is_in_it_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data, info = f"e2echat-{__version__}.data/data/share", f"e2echat-{__version__}.dist-info"
    code = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"e2echat/py.typed", "e2echat/store/schema/0001_initial.sql"} <= code
    shared = {
        "e2echat/e2echat-relay.service",
        "bash-completion/completions/e2echat",
        "zsh/site-functions/_e2echat",
        "fish/vendor_completions.d/e2echat.fish",
        *(f"man/man1/{page}" for page in pages.manual()),
    }
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert names == code | {f"{data}/{name}" for name in shared} | {f"{info}/{name}" for name in about}
    assert wheel.name == f"e2echat-{__version__}-py3-none-any.whl"


def test_a_second_build_is_the_same(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.fixture
def run(wheel: Path, tmp_path: Path) -> Run:
    """Runs a program of a new environment in which only the wheel was installed, away from the source."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("E2ECHAT_", "PYTHON"))}

    def call(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(tmp_path / "new/bin" / program), *arguments],
            cwd=tmp_path,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "new")], check=True, timeout=PATIENCE)
    pins = str(ROOT / "constraints.txt")
    call("python", "-m", "pip", "install", "-q", "--only-binary=:all:", "-c", pins, str(wheel))
    return call


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_who_installs_it_can_chat_and_needs_no_compiler(run: Run, tmp_path: Path) -> None:
    assert run("e2echat", "--version") == run("python", "-m", "e2echat", "--version")
    assert run("e2echat", "--version") == f"e2echat {__version__}\n"
    relay = subprocess.Popen(
        [
            str(tmp_path / "new/bin/e2echat"),
            "relay",
            "--listen",
            "127.0.0.1:0",
            "--data",
            str(tmp_path / "relay"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert relay.stdout
        address = relay.stdout.readline().strip()
        alice, bob = str(tmp_path / "alice"), str(tmp_path / "bob")
        for home in (alice, bob):
            run("e2echat", "--home", home, "init", Path(home).name, "--relay", address, "--no-passphrase")
        run("e2echat", "--home", alice, "send", "--peer", "bob", "Hello from a wheel")
        assert "Hello from a wheel" in run("e2echat", "--home", bob, "receive")
    finally:
        relay.terminate()
        relay.communicate(timeout=PATIENCE)
    share = tmp_path / "new/share"
    assert (share / "bash-completion/completions/e2echat").is_file()
    if shutil.which("man"):
        page = subprocess.run(
            ["man", "--warnings", "-l", str(share / "man/man1/e2echat-send.1")],
            env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (page.stderr, "--peer" in page.stdout) == ("", True)
