import json
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.settings import Settings
from e2echat.errors import LocalError, LockedError, NoProfileError, OwnerSilentError, ProfileBusyError
from e2echat.faces.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World

LOCKED = LockedError("locked")


def test_lock(cli: "CommandLine", world: "World") -> None:
    """With no passphrase to be had: it needs none."""
    world.passphrase = "sesame"
    assert cli("lock").code == Exit.DONE
    assert world.locked == 1
    assert json.loads(cli("lock", "--json").out) == {"type": "locked", "was_open": True}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LocalError("it has no passphrase"), Exit.USAGE),
        (OwnerSilentError("process 7 does not answer"), Exit.LOCKED),
    ],
)
def test_what_cannot_be_locked(cli: "CommandLine", world: "World", error: Exception, code: Exit) -> None:
    world.failures["lock"] = error
    assert cli("lock").code == code


@pytest.mark.parametrize("arguments", [("receive", "--follow"), ("receive", "--timeout", "9")])
def test_commands_end_when_it_is_locked(
    cli: "CommandLine", world: "World", arguments: tuple[str, ...]
) -> None:
    world.failures["next_event"] = LOCKED
    result = cli(*arguments)
    assert (result.code, cli.started_over) == (Exit.LOCKED, [])
    assert "locked" in result.err


def test_a_pipe_ends_too(cli: "CommandLine", world: "World") -> None:
    world.failures["catch_up"] = LOCKED
    assert cli("talk", "--peer", "bob", typed="hi\n").code == Exit.LOCKED
    assert cli.started_over == []


def test_talk_starts_over(cli: "CommandLine", world: "World") -> None:
    cli.by_hand = True
    world.failures["next_event"] = LOCKED
    result = cli("talk", "--peer", "bob", typed="\n\n")
    assert (result.code, cli.started_over) == (Exit.DONE, [()])
    assert "Locked" in result.err


def test_talk_locks_itself(cli: "CommandLine", world: "World") -> None:
    cli.by_hand = True
    result = cli("talk", "--peer", "bob", typed="hi\n/lock\n\n\n")
    assert (result.code, cli.started_over) == (Exit.DONE, [()])
    assert world.sent() == ["hi"]


@pytest.mark.parametrize("said", [False, True])
def test_talk_comes_back_to_the_conversation_it_was_in(
    cli: "CommandLine", world: "World", person: "Callable[..., Any]", said: bool
) -> None:
    world.people["carol"] = person("carol")
    cli.by_hand = True
    if said:
        world.message("said", "carol")
    world.message("said elsewhere")
    cli("talk", typed="carol\n/lock\n\n")
    (((option, place),),) = (cli.started_over,)
    assert option == "--back-to"
    assert "carol" not in place
    del world.failures["next_event"]
    cli("talk", "--back-to", place, typed="hi\n/quit\n")
    assert world.messages[-1].peer == "carol"


def test_talk_comes_back_to_somebody_of_whom_nothing_is_recorded(
    cli: "CommandLine", world: "World", person: "Callable[..., Any]"
) -> None:
    world.people["carol"] = person("carol")
    cli.by_hand = True
    cli("talk", typed="frank\ny\n/lock\n\n")
    del world.failures["next_event"]
    cli("talk", *cli.started_over[0], typed="hi\n/quit\n")
    assert world.messages[-1].peer == "frank"


def test_talk_asks_where_it_is_in_doubt(
    cli: "CommandLine", world: "World", person: "Callable[..., Any]"
) -> None:
    world.people["carol"] = person("carol")
    cli.by_hand = True
    assert "With whom?" in cli("talk", "--back-to", "another's").err


def test_talk_stays_where_there_is_nothing_to_lock(cli: "CommandLine", world: "World") -> None:
    cli.by_hand = True
    world.failures["lock"] = LocalError("this profile has no passphrase")
    result = cli("talk", "--peer", "bob", typed="/lock\nhi\n/quit\n")
    assert (result.code, cli.started_over) == (Exit.DONE, [])
    assert "no passphrase" in result.err
    assert world.sent() == ["hi"]


@pytest.mark.parametrize(
    ("error", "code", "started_over"),
    [(LOCKED, Exit.DONE, [()]), (NoProfileError("the account was deleted"), Exit.USAGE, [])],
)
def test_a_question_does_not_outlive_the_account(
    cli: "CommandLine", world: "World", error: Exception, code: Exit, started_over: list[tuple[str, ...]]
) -> None:
    world.people.clear()
    world.failures["add"] = error
    cli.by_hand = True
    assert cli("talk", typed="4821-guitar-otter\n").code == code
    assert cli.started_over == started_over


def test_talk_asks_again_after_a_wrong_passphrase(cli: "CommandLine", world: "World") -> None:
    world.passphrase = "sesame"
    cli.by_hand, cli.secrets = True, ["wrong", "worse", "sesame"]
    assert cli("talk", "--peer", "bob", typed="/quit\n").code == Exit.DONE


def test_nobody_is_asked_again_for_what_a_file_says(
    cli: "CommandLine", world: "World", tmp_path: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    world.passphrase, cli.by_hand = "sesame", True
    cli.secrets = ["never asked"]
    file = tmp_path / "passphrase"
    file.write_text("wrong")
    file.chmod(0o600)
    monkeypatch.setenv("E2ECHAT_PASSPHRASE_FILE", str(file))
    assert cli("talk", "--peer", "bob").code == Exit.LOCKED


def test_a_daemon_starts_over_and_then_waits(cli: "CommandLine", world: "World") -> None:
    world.passphrase = "sesame"
    world.failures["next_event"] = LOCKED
    cli.secrets = ["sesame"]
    assert cli("daemon").code == Exit.DONE
    assert cli.started_over == [("--locked",)]
    cli.secrets = []
    assert cli("daemon", "--locked").code == Exit.DONE
    assert cli.started_over == [("--locked",), ()]
    assert world.guarded == 1


def test_a_daemon_takes_what_opens_it_from_who_has_it_open(cli: "CommandLine", world: "World") -> None:
    world.failures |= {"guarded": ProfileBusyError("another"), "next_event": OwnerSilentError("gone")}
    assert cli("daemon", "--locked").code == Exit.LOCKED
    assert world.closed == 1


def test_two_that_wait_do_not_spin(
    cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2echat.faces.cli.daemon.LOOK_AGAIN", 0.001)
    world.failures |= {"guarded": ProfileBusyError("another"), "open": LOCKED}
    assert cli("daemon", "--locked").code == Exit.DONE
    assert cli.started_over == [()]


@pytest.mark.parametrize(("said", "seconds"), [("10m", 600), ("90s", 90), ("off", 0)])
def test_locking_by_itself(cli: "CommandLine", world: "World", said: str, seconds: int) -> None:
    assert cli("settings", "--lock-after", said).code == Exit.DONE
    assert world.settings == Settings(lock_after=seconds)
    assert json.loads(cli("settings", "--json").out)["lock_after"] == seconds


def test_no_such_time(cli: "CommandLine", world: "World") -> None:
    assert cli("settings", "--lock-after", "soon").code == Exit.USAGE
    assert world.settings == Settings()
