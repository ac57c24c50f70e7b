"""The account and how it stands, as faces see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """The account and how it stands. ``one_time_prekeys``: left at the relay, None when not connected yet.

    ``process`` owns the profile.
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


@dataclass(frozen=True, slots=True)
class Moved:
    """A relay has another address now. ``own``: it is ours. ``contacts``: who are told, or else are reached there."""

    address: str
    own: bool
    contacts: int
