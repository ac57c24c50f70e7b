"""The account itself, made and read back."""

from collections.abc import Iterator

import pytest

from e2echat.client.own import Own
from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import StorageError
from e2echat.store.database import Database
from e2echat.store.records import Records
from e2echat.wire.address import RelayAddress

NOW = 1_700_000_000_000
ADDRESS = RelayAddress(bytes(32), "localhost", 7443)


@pytest.fixture(name="records")
def _records() -> Iterator[Records]:
    records = Records(Database.open(None, bytes(32)))
    yield records
    records.close()


@pytest.fixture(name="own")
def _own(records: Records, account: SigningKey, randomness: SystemRandomness) -> Own:
    return Own.create(records, account, "alice", ADDRESS, NOW, randomness)


def test_it_is_read_back(records: Records, own: Own, account: SigningKey) -> None:
    again = Own.load(records, account)
    assert (again.name, again.address) == ("alice", ADDRESS)
    assert again.device.device == own.device.device
    assert again.claim.raw == own.claim.raw
    assert again.device.device.epoch == NOW // 1000


def test_another_accounts_database_is_refused(records: Records, own: Own, other_account: SigningKey) -> None:
    with pytest.raises(StorageError):
        Own.load(records, other_account)


@pytest.mark.parametrize(
    "missing", ["address", "identity", "device", "device_key", "sign_in_key", "claim", "capability"]
)
def test_a_database_with_something_missing_is_refused(
    records: Records, own: Own, account: SigningKey, missing: str
) -> None:
    records.delete_own(missing)
    with pytest.raises(StorageError):
        Own.load(records, account)


def test_there_is_no_route_before_the_first_sign_in(records: Records, own: Own) -> None:
    assert own.route(records) is None
    records.set_own("mailbox", bytes(16))
    route = own.route(records)
    assert route is not None
    assert (route.address, route.mailbox, route.capability) == (
        str(ADDRESS),
        bytes(16),
        records.own("capability"),
    )
