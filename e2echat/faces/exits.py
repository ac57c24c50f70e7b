"""What a process says when it ends: one code for each kind of outcome. docs/cli.md, "Exit codes"."""

from enum import IntEnum

from e2echat.errors import (
    CryptoError,
    E2EChatError,
    KeyChangedError,
    LocalError,
    NoSuchPeerError,
    ProfileBusyError,
    RefusedError,
    RelayUnreachableError,
    RemoteError,
    WrongPassphraseError,
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
