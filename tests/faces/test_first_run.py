"""From nothing to a conversation, led by questions; what does not do is asked for again, and nothing else."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.client.events import Connected, MessageArrived, Paired, PairingFailed
from e2echat.errors import (
    E2EChatError,
    MalformedError,
    PairingError,
    RefusedError,
    RelayUnreachableError,
    StorageError,
    WrongClockError,
    WrongRelayError,
)
from e2echat.faces.cli import first_run
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import Invitation
from tests.faces.fake_account import RELAY, person

if TYPE_CHECKING:
    from tests.faces.conftest import CommandLine, Result
    from tests.faces.fake_account import World

LINK = Invitation(RelayAddress.parse(RELAY), "carol", bytes(32), bytes(32), bytes(16)).link()
OTHER = "relay://" + "b" * 51 + "a@relay.example:7443"


@pytest.fixture
def first(cli: "CommandLine", world: "World") -> "Callable[..., Result]":
    """Runs ``talk`` by hand, without a profile, on lines typed."""
    world.exists = False
    cli.by_hand = True
    cli.secrets = ["sesame", "sesame"]
    return lambda *typed: cli("talk", typed="".join(f"{line}\n" for line in typed))


@pytest.fixture
def made_at(world: "World", monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str | None]]:
    """Name, relay and passphrase of every attempt to make an account."""
    attempts: list[tuple[str, str, str | None]] = []
    account_class = world.account_class

    def watched() -> Any:
        real: Any = account_class()

        class Watched(real):  # type: ignore[misc] # made anew for each world
            @classmethod
            def create(cls, home: Any, name: str, relay: str, passphrase: str | None, **more: Any) -> Any:
                attempts.append((name, relay, passphrase))
                return super().create(home, name, relay, passphrase, **more)

        return Watched

    monkeypatch.setattr(world, "account_class", watched)
    return attempts


def test_three_answers_and_a_name_lead_into_the_conversation(
    first: "Callable[..., Result]", world: "World"
) -> None:
    world.people.clear()
    result = first("zoe", RELAY, "frank", "hello")
    assert result.code == 0
    assert (world.name, world.passphrase, world.sent()) == ("zoe", "sesame", ["hello"])
    assert world.messages[0].peer == "frank"
    assert world.closed == 1


def test_a_slip_is_said_at_once_and_costs_no_other_answer(
    first: "Callable[..., Result]", world: "World", made_at: list[tuple[str, str, str | None]]
) -> None:
    slips = ["chat.example", "relay://abc@chat.example:7443", "4821-guitar-otter", f"{LINK[:-1]}"]
    result = first("no name!", "", "zoe", *slips, f"  {RELAY.upper().replace('RELAY', 'relay')} ", "hello")
    assert result.code == 0
    assert made_at == [("zoe", RELAY, "sesame")]
    # What is said of the link has the word in it, too.
    assert result.err.count("e2echat: ") == 2 + len(slips) + 1
    for word in ("does not begin with relay://", "3 characters", "a code", "no invitation"):
        assert word in result.err


@pytest.mark.parametrize(
    ("error", "answers", "attempts"),
    [
        (RefusedError("taken", "name_taken"), ["zoe2"], [("zoe2", RELAY)]),
        (RefusedError("closed", "registration_closed"), [OTHER], [("zoe", OTHER)]),
        (RefusedError("slower", "limit"), [""], [("zoe", RELAY)]),
        (WrongClockError(), [""], [("zoe", RELAY)]),
        (RelayUnreachableError("nobody there", "refused"), [""], [("zoe", RELAY)]),
        (RelayUnreachableError("nobody there", "silent"), ["nonsense", OTHER], [("zoe", OTHER)]),
        (WrongRelayError("another one"), [OTHER], [("zoe", OTHER)]),
        (MalformedError("gibberish"), [OTHER], [("zoe", OTHER)]),
    ],
    ids=lambda value: getattr(value, "reason", "") or type(value).__name__,
)
def test_a_refused_step_is_taken_again_with_all_that_was_typed(
    first: "Callable[..., Result]",
    world: "World",
    made_at: list[tuple[str, str, str | None]],
    error: E2EChatError,
    answers: list[str],
    attempts: list[tuple[str, str]],
) -> None:
    world.passing["create"] = [error]
    result = first("zoe", RELAY, *answers, "hello")
    assert result.code == 0
    assert made_at == [("zoe", RELAY, "sesame"), *((*attempt, "sesame") for attempt in attempts)]
    assert world.sent() == ["hello"]
    said = result.err.split("e2echat: ")[1].splitlines()
    assert said[0]
    # What to do next stands below what is wrong.
    assert said[1]
    assert not said[1].startswith("e2echat")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (RelayUnreachableError("nobody there", "refused"), ""),
        (WrongRelayError("another one"), OTHER),
        (MalformedError("gibberish"), OTHER),
    ],
)
def test_a_relay_is_looked_for_as_soon_as_it_is_named(
    first: "Callable[..., Result]",
    world: "World",
    made_at: list[tuple[str, str, str | None]],
    error: E2EChatError,
    answer: str,
) -> None:
    world.passing["try_relay"] = [error]
    result = first("zoe", RELAY, answer, "hello")
    assert result.code == 0
    assert made_at == [("zoe", answer or RELAY, "sesame")]
    assert result.err.index(str(error)) < result.err.index("A passphrase keeps")


def test_clocks_that_differ_are_said_and_can_be_set_or_left(
    first: "Callable[..., Result]", cli: "CommandLine", world: "World"
) -> None:
    world.clocks_ahead = [3 * 86_400.0, 0.0]
    result = first("zoe", RELAY, "", "hello")
    assert (result.code, world.sent()) == (0, ["hello"])
    assert "3 days ahead of this machine's" in result.err
    assert "set its clock" in result.err
    world.exists, world.clocks_ahead, cli.secrets = False, [-100.0, -100.0], ["sesame", "sesame"]
    assert first("zoe", RELAY, "", "go on", "again").code == 0
    assert world.sent() == ["hello", "again"]
    world.clocks_ahead = [100.0]
    once = cli("init", "zoe", "--relay", RELAY, "--no-passphrase")
    assert once.code == 0
    assert "100.0 s ahead of this machine's" in once.err


def test_the_one_shot_command_says_the_same(cli: "CommandLine", world: "World") -> None:
    errors = [
        RefusedError("taken", "name_taken"),
        RelayUnreachableError("nobody there", "refused"),
        WrongClockError(),
        WrongRelayError("another one"),
    ]
    world.exists, cli.by_hand = False, True
    for error in errors:
        world.passing["create"] = [error]
        once = cli("init", "zoe", "--relay", RELAY, "--no-passphrase").err
        world.passing["create"] = [error]
        cli.secrets = ["sesame", "sesame"]
        guided = cli("talk", typed=f"zoe\n{RELAY}\n").err
        assert once.startswith("e2echat: ")
        assert once.count("\n") == 2
        assert once in guided


def test_what_no_answer_would_mend_ends_it(first: "Callable[..., Result]", world: "World") -> None:
    world.failures["create"] = StorageError("the disk is full")
    assert first("zoe", RELAY, "hello").code == 1
    assert not world.exists


def test_an_account_whose_relay_fell_silent_is_gone_on_with(
    first: "Callable[..., Result]", world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    class SilenceError(RelayUnreachableError):
        """Once the claim was under way: the profile stays."""

        def __str__(self) -> str:
            world.exists, world.passphrase = True, "sesame"
            return "the relay closed the connection"

    world.passing["create"] = [SilenceError()]
    result = first("zoe", RELAY, "hello")
    assert result.code == 0
    assert world.sent() == ["hello"]
    assert "kept" in result.err


def test_asks_again_for_a_passphrase_or_goes_on_without(
    first: "Callable[..., Result]", cli: "CommandLine", world: "World"
) -> None:
    cli.secrets = ["sesame", "other", "", "sesame", "sesame"]
    assert first("zoe", RELAY, "n", "hello").code == 0
    assert world.passphrase == "sesame"
    world.exists = False
    cli.secrets = [""]
    assert first("zoe", RELAY, "y", "hello").code == 0
    assert world.passphrase is None


def test_leaving_instead_of_an_answer(first: "Callable[..., Result]", world: "World") -> None:
    for typed in ([], ["zoe"], ["zoe", "chat.example"]):
        assert first(*typed).code == 130
    world.passing["create"] = [RelayUnreachableError("nobody there", "refused")]
    assert first("zoe", RELAY).code == 130
    assert not world.exists


class TestALinkForARelay:
    def test_names_the_relay_and_the_friend(
        self, first: "Callable[..., Result]", world: "World", made_at: list[tuple[str, str, str | None]]
    ) -> None:
        wrapped = f"{LINK[:60]} {LINK[60:]}"
        assert first("zoe", wrapped, "hello").code == 0
        assert made_at == [("zoe", RELAY, "sesame")]
        assert world.added == [LINK]
        assert world.messages[0].peer == "carol"

    def test_that_is_used_up_costs_not_the_account(
        self, first: "Callable[..., Result]", world: "World"
    ) -> None:
        world.people.clear()
        world.passing["add"] = [PairingError("the link was used")]
        result = first("zoe", LINK, "frank", "hello")
        assert result.code == 0
        assert "the link was used" in result.err
        assert world.messages[0].peer == "frank"


class TestWithWhom:
    """Somebody who knows nobody, or names somebody who is not there."""

    @pytest.fixture(autouse=True)
    def alone(self, world: "World", cli: "CommandLine", monkeypatch: pytest.MonkeyPatch) -> None:
        world.people.clear()
        cli.by_hand = True
        monkeypatch.setattr(first_run, "LOOK_AGAIN", 0)

    def test_a_code_or_a_link_is_added(self, cli: "CommandLine", world: "World") -> None:
        world.people.clear()
        world.passing["add"] = [PairingError("wrong")]
        result = cli("talk", typed="\n4821 guitar otter\n4821-guitar-otter\nhello\n")
        assert result.code == 0
        assert world.added == ["4821-guitar-otter"]
        assert world.messages[0].peer == "carol"
        assert "wrong" in result.err

    def test_inviting_leads_to_whoever_came(self, cli: "CommandLine", world: "World") -> None:
        world.people.clear()
        world.happen(Paired("frank", "code", verified=True, invitation="ours"))
        result = cli("talk", typed="invite\nhello\n")
        assert result.code == 0
        assert "4821-guitar-otter" in result.out
        assert world.withdrawn == ["4821-guitar-otter"]
        assert world.messages[0].peer == "frank"

    def test_a_wrong_guess_leads_back_to_the_question(self, cli: "CommandLine", world: "World") -> None:
        world.people.clear()
        world.happen(PairingFailed("4821-guitar-otter", "somebody tried a wrong code", expired=False))
        result = cli("talk", typed="invite\nfrank\nhello\n")
        assert result.code == 0
        assert "wrong code" in result.err
        assert world.messages[0].peer == "frank"

    def test_who_is_not_there_yet_is_waited_for(
        self, cli: "CommandLine", world: "World", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks = iter(range(3))

        def monotonic() -> float:
            if next(looks, None) is None:
                world.strangers.add("zed")
            return 0.0

        monkeypatch.setattr(first_run, "time", SimpleNamespace(monotonic=monotonic))
        result = cli("talk", "--peer", "zed", typed="\nhello\n")
        assert result.code == 0
        assert world.messages[0].peer == "zed"
        assert "Waiting for zed" in result.err

    def test_whoever_writes_or_joins_meanwhile_is_there(self, cli: "CommandLine", world: "World") -> None:
        world.strangers.clear()
        for event in (Connected(), MessageArrived(world.message("not he", "eve"))):
            world.happen(event)
        world.happen(Paired("bob", "link", verified=False, invitation="ours"))
        world.people["bob"] = person("bob")
        assert cli("talk", "--peer", "zed", typed="\nhello\n").code == 0
        assert world.messages[-1].peer == "bob"

    def test_whoever_joins_by_the_link_is_compared_with_here(
        self, cli: "CommandLine", world: "World"
    ) -> None:
        world.happen(Paired("bob", "link", verified=False, invitation="ours"))
        said = cli("talk", "--peer", "zed", typed="invite\nhello\n").err
        assert "bob joined by your link" in said
        assert "compare the number: /verify" in said
        assert "e2echat verify" not in said

    def test_another_name_will_do(self, cli: "CommandLine", world: "World") -> None:
        result = cli("talk", "--peer", "zed", typed="nobody\nfrank\nhello\n")
        assert result.code == 0
        assert world.messages[0].peer == "frank"
        assert result.err.count("is unknown") == 2

    def test_a_relay_that_is_down_is_tried_again(self, cli: "CommandLine", world: "World") -> None:
        world.up = False
        result = cli("talk", "--peer", "frank", typed="")
        assert result.code == 130
        assert "Enter waits" in result.err

    def test_a_script_is_told_by_the_exit_code(self, cli: "CommandLine") -> None:
        cli.by_hand = False
        assert cli("talk", "--peer", "zed", typed="hi\n").code == 7
