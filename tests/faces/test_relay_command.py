"""``e2echat relay`` as a process."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 30.0
Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "e2echat", "relay", "--data", str(tmp_path / "relay"), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ends(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_first_line_is_its_address_and_a_signal_ends_it_well(run: Run, number: int) -> None:
    process = run("--listen", "127.0.0.1:0")
    address = first_line(process)
    process.send_signal(number)
    assert ends(process) == (0, "", "")
    scheme, _, rest = address.partition("://")
    pin, _, place = rest.partition("@")
    assert scheme == "relay"
    assert len(pin) == 52
    assert pin == pin.lower()
    assert place.startswith("127.0.0.1:")


def test_on_a_wildcard_it_says_what_it_guesses(run: Run) -> None:
    process = run("--listen", "0.0.0.0:0")
    address = first_line(process)
    process.terminate()
    code, out, err = ends(process)
    assert (code, out) == (0, "")
    assert "--public" in err
    assert "0.0.0.0" not in address


@pytest.mark.parametrize(
    ("public", "place"), [("chat.example:99", "chat.example:99"), ("chat.example", None)]
)
def test_public_is_printed_as_given(run: Run, public: str, place: str | None) -> None:
    process = run("--listen", "127.0.0.1:0", "--public", public)
    address = first_line(process)
    process.terminate()
    assert ends(process) == (0, "", "")
    assert address.endswith("@" + place) if place else f"@{public}:" in address


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--listen", "0.0.0.0:0", "--no-tls"], 2),
        (["--listen", "nonsense"], 1),
        (["--listen", "::1"], 2),
        (["--listen", "127.0.0.1:65536"], 2),
        (["--listen", "127.0.0.1:0", "--public", "a:b"], 2),
        (["--registration", "somebody"], 2),
        (["--metrics", "::1"], 2),
        (["--listen", "127.0.0.1:0", "--metrics", "192.0.2.1:1"], 1),
        (["--config", "/dev/null/relay.toml"], 2),
        (["--limit", "frame=0"], 2),
        (["--limit", "frame"], 2),
        (["--log-level", "loud"], 2),
        (["--listen", "127.0.0.1:0", "--data", "/dev/null"], 1),
        (["--listen", "127.0.0.1:0", "--data", "/dev/null/below"], 1),
        (["--listen", "127.0.0.1:0", "--record", "/dev/null/below"], 1),
        (["surplus"], 2),
    ],
)
def test_bad_use_is_said_in_a_sentence(run: Run, arguments: list[str], code: int) -> None:
    ended, out, err = ends(run(*arguments))
    assert (ended, out) == (code, "")
    assert err.startswith("e2echat: ")
    assert "Traceback" not in err


def test_a_port_in_use_is_said(run: Run, tmp_path: Path) -> None:
    place = first_line(run("--listen", "127.0.0.1:0")).partition("@")[2]
    code, out, err = ends(run("--listen", place, "--data", str(tmp_path / "other")))
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    code, out, err = ends(run("--listen", "127.0.0.1:0"))
    assert (code, out) == (1, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "module", ["prompt_toolkit", "segno", "sqlcipher3", "e2echat.crypto.ratchet", "e2echat.client"]
)
def test_it_loads_no_face_and_nothing_to_decrypt_with(module: str, tmp_path: Path) -> None:
    code = f"""
import os, signal, sys, threading
from e2echat.relay.server import Relay
start = Relay.start
def start_and_stop(relay):
    start(relay)
    os.kill(os.getpid(), signal.SIGTERM)
Relay.start = start_and_stop
sys.argv = ["e2echat", "relay", "--listen", "127.0.0.1:0", "--data", sys.argv[1]]
from e2echat.faces.cli.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = [name for name in sys.modules if name == {module!r} or name.startswith({module + "."!r})]
assert not loaded, loaded
"""
    environment = {**os.environ, "HOME": str(tmp_path)}
    command = [sys.executable, "-c", code, str(tmp_path / "relay")]
    subprocess.run(command, check=True, env=environment, timeout=PATIENCE, capture_output=True)


def test_a_running_relay_is_looked_after(run: Run, tmp_path: Path) -> None:
    address = first_line(run("--listen", "127.0.0.1:0", "--registration", "token"))
    join = ends(run("token", "--uses", "2"))[1].strip()
    assert join.startswith(f"{address}/")
    home = ["--home", str(tmp_path / "bob")]
    init = [
        sys.executable,
        "-m",
        "e2echat",
        *home,
        "init",
        "bob",
        "--relay",
        join,
        "--no-passphrase",
        "--json",
    ]
    made = subprocess.run(init, check=True, timeout=PATIENCE, capture_output=True, text=True)
    assert join.rpartition("/")[2] not in made.stdout + made.stderr
    assert ends(run("users"))[1].split()[:2] == ["bob", "away"]
    assert ends(run("remove", "bob"))[0] == 0
    assert ends(run("users", "--data", str(tmp_path / "relay"))) == (0, "", "")
    assert ends(run("remove", "bob"))[0] == 7


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["users"], 1),
        (["remove", "bob"], 1),
        (["remove", "b b"], 2),
        (["remove"], 2),
        (["token", "--uses", "0"], 2),
        (["token", "--days", "0"], 2),
        (["token"], 1),
    ],
)
def test_looking_after_no_relay_is_said(run: Run, tmp_path: Path, arguments: list[str], code: int) -> None:
    ended, out, err = ends(run(*arguments))
    assert (ended, out) == (code, "")
    assert err.startswith("e2echat: ")
    assert "Traceback" not in err
    assert not (tmp_path / "relay").exists()


def test_the_configuration_is_shown_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "ours.toml"
    config.write_text("[limits]\nframe = 20\n")
    code, out, err = ends(run("--show-config", "--config", str(config), "--limit", "idle=60"))
    assert (code, err) == (0, "")
    assert tomllib.loads(out)["limits"]["frame"] == 20
    assert "frame = 20.0  # ours.toml, line 2" in out.splitlines()
    assert "idle = 60.0  # command line" in out.splitlines()
    assert not (tmp_path / "relay").exists()


def test_a_program_gets_objects(run: Run) -> None:
    code, out, err = ends(run("--json", "--show-config", "--limit", "idle=60"))
    assert (code, err) == (0, "")
    idle = {"type": "setting", "name": "limits.idle", "value": 60.0, "origin": "command line"}
    assert idle in [json.loads(line) for line in out.splitlines()]
    process = run("--json", "--listen", "127.0.0.1:0")
    said = json.loads(first_line(process))
    process.terminate()
    assert said.pop("type") == "relay"
    assert said.pop("address").startswith("relay://")
    assert said == {}
    assert ends(process) == (0, "", "")


def test_the_file_in_the_data_directory_counts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "relay").mkdir()
    (tmp_path / "relay" / "relay.toml").write_text(
        'listen = "127.0.0.1:0"\npublic = "chat.example:9"\nlog_level = "info"\n'
    )
    process = run()
    assert first_line(process).endswith("@chat.example:9")
    process.terminate()
    code, out, err = ends(process)
    assert (code, out) == (0, "")
    assert 'event="drained"' in err


@pytest.mark.parametrize("text", ["[limits]\nframe = 0\n", "[limits]\nframes = 1\n", "listen = 7\n", "x"])
def test_a_mistake_in_the_file_is_said(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "relay").mkdir()
    (tmp_path / "relay" / "relay.toml").write_text(text)
    code, out, err = ends(run())
    assert (code, out) == (2, "")
    assert "relay.toml, line " in err
