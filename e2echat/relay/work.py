"""What the switchboard asks of the storage. A request goes there, is made durable, and comes back to ``done``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from e2echat.relay.capabilities import Capabilities
from e2echat.relay.segments import SegmentRow, Stretch


@dataclass(frozen=True, slots=True)
class Account:
    """A claimed name, as it is kept. Records are the received bytes; all were verified."""

    name: str
    mailbox: bytes
    identity: bytes
    device: bytes
    claim: bytes
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class AppendSegment:
    """Keep a new segment."""

    row: SegmentRow
    body: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """All that these mailboxes have up to these places, and there too, is acknowledged."""

    places: Sequence[tuple[bytes, int]]


@dataclass(frozen=True, slots=True)
class DropSegment:
    """Nothing of a segment is needed any more."""

    number: int


@dataclass(frozen=True, slots=True)
class CompactSegment:
    """What was acknowledged of a segment is to go."""

    number: int


@dataclass(frozen=True, slots=True)
class ReadStretches:
    """Envelopes, in this order."""

    stretches: Sequence[Stretch]


@dataclass(frozen=True, slots=True)
class SaveToken:
    """Keep what is left of a join token; nothing is kept of one that is used up."""

    token_hash: bytes = field(repr=False)
    uses: int
    ends: int
    """By the relay's clock."""


@dataclass(frozen=True, slots=True)
class SaveAccount:
    """Keep an account, new or changed; ``new_device`` drops what the old device had published.

    ``token`` is what is left of the one that it was claimed with.
    """

    account: Account
    new_device: bool
    token: SaveToken | None = None


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    """Forget an account and its prekeys, and that its name was ever free."""

    mailbox: bytes
    name: str


@dataclass(frozen=True, slots=True)
class SaveClock:
    """Keep the relay's clock."""

    today: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give the file system some of the space that nothing occupies any more."""


@dataclass(frozen=True, slots=True)
class SavePrekeys:
    """Keep a signed prekey in place of the last, one-time prekeys beside those there are, by id."""

    mailbox: bytes
    signed: bytes | None
    one_time: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class TakePrekey:
    """Hand out a one-time prekey: it is gone when its record comes back."""

    mailbox: bytes
    prekey_id: int


ForDirectory: TypeAlias = SaveAccount | RemoveAccount | SavePrekeys | TakePrekey | SaveToken | SaveClock
Request: TypeAlias = (
    AppendSegment | Mark | DropSegment | CompactSegment | ReadStretches | GiveBack | ForDirectory
)
Result: TypeAlias = "list[bytes | None] | bytes | bool | None"
"""Bodies for ``ReadStretches``, with None for what is damaged, the record or None for ``TakePrekey``, whether there is more for ``GiveBack``, else None."""


@dataclass(slots=True)
class Work:
    """One request on its way to the storage and back. ``result`` and ``failed`` are the storage's to fill in."""

    request: Request
    done: "Callable[[Work], None]" = field(repr=False)
    result: Result = field(default=None, repr=False)
    failed: bool = False
    damaged: bool = False
    """It failed, and will again: what it is about is damaged."""


def ignore(_: Work) -> None:
    """For work whose end changes nothing: a clock that is not kept is kept next time."""
