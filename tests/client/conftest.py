"""Real relays and accounts with real sockets and threads, in this process."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from e2echat.client import runtime
from e2echat.client.account import Account
from e2echat.client.link import Link
from e2echat.client.waiting import Pace
from e2echat.relay.limits import Limits
from e2echat.relay.server import Relay
from tests.helpers.link_peer import certificate, connect, peer, recorder

__all__ = ["certificate", "connect", "peer", "recorder"]
PATIENCE = 30.0


class Site:
    """A relay that can stop and start again at its address, and the accounts that tests make there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._relay: Relay | None = None
        self._port = 0
        self.address = ""
        self._accounts: list[Account] = []
        self.start()

    def start(self) -> None:
        relay = Relay(self.directory / "relay", port=self._port, limits=Limits(work_bits=4))
        relay.start()
        self._relay, self._port, self.address = relay, relay.address.port, str(relay.address)

    def stop(self) -> None:
        if self._relay is not None:
            self._relay.stop()
            self._relay = None

    def home(self, name: str) -> Path:
        return self.directory / name

    def create(self, name: str, home: str = "") -> Account:
        account = Account.create(self.home(home or name), name, self.address, None, timeout=PATIENCE)
        self._accounts.append(account)
        return account

    def open(self, name: str, *, connect: bool = True, stays: bool = False) -> Account:
        account = Account.open(self.home(name), lambda: "", connect=connect, stays=stays)
        self._accounts.append(account)
        return account

    def close(self) -> None:
        for account in self._accounts:
            account.close()
        self.stop()


@pytest.fixture
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    monkeypatch.setattr(runtime, "Link", partial(Link, pace=Pace(retry_first=0.02, retry_most=0.1)))
    sites: list[Site] = []

    def make(name: str) -> Site:
        sites.append(Site(tmp_path / name))
        return sites[-1]

    (before,) = {threading.active_count()}
    yield make
    for site in sites:
        site.close()
    assert threading.active_count() <= before


@pytest.fixture
def site(make_site: Callable[[str], Site]) -> Site:
    return make_site("site")
