"""What is looked at before there is an account, so that a slip is said where it is made."""

from dataclasses import dataclass

from e2echat.crypto.codes import is_code
from e2echat.errors import InvalidAddressError, WrongClockError
from e2echat.wire.address import JoinAddress
from e2echat.wire.invitation import Invitation, is_link
from e2echat.wire.names import canonical_name

EARLIEST = 1_735_689_600_000
"""Unix milliseconds, the beginning of 2025: a clock that says less stood still, say with an empty battery."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where an account is to be made. ``relay``: an address to join with. ``link``: the invitation it was read from."""

    relay: str
    link: str | None = None


def checked_name(text: str) -> str:
    """The one spelling of the name that ``text`` is.

    Raises:
        InvalidNameError: it is none.
    """
    return canonical_name(text)


def checked_way(text: str) -> Way:
    """What a person pastes who is asked for a relay: its address, or an invitation of somebody who is there.

    Raises:
        InvalidAddressError, InvalidInvitationError: it is neither.
    """
    if is_link(text):
        invitation = Invitation.parse(text)
        return Way(str(invitation.relay), invitation.link())
    if is_invitation(text):
        raise InvalidAddressError(
            "That is a code, which works once you have an account. Ask for the relay's address, or for a link, which has it in it."
        )
    return Way(JoinAddress.parse(text).text())


def is_invitation(text: str) -> bool:
    """Whether ``text`` means to be a link or a code, rather than a name."""
    return is_link(text) or is_code(text.partition("@")[0])


def checked_clock(now: int) -> int:
    """``now``, in unix milliseconds, if it can be the time of day.

    Raises:
        WrongClockError: it is long past.
    """
    if now < EARLIEST:
        raise WrongClockError(str(WrongClockError.__doc__))
    return now
