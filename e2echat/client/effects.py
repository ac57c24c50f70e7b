"""What a step of the engine asks for, once its transaction is committed."""

from dataclasses import dataclass, field
from typing import TypeAlias

from e2echat.client.events import Event
from e2echat.crypto.puzzles import Puzzle
from e2echat.errors import E2EChatError


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for a link."""

    link: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a link's connection: the relay misbehaved or refused us. The link tries again later."""

    link: str
    error: E2EChatError


@dataclass(frozen=True, slots=True)
class Up:
    """A link's connection is of use: greeted, and signed in where it is the owner's."""

    link: str


@dataclass(frozen=True, slots=True)
class Want:
    """A connection to this relay is needed. ``link``: what it is called, unless as the address."""

    address: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A link is not needed any more."""

    link: str


@dataclass(frozen=True, slots=True)
class Tell:
    """An event for the faces."""

    event: Event


@dataclass(frozen=True, slots=True)
class Scrub:
    """Something was deleted: it is to be gone from the database's log, too."""


@dataclass(frozen=True, slots=True)
class Solve:
    """Work to be done outside of every step; its solution is for ``Engine.solved``."""

    link: str
    puzzle: Puzzle


Effect: TypeAlias = Send | Drop | Up | Want | Part | Tell | Scrub | Solve
