"""The client library: ``from e2echat.client import Account``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2echat.client.account import Account

__all__ = ["Account"]


def __getattr__(name: str) -> object:
    """``Account``, loaded when it is first asked for: importing one module of the package drags in no other."""
    if name != "Account":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from e2echat.client.account import Account  # noqa: PLC0415 - see above

    return Account
