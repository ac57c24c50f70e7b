"""What the account hears of keys."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.errors import NoSuchPeerError
from e2echat.faces.talking import keys
from e2echat.faces.talking.keys import Pen

if TYPE_CHECKING:
    from tests.faces.fake_account import World


async def _told(world: "World", times: int) -> None:
    """Return once the account has heard so many times of us."""

    def wait() -> None:
        with world.changed:
            assert world.changed.wait_for(lambda: len(world.typed) == times, 20)

    await asyncio.to_thread(wait)


@pytest.fixture
def write(world: "World") -> Callable[..., list[bool]]:
    """Have texts stand at the prompt one after the other, each once the account has heard of the one before."""

    def run(*steps: tuple[str, int]) -> list[bool]:
        account: Any = world.account_class().open(Path(), str)

        async def go() -> None:
            pen = Pen(account, "bob")
            running = asyncio.create_task(pen.run())
            for text, heard in steps:
                pen.at(text)
                await _told(world, heard)
            running.cancel()

        asyncio.run(go())
        return world.typed

    return run


def test_typing_and_leaving_off_is_told(write: Callable[..., list[bool]]) -> None:
    assert write(("h", 1), ("", 2), ("again", 3), ("", 4)) == [True, False, True, False]


def test_a_burst_of_keys_is_told_once(write: Callable[..., list[bool]]) -> None:
    assert write(("h", 1), ("he", 1), ("hel", 1), ("", 2)) == [True, False]


def test_commands_and_blanks_are_nobodys_business(write: Callable[..., list[bool]]) -> None:
    assert write(("/reply", 0), ("  ", 0), ("", 0), ("x", 1)) == [True]
    assert write(("x", 2), ("/x", 3)) == [True, True, False]


def test_while_it_goes_on_it_is_told_again(
    write: Callable[..., list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "TELL_AGAIN", 0.0)
    assert write(("h", 1), ("he", 2)) == [True, True]


def test_a_failure_costs_no_key(world: "World") -> None:
    world.failures["typing"] = NoSuchPeerError("nobody")
    account: Any = world.account_class().open(Path(), str)

    async def go() -> None:
        pen = Pen(account, "bob")
        running = asyncio.create_task(pen.run())
        pen.at("h")
        await _told(world, 1)
        pen.at("")
        await _told(world, 2)
        assert not running.done()
        running.cancel()

    asyncio.run(go())
