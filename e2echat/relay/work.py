"""What the switchboard asks of the storage. A request goes there, is made durable, and comes back to ``done``."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Account:
    """A claimed name, as it is kept. Records are the received bytes; all were verified."""

    name: str
    mailbox: bytes
    identity: bytes
    device: bytes
    claim: bytes
    capability_hash: bytes


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """Some envelopes of one mailbox, as they are kept: whole frames, one behind the other."""

    number: int
    mailbox: bytes
    created: int
    """Unix seconds."""
    ids: bytes
    """16 bytes an envelope."""
    size: int
    done: int
    """Envelopes at the front that the recipient has acknowledged."""


@dataclass(frozen=True, slots=True)
class AppendSegment:
    """Keep a new segment."""

    row: SegmentRow
    body: bytes


@dataclass(frozen=True, slots=True)
class MarkSegment:
    """The first ``done`` envelopes of a segment are acknowledged."""

    number: int
    done: int


@dataclass(frozen=True, slots=True)
class DropSegment:
    """Nothing of a segment is needed any more."""

    number: int


@dataclass(frozen=True, slots=True)
class ReadSegments:
    """The bodies of segments, in this order."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SaveAccount:
    """Keep an account, new or changed; ``new_device`` drops what the old device had published."""

    account: Account
    new_device: bool


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


Request: TypeAlias = (
    AppendSegment | MarkSegment | DropSegment | ReadSegments | SaveAccount | SavePrekeys | TakePrekey
)
Result: TypeAlias = "list[bytes] | bytes | None"
"""Bodies for ``ReadSegments``, the record or None for ``TakePrekey``, else None."""


@dataclass(slots=True)
class Work:
    """One request on its way to the storage and back. ``result`` and ``failed`` are the storage's to fill in."""

    request: Request
    done: "Callable[[Work], None]" = field(repr=False)
    result: Result = field(default=None, repr=False)
    failed: bool = False


def ignore(_: Work) -> None:
    """For work whose end changes nothing: an acknowledgement that is lost means one more delivery."""
