"""What a process says when it ends: one code for each kind of outcome. docs/cli.md, "Exit codes"."""

from datetime import UTC, datetime
from enum import IntEnum

from e2echat.errors import (
    CryptoError,
    E2EChatError,
    KeyChangedError,
    ListenError,
    LocalError,
    LockedError,
    MalformedError,
    NoSuchPeerError,
    NoSuchUserError,
    OutOfTimeError,
    PeerBlockedError,
    ProfileBusyError,
    RefusedError,
    RelayDamagedError,
    RelayUnreachableError,
    RemoteError,
    TextTooLongError,
    WrongClockError,
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
    LockedError: Exit.LOCKED,
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
    "registration_closed": "Ask whoever runs the relay for an address to join with: it ends in a token, and is good for a few names and some days.",
    "name_lost": "Ask whoever runs the relay. What was said stays in this profile; to go on, make an account under another name: e2echat --home NEW init NAME --relay ADDRESS",
    "stale": "Use the newer one. To go on with this one instead: e2echat backup FILE, then e2echat --home NEW restore FILE",
    "mailbox_full": "The other side has not fetched its messages for long; this one is kept and tried again.",
    "limit": "That was much in a short time; try again later.",
    "storage": "The relay's disk is in trouble; try again later, or tell whoever runs it.",
}
"""By the reason that a relay names."""

UNREACHABLE = {
    "refused": "Nothing listens there: see that the relay runs, and that host and port are right.",
    "silent": "See that the relay runs there, and that its port is open in the firewall.",
    "unknown_host": "See that the host is spelled right, and that this machine is online.",
    "no_way": "See that this machine is online.",
    "not_tls": "Something answers there that is no relay: see that host and port are right.",
    "proxy": "See that the proxy runs, or choose another one: e2echat proxy, or E2ECHAT_PROXY for once.",
}
"""By why a relay is not reached."""

ADVICE: dict[type[E2EChatError], str] = {
    NoSuchPeerError: "Check the name, or try again once they have joined. Somebody on another relay is NAME@ADDRESS, with that relay's address.",
    NoSuchUserError: "Who has one is listed by: e2echat relay users",
    TextTooLongError: "Send it in parts, each of which fits.",
    RelayDamagedError: "Put a copy of the data directory back; or move relay.db* away and keep relay.key: then the relay starts empty at the same address, clients claim their names again, and names that were removed are free to anybody.",
    ListenError: "If another program has the port, stop it, or listen elsewhere: e2echat relay --listen HOST:PORT. A port below 1024 takes privileges.",
    WrongRelayError: "The PIN in the address belongs to another relay, or somebody poses as this one. Ask whoever runs it for the address again.",
    MalformedError: "What answers there is no relay, or one of another version: see that host and port are right.",
    RelayUnreachableError: "Check that the relay runs, and that this machine reaches it.",
    ProfileBusyError: "It does not let others work on the profile now: end it, or wait for it.",
}
"""By the class of an error whose own words do not say what to do."""


def advice_for(error: E2EChatError) -> str | None:
    """What to do next, if the sentence itself does not say it."""
    if isinstance(error, RefusedError):
        return REFUSALS.get(error.reason)
    if isinstance(error, PeerBlockedError):
        return f"To undo that: e2echat accept {error.peer}"
    if isinstance(error, RelayUnreachableError) and error.why in UNREACHABLE:
        return UNREACHABLE[error.why]
    if isinstance(error, WrongClockError | OutOfTimeError):
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        return f"This machine says that it is {now} in UTC. If it is not, set its clock and try again; else the other side's is wrong."
    if isinstance(error, KeyChangedError) and error.message_id:
        return "Compare the number again (e2echat verify PEER) or accept the key (e2echat accept PEER): then it is sent."
    return ADVICE.get(type(error))
