"""The account and how it stands, as faces see it."""

from dataclasses import dataclass
from datetime import datetime

MOST_SKEW = 60.0
"""Seconds by which two clocks may differ beyond a round trip."""
_UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}
"""Of which there are two at least, or another one is taken."""


RENEWED_WORDS = "this profile is a copy, or was brought back from an older state; contacts are told, and what came since is lost"


@dataclass(frozen=True, slots=True)
class Versions:
    """What a process is made of. ``protocol``: of the relay's; ``pynacl`` brings its libsodium, ``cryptography`` its OpenSSL."""

    e2echat: str
    protocol: int
    python: str
    sqlite: str
    sqlcipher: str
    pynacl: str
    cryptography: str


@dataclass(frozen=True, slots=True)
class Status:
    """The account and how it stands.

    ``one_time_prekeys``: left at the relay, None when not connected yet; ``local_prekeys``: whose secrets are here.
    ``queued``: texts that the relay does not have, ``oldest_queued`` since when. ``size``: of the profile, and ``free`` on its
    disk, in bytes. ``process`` owns the profile, and ``versions`` are its. ``renewed``: when the profile was last found to be a copy, or
    older than it had been.
    """

    name: str
    address: str
    fingerprint: str
    connected: bool
    problem: str | None
    queued: int
    unread: int
    contacts: int
    one_time_prekeys: int | None
    home: str
    passphrase: bool
    proxy: str | None = None
    process: int | None = None
    oldest_queued: datetime | None = None
    local_prekeys: int = 0
    last_backup: datetime | None = None
    size: int = 0
    free: int = 0
    versions: Versions | None = None
    renewed: datetime | None = None


def span_words(seconds: float) -> str:
    """A span of time in the unit that people would take: ``3 hours``."""
    for unit, size in _UNITS.items():
        if seconds >= 2 * size:
            return f"{round(seconds / size):,} {unit}"
    return f"{seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """A relay has proved its key. ``round_trip``: of a ping, in seconds.

    ``clock_ahead``: seconds by which its wall clock is ahead of ours; negative if it is behind. About a round trip exact.
    """

    address: str
    round_trip: float
    clock_ahead: float

    @property
    def clocks_agree(self) -> bool:
        """Whether the two could both be right."""
        return abs(self.clock_ahead) <= MOST_SKEW + self.round_trip

    @property
    def clock_words(self) -> str:
        """Which clock is ahead of which."""
        where = "ahead of" if self.clock_ahead > 0 else "behind"
        return f"the relay's is {span_words(abs(self.clock_ahead))} {where} this machine's"


@dataclass(frozen=True, slots=True)
class Moved:
    """A relay has another address now. ``own``: it is ours. ``contacts``: who are told, or else are reached there."""

    address: str
    own: bool
    contacts: int
