"""``daemon`` in this process, on an account that is none."""

import json
import queue
import signal
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from e2echat.client.bequest import Bequest
from e2echat.client.events import Disconnected, Event, Problem
from e2echat.errors import OwnerSilentError
from e2echat.faces.cli import daemon

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine, Process
    from tests.faces.fake_account import World

PATIENCE = 30.0
GIVEN = Bequest("00", b"")


def test_a_unit_runs_this_profile_with_this_python(cli: "CommandLine") -> None:
    cli.home = cli.home / "a b%c$d"
    unit = cli("daemon", "--unit")
    assert unit.code == 0
    (command,) = [line for line in unit.lines if line.startswith("ExecStart=")]
    assert command.endswith(f"'{str(cli.home).replace('%', '%%').replace('$', '$$')}' daemon")
    assert "e2echat.service" in unit.out
    assert not cli.world.closed


def test_a_unit_for_a_program_says_where_it_belongs(cli: "CommandLine") -> None:
    (line,) = cli("daemon", "--unit", "--json").lines
    assert json.loads(line) == {
        "type": "unit",
        "path": "~/.config/systemd/user/e2echat.service",
        "text": cli("daemon", "--unit").out,
    }


def test_what_goes_wrong_is_said_and_nothing_else(process: "Process") -> None:
    daemon = process.start("daemon", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not _catches_sigterm(daemon.pid):
        assert daemon.poll() is None
    daemon.terminate()
    assert daemon.communicate(timeout=PATIENCE) == (b"", b"")
    assert daemon.returncode == 0


def _catches_sigterm(pid: int) -> bool:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - not a file on a disk
        (caught,) = [line.split()[1] for line in status if line.startswith("SigCgt")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_problems_are_errors(cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    def events(_: object) -> Iterator[Event]:
        yield Problem("the disk is nearly full")
        yield Disconnected("nobody answers")
        raise OwnerSilentError("process 7 holds this profile and does not answer")

    monkeypatch.setattr(world.account_class().__mro__[1], "events", events)
    result = cli("daemon")
    assert (result.code, result.out) == (6, "")
    assert "the disk is nearly full" in result.err
    assert "nobody answers" not in result.err
    assert world.closed == 1


def test_an_owner_that_hangs_ends_it(cli: "CommandLine", world: "World") -> None:
    world.failures["next_event"] = OwnerSilentError("process 7 holds this profile and does not answer")
    result = cli("daemon")
    assert (result.code, result.out) == (6, "")
    assert "process 7" in result.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_mean_afterwards_what_they_meant_before(
    cli: "CommandLine", world: "World", number: int
) -> None:
    before = signal.getsignal(number)
    world.failures["next_event"] = OwnerSilentError("gone")
    cli("daemon")
    assert signal.getsignal(number) is before


class Told(queue.SimpleQueue[daemon.Told]):
    """Whoever waits misses the first that comes, as a signal is missed that falls just before the wait."""

    waits = 0

    def get(self, block: bool = True, timeout: float | None = None) -> daemon.Told:
        self.waits += 1
        if self.waits == 1:
            if timeout is None:
                raise AssertionError("this wait would never end")
            raise queue.Empty
        return super().get(block, timeout)


def test_a_signal_just_before_the_wait_is_heard(cli: "CommandLine", monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    told.put(None)
    monkeypatch.setattr(daemon, "queue", SimpleNamespace(SimpleQueue=lambda: told, Empty=queue.Empty))
    assert cli("daemon").code == 0
    assert told.waits == 2


def test_being_told_twice_of_the_passphrase_does_not_end_it(
    cli: "CommandLine", monkeypatch: pytest.MonkeyPatch
) -> None:
    told: queue.SimpleQueue[daemon.Told] = queue.SimpleQueue()
    for each in (GIVEN, GIVEN, OwnerSilentError("process 7 holds this profile and does not answer")):
        told.put(each)
    monkeypatch.setattr(daemon, "queue", SimpleNamespace(SimpleQueue=lambda: told, Empty=queue.Empty))
    result = cli("daemon", "--locked")
    assert result.code == 6
    assert "process 7" in result.err
