"""What a process says when it ends: one code for each kind of outcome. docs/cli.md, "Exit codes"."""

from enum import IntEnum

from e2echat.errors import (
    CryptoError,
    E2EChatError,
    KeyChangedError,
    LocalError,
    NoSuchPeerError,
    PeerBlockedError,
    ProfileBusyError,
    RefusedError,
    RelayUnreachableError,
    RemoteError,
    WrongPassphraseError,
    WrongRelayError,
)


class Exit(IntEnum):
    """Scripts rely on these numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    QUEUED = 3
    KEY = 4
    UNREACHABLE = 5
    LOCKED = 6
    NO_SUCH_PEER = 7
    REFUSED = 8
    INTERRUPTED = 130
    NOBODY_READS = 141
    """The reader of our output has gone, as a shell reports it for any other program."""


EXITS: dict[type[E2EChatError], Exit] = {
    NoSuchPeerError: Exit.NO_SUCH_PEER,
    LocalError: Exit.USAGE,
    KeyChangedError: Exit.KEY,
    CryptoError: Exit.KEY,
    RefusedError: Exit.REFUSED,
    # Whatever answers there does not speak the protocol, which is no better than no answer.
    RemoteError: Exit.UNREACHABLE,
    RelayUnreachableError: Exit.UNREACHABLE,
    WrongPassphraseError: Exit.LOCKED,
    ProfileBusyError: Exit.LOCKED,
    E2EChatError: Exit.FAILED,
}
"""The nearest class of an error's ancestry decides."""


def exit_for(error: E2EChatError) -> Exit:
    """The code that a command ends with when ``error`` stopped it."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)


def sentence_for(error: E2EChatError) -> str:
    """What to tell the person: the particulars, or else what the error's class says."""
    return str(error) or str(type(error).__doc__)


REFUSALS = {
    "name_taken": "Names that look alike count as one; choose another name.",
    "registration_closed": "Ask whoever runs the relay for an address to join with; each is good for a few names and some days.",
    "mailbox_full": "The other side has not fetched its messages for long; this one is kept and tried again.",
    "limit": "That was much in a short time; try again later.",
    "storage": "The relay's disk is in trouble; try again later, or tell whoever runs it.",
}
"""By the reason that a relay names."""

ADVICE: dict[type[E2EChatError], str] = {
    NoSuchPeerError: "Check the name, or try again once they have joined. Somebody on another relay is NAME@ADDRESS, with that relay's address.",
    PeerBlockedError: "To undo that: e2echat accept PEER",
    WrongRelayError: "Ask whoever runs the relay for its address again, and trust no other way to it.",
    RelayUnreachableError: "Check that the relay runs, and that this machine reaches it.",
    ProfileBusyError: "It does not let others work on the profile now: end it, or wait for it.",
}
"""By the class of an error whose own words do not say what to do."""


def advice_for(error: E2EChatError) -> str | None:
    """What to do next, if the sentence itself does not say it."""
    if isinstance(error, RefusedError):
        return REFUSALS.get(error.reason)
    if isinstance(error, KeyChangedError) and error.message_id:
        return "Compare the number again (e2echat verify PEER) or accept the key (e2echat accept PEER): then it is sent."
    return ADVICE.get(type(error))
