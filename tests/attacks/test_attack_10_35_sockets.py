"""Attacks from the outside on accounts with real sockets, at a relay that was made hostile."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from e2echat.client import runtime
from e2echat.client.account import Account
from e2echat.client.events import MessageState
from e2echat.relay.server import Relay
from tests.e2e.conftest import RecordingProxy
from tests.helpers.hostile_relay import Fate, HostileRelay
from tests.helpers.inside import inside

pytestmark = pytest.mark.campaign

PATIENCE = 30.0
DAY = 86_400_000
SCHEDULES = 4
TEXTS = ["one", "two", "three"]


@pytest.fixture
def relay(
    tmp_path: Path, proxy_to: Callable[[str, int], RecordingProxy]
) -> Iterator[tuple[HostileRelay, str]]:
    """A hostile relay, and its address."""
    honest = Relay(tmp_path / "relay", tls=False)
    honest.start()
    hostile = HostileRelay(proxy_to("127.0.0.1", honest.address.port))
    yield hostile, hostile.address(str(honest.address))
    honest.stop()


@pytest.fixture
def join(relay: tuple[HostileRelay, str], tmp_path: Path) -> Iterator[Callable[[str], Account]]:
    made: list[Account] = []

    def join(name: str) -> Account:
        made.append(Account.create(tmp_path / name, name, relay[1], None, timeout=PATIENCE))
        return made[-1]

    yield join
    for account in made:
        account.close()


def hear(account: Account, texts: list[str]) -> None:
    """Wait until these have come, and nothing else."""
    assert inside(account).runtime.wait(lambda: len(account.unshown()) >= len(texts) or None, PATIENCE)
    assert [message.text for message in account.unshown()] == texts
    for message in account.unshown():
        account.mark_shown(message.number)


@pytest.mark.parametrize("days", [29, 31])
def test_10_what_a_relay_withholds_for_a_month_is_taken_when_it_comes(
    relay: tuple[HostileRelay, str],
    join: Callable[[str], Account],
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    hostile = relay[0]
    alice, bob = join("alice"), join("bob")
    alice.send("bob", "hello")
    hear(bob, ["hello"])
    bob.send("alice", "hi")
    hear(alice, ["hi"])
    held = threading.Event()

    def withhold(_: object) -> Fate:
        held.set()
        return Fate.WITHHELD

    hostile.fate = withhold
    message = alice.send("bob", "withheld")
    assert alice.wait(message, MessageState.STORED, PATIENCE) is MessageState.STORED
    assert held.wait(PATIENCE)
    now = runtime.unix_milliseconds
    monkeypatch.setattr(runtime, "unix_milliseconds", lambda: now() + days * DAY)
    assert bob.unshown() == []
    hostile.fate = lambda _: Fate.GIVEN
    hostile.proxy.cut()
    hear(bob, ["withheld"])
    assert alice.wait(message, MessageState.DELIVERED, PATIENCE) is not MessageState.STORED


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_35_both_begin_at_once_and_nothing_is_lost(
    relay: tuple[HostileRelay, str], join: Callable[[str], Account], seed: int
) -> None:
    hostile, random = relay[0], Random(seed)
    alice, bob = join("alice"), join("bob")
    hostile.fate = lambda _: Fate.WITHHELD
    messages = [
        (sender, sender.send(peer, text))
        for text in TEXTS
        for sender, peer in random.sample([(alice, "bob"), (bob, "alice")], 2)
    ]
    for sender, message in messages:
        assert sender.wait(message, MessageState.STORED, PATIENCE) is MessageState.STORED
    # From now on as chance has it; what is not given out comes with the next connection.
    hostile.fate = lambda _: random.choice([Fate.GIVEN, Fate.GIVEN, Fate.WITHHELD, Fate.LOST])
    for _ in range(4):
        hostile.proxy.cut()
        for account in (alice, bob):
            account.catch_up(1)
    hostile.fate = lambda _: Fate.GIVEN
    hostile.proxy.cut()
    hear(alice, TEXTS)
    hear(bob, TEXTS)
    for sender, message in messages:
        assert sender.wait(message, MessageState.DELIVERED, PATIENCE) in (
            MessageState.DELIVERED,
            MessageState.READ,
        )
    delivered = alice.send("bob", "and on")
    hear(bob, ["and on"])
    assert alice.wait(delivered, MessageState.DELIVERED, PATIENCE) is not MessageState.STORED
