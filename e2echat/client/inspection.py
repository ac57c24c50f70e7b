"""How the account stands, and what may be wrong with it: a part of ``Account``."""

from typing import TYPE_CHECKING

from e2echat.client.methods import served
from e2echat.client.status import RelayAnswer, Status

if TYPE_CHECKING:
    # At run time it brings all of the cryptography with it, which who calls another process does not wait for.
    from e2echat.client.local import LocalAccount


class Inspection:
    """Changes nothing."""

    _calls: "LocalAccount"

    @served
    def status(self) -> Status:
        """The account and how it stands."""
        return self._calls.status()

    @served
    def ask_relay(self, *, timeout: float = 10) -> RelayAnswer:
        """Have our relay prove its key on a connection of its own, and ping it: how soon it answers, what time it has.

        Raises:
            RelayUnreachableError, WrongRelayError: it does not.
        """
        return self._calls.ask_relay(timeout=timeout)

    @served
    def check_database(self) -> None:
        """Read and check every page of the database, some seconds for a gigabyte; nobody is answered meanwhile.

        Raises:
            StorageError: it is damaged.
        """
        self._calls.check_database()
