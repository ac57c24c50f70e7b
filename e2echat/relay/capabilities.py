"""What lets somebody deliver to a mailbox: a capability, and for a while those before it. docs/spec/relay.md."""

from dataclasses import dataclass
from enum import Enum, auto
from hmac import compare_digest
from typing import Self

from e2echat.crypto.primitives import KEY_SIZE, H
from e2echat.errors import MalformedError
from e2echat.wire.records import u64

MOST_FORMER = 4
"""Former capabilities of one mailbox: who holds an older one knocks."""
_ENDS_SIZE = 8


class Grade(Enum):
    """What a capability is to a mailbox."""

    NONE = auto()
    CURRENT = auto()
    FORMER = auto()


@dataclass(frozen=True, slots=True)
class Former:
    """One that was in force, and until when (by the relay's clock) it still counts."""

    hash: bytes
    ends: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Hashes of one mailbox's, the newest of the former ones first."""

    current: bytes
    former: tuple[Former, ...] = ()

    def renewed(self, fresh: bytes, ends: int) -> Self:
        """With ``fresh`` in force; the one before counts until ``ends``."""
        if fresh == self.current:
            return self
        former = (Former(self.current, ends), *(old for old in self.former if old.hash != fresh))
        return type(self)(fresh, former[:MOST_FORMER])

    def grade(self, capability: bytes, today: int) -> Grade:
        """What ``capability`` is; as much work whatever it is, and however many there were."""
        offered = H("capability", capability)
        found = Grade.CURRENT if compare_digest(offered, self.current) else Grade.NONE
        for place in range(MOST_FORMER):
            old = self.former[place] if place < len(self.former) else Former(bytes(KEY_SIZE), 0)
            if compare_digest(offered, old.hash) and today < old.ends:
                found = Grade.FORMER
        return found

    def encode_former(self) -> bytes:
        """The former ones for a column of the database: hash and end of each."""
        return b"".join(old.hash + u64(old.ends) for old in self.former)

    @classmethod
    def decode(cls, current: bytes, former: bytes) -> Self:
        """``encode_former`` undone.

        Raises:
            MalformedError: they are not as they were made.
        """
        size = KEY_SIZE + _ENDS_SIZE
        if len(current) != KEY_SIZE or len(former) % size or len(former) > MOST_FORMER * size:
            raise MalformedError("hashes of capabilities that are none")
        parts = (former[at : at + size] for at in range(0, len(former), size))
        return cls(current, tuple(Former(part[:KEY_SIZE], int.from_bytes(part[KEY_SIZE:])) for part in parts))
