"""Making an account at a relay that asks for a token: from the operator's command to what contacts are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2echat.client.account import Account
from e2echat.errors import RefusedError
from e2echat.relay import operating
from e2echat.relay.server import Relay
from e2echat.relay.tokens import Registration
from tests.helpers.inside import inside

PATIENCE = 30.0


@pytest.fixture
def club(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path / "relay", registration=Registration.TOKEN)
    relay.start()
    yield relay
    relay.stop()


def create(tmp_path: Path, name: str, address: str) -> Account:
    return Account.create(tmp_path / name, name, address, None, timeout=PATIENCE)


def test_an_address_with_a_token_makes_one_account(club: Relay, tmp_path: Path) -> None:
    address = operating.make_token(tmp_path / "relay", 1, 1)
    token = address.rpartition("/")[2]
    with create(tmp_path, "bob", address) as bob:
        own = inside(bob)._holding.own
        route = own.route(inside(bob)._holding.records)
        assert route is not None
        assert bob.address == bob.status().address == route.address == str(club.address)
        assert token not in f"{own!r}{bob.status()!r}{route!r}"
        # It has served its purpose.
        assert inside(bob)._holding.records.own("join_token") is None
    with Account.open(tmp_path / "bob", lambda: "") as bob:
        assert bob.catch_up(PATIENCE)
    with pytest.raises(RefusedError) as refused:
        create(tmp_path, "carol", address)
    assert refused.value.reason == "registration_closed"
    assert not (tmp_path / "carol").exists()


def test_without_a_token_there_is_no_account(club: Relay, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        create(tmp_path, "bob", str(club.address))
    assert refused.value.reason == "registration_closed"
    assert not (tmp_path / "bob").exists()
