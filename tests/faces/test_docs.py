"""docs/cli.md and the code say the same."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
import pytest

from e2echat.client.account import Account
from e2echat.client.events import (
    Gap,
    KeyChanged,
    MessageDeleted,
    MessageEdited,
    MessageState,
    NewStranger,
    Reacted,
    Restarted,
    StateChanged,
    TimerChanged,
)
from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.faces.cli.app import COMMANDS, app
from e2echat.faces.exits import Exit
from e2echat.relay.limits import Limits
from e2echat.relay.server import Relay
from e2echat.relay.switchboard import Switchboard

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def sections(text: str, level: str) -> dict[str, str]:
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


CHAPTERS = sections(PAGE, "##")
DOCUMENTED = sections(CHAPTERS["Commands"], "###")


def found(name: str) -> click.Command:
    """The command of that name, or the command of a command."""
    command: click.Command | None = app
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command
    return command


RELAY = found("relay")
assert isinstance(RELAY, click.Group)
NAMES = [*COMMANDS, *(f"relay {name}" for name in RELAY.commands)]


def test_the_commands_are_those_documented() -> None:
    assert set(DOCUMENTED) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_options_are_those_documented(name: str) -> None:
    command = found(name)
    offered = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    } - {"--home", "--json"}
    table = re.findall(r"^\| `(--[a-z-]+)", DOCUMENTED[name].partition("####")[0], flags=re.MULTILINE)
    usage = re.findall(r"--[a-z-]+", DOCUMENTED[name].split("```")[1])
    assert set(table) == set(usage) == offered
    assert len(table) == len(offered)


@pytest.mark.parametrize("name", NAMES)
def test_the_usage_names_required_arguments_as_such(name: str) -> None:
    command = found(name)
    usage = DOCUMENTED[name].split("```")[1]
    for parameter in command.params:
        if parameter.name in ("home", "json"):
            continue
        shown = parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.name).upper()
        assert (f"[{shown}" in usage) != parameter.required


def test_the_limits_of_a_relay_are_those_documented() -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)` \| (\S+) \| (\S+) to (\S+) \|$", DOCUMENTED["relay"], flags=re.MULTILINE
    )
    documented = {name: tuple(map(float, values)) for name, *values in rows}
    hints = get_type_hints(Limits, include_extras=True)
    bounds = {name: get_args(hint)[1] for name, hint in hints.items()}
    assert documented == {
        name: (getattr(Limits(), name), within.least, within.most) for name, within in bounds.items()
    }


def test_the_metrics_of_a_relay_are_those_documented() -> None:
    board = Switchboard(SigningKey.generate(SystemRandomness()), Limits(), SystemRandomness(), 0)
    said = set(
        re.findall(r"^# TYPE e2echat_relay_(\w+) ", board.counters.exposition(board.gauges()), re.MULTILINE)
    )
    chapter = DOCUMENTED["relay"].partition("#### What a relay says of itself")[2]
    documented = set(re.findall(r"`([a-z_]+)`", chapter)) - {"drained", "kind", "e2echat_relay_"}
    assert {name.removesuffix("_total") for name in said} == documented


def test_the_exit_codes_are_those_documented() -> None:
    codes = re.findall(r"^\| (\d+) \|", CHAPTERS["Exit codes"], flags=re.MULTILINE)
    assert [int(code) for code in codes] == sorted(Exit)


@pytest.fixture
def relay_data(tmp_path: Path) -> str:
    """The directory of a relay that has stopped and has kept a record, at which bob has a name and was asked for."""
    relay = Relay(tmp_path / "relay", record=tmp_path / "relay" / "record")
    relay.start()
    try:
        with Account.create(tmp_path / "bob", "bob", str(relay.address), None):
            pass
        with Account.create(tmp_path / "eve", "eve", str(relay.address), None) as eve:
            eve.safety("bob")
    finally:
        relay.stop()
    return str(tmp_path / "relay")


def test_the_objects_are_those_documented(
    cli: "CommandLine",
    world: "World",
    number: str,
    person: Callable[..., Any],
    relay_data: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", CHAPTERS["Objects"], flags=re.MULTILINE)
    documented = {
        kind: {"type", *re.findall(r"`(\w+)`", keys)} - {"history"}
        for kind, printer, keys in rows[1:]
        if "history" not in printer
    }
    # Of a process that stays: tests/faces/test_relay_command.py.
    assert documented.pop("relay") == {"type", "address"}
    documented["found"] |= documented["message"]
    world.message("hi")
    world.people["eve"] = person("eve", standing="stranger")
    message = world.messages[0]
    sent = world.message("hi", direction="out", state=MessageState.STORED)
    for event in (
        *(Gap("bob", 1), KeyChanged("bob", verified=False), Restarted("bob"), NewStranger("eve")),
        *(
            MessageEdited(message),
            MessageDeleted(message),
            Reacted(message, "bob", "+1"),
            TimerChanged("bob", "bob", 5),
            StateChanged(sent),
        ),
    ):
        world.happen(event)
    passphrase = Path(relay_data) / "passphrase"
    passphrase.write_text("correct horse")
    passphrase.chmod(0o600)
    monkeypatch.setenv("E2ECHAT_BACKUP_PASSPHRASE_FILE", str(passphrase))
    printed: dict[str, set[str]] = {}
    for arguments in (
        ("init", "carol", "--relay", "relay", "--no-passphrase"),
        ("talk", "--peer", "bob"),
        ("send", "--peer", "bob", "hi"),
        ("search", "h"),
        ("edit", message.id, "hi"),
        ("keep", "bob"),
        ("settings",),
        ("contacts",),
        ("fingerprint",),
        ("fingerprint", "bob"),
        ("verify", "bob", number),
        ("accept", "eve"),
        ("invite", "--timeout", "0"),
        ("add", "4821-guitar-otter"),
        ("block", "eve"),
        ("status",),
        ("doctor",),
        ("move", "relay"),
        ("proxy", "none"),
        ("completion", "bash"),
        ("daemon", "--unit"),
        ("relay", "--show-config", "--data", relay_data),
        ("relay", "token", "--data", relay_data),
        ("relay", "users", "--data", relay_data),
        ("relay", "remove", "bob", "--data", relay_data),
        ("audit", f"{relay_data}/record"),
        ("export", "bob", "--output", f"{relay_data}/export"),
        ("passphrase", "--no-passphrase"),
        ("lock",),
        ("backup", f"{relay_data}/backup"),
        ("restore", f"{relay_data}/backup", "--no-passphrase"),
        ("delete-account", "--yes", "carol"),
    ):
        for line in cli(*arguments, "--json").lines:
            values = json.loads(line)
            printed[values["type"]] = set(values)
    assert printed == documented


def test_history_adds_direction_and_state(cli: "CommandLine", world: "World") -> None:
    world.message("hi")
    received = json.loads(cli("receive", "--json").out)
    kept = json.loads(cli("history", "bob", "--json").out)
    assert set(kept) - set(received) == {"direction", "state"}
    assert {key: kept[key] for key in received} == received
