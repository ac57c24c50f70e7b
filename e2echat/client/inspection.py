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

    @staticmethod
    def try_relay(relay: str, proxy: str | None = None, *, timeout: float = 15) -> RelayAnswer:
        """Have a relay that one may join prove its key at the address ``relay``, without an account, and name nobody.

        Raises:
            InvalidAddressError, InvalidProxyError: as their docstrings say.
            RelayUnreachableError, WrongRelayError, MalformedError: none answers there, another one, or something else.
        """
        from e2echat.client.probing import probe  # noqa: PLC0415 - see above
        from e2echat.client.socks import chosen_proxy  # noqa: PLC0415 - see above
        from e2echat.wire.address import JoinAddress  # noqa: PLC0415 - see above

        return probe(JoinAddress.parse(relay).relay, chosen_proxy(proxy), timeout)

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
