"""How two people find each other: a part of ``Account``."""

from typing import TYPE_CHECKING

from e2echat.client.events import Invitation, Paired
from e2echat.client.methods import served

if TYPE_CHECKING:
    # At run time it brings all of the cryptography with it, which who calls another process does not wait for.
    from e2echat.client.local import LocalAccount


class Pairing:
    """Codes live in the process that owns the profile, and end with it; links are kept."""

    _calls: "LocalAccount"

    @served
    def invite(self, *, timeout: float = 30) -> Invitation:
        """A link and a code to give to somebody; ``Paired`` tells that one was used, ``PairingFailed`` that the code is over.

        Raises:
            RelayUnreachableError, WrongRelayError, PairingError: there is no code to be had.
        """
        return self._calls.invite(timeout=timeout)

    @served
    def withdraw(self, code: str) -> None:
        """The code is not to be good any more."""
        self._calls.withdraw(code=code)

    @served
    def add(self, text: str, *, timeout: float = 120) -> Paired:
        """Use somebody's link or code: he is then a contact, and verified.

        Raises:
            InvalidCodeError, InvalidInvitationError, InvalidAddressError: it is neither.
            PairingError, KeyChangedError: wrong, used up, or not answered.
            NoSuchPeerError, RelayUnreachableError, WrongRelayError: as for ``safety``.
        """
        return self._calls.add(text=text, timeout=timeout)
