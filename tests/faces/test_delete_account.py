import json
from typing import TYPE_CHECKING

import pytest

from e2echat.errors import RefusedError
from e2echat.faces.exits import Exit

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine
    from tests.faces.fake_account import World


def test_after_the_name_was_typed(cli: "CommandLine", world: "World") -> None:
    cli.by_hand = True
    result = cli("delete-account", typed="alice\n")
    assert result.code == Exit.DONE
    assert (world.exists, world.left) == (False, True)
    assert "Contacts are not told" in result.err


@pytest.mark.parametrize("typed", ["\n", "bob\n", "yes\n", "ALICE\n"])
def test_another_answer_deletes_nothing(cli: "CommandLine", world: "World", typed: str) -> None:
    cli.by_hand = True
    assert cli("delete-account", typed=typed).code == Exit.USAGE
    assert world.exists


def test_no_answer_deletes_nothing(cli: "CommandLine", world: "World") -> None:
    cli.by_hand = True
    assert cli("delete-account").code == Exit.INTERRUPTED
    assert world.exists


def test_a_script_names_it(cli: "CommandLine", world: "World") -> None:
    assert cli("delete-account", typed="alice\n").code == Exit.USAGE
    assert cli("delete-account", "--yes", "bob").code == Exit.USAGE
    assert world.exists
    done = cli("delete-account", "--yes", "alice", "--json")
    assert json.loads(done.out) == {"type": "account_deleted", "name": "alice", "at_relay": True}
    assert not world.exists


def test_a_relay_that_does_not_answer(cli: "CommandLine", world: "World") -> None:
    world.up = False
    result = cli("delete-account", "--yes", "alice")
    assert (result.code, world.exists) == (Exit.UNREACHABLE, True)
    assert "--local-only" in result.err
    done = cli("delete-account", "--yes", "alice", "--local-only", "--json")
    assert json.loads(done.out)["at_relay"] is False
    assert (world.exists, world.left) == (False, False)


def test_what_a_killed_deletion_left_needs_no_name(cli: "CommandLine", world: "World") -> None:
    world.exists, world.left_over = False, True
    assert cli("delete-account").code == Exit.USAGE
    done = cli("delete-account", "--local-only", "--json")
    assert json.loads(done.out) == {"type": "account_deleted", "name": None, "at_relay": False}
    assert cli("delete-account", "--local-only").code == Exit.USAGE


def test_a_relay_that_refuses(cli: "CommandLine", world: "World") -> None:
    world.failures["delete"] = RefusedError("the relay's disk failed", "storage")
    assert cli("delete-account", "--yes", "alice").code == Exit.REFUSED
    assert world.exists
