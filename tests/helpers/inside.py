"""What is inside an account that this process owns."""

from e2echat.client.account import Account
from e2echat.client.local import LocalAccount


def inside(account: Account) -> LocalAccount:
    owner = account._sharing._owner
    assert owner is not None
    return owner.local
