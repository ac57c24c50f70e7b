"""The work that a stranger does before a relay lets him knock. docs/spec/relay.md, "Work"."""

import hashlib
from dataclasses import dataclass

from e2echat.crypto.primitives import H
from e2echat.wire.records import pack, u32, u64
from e2echat.wire.relay_messages import SOLUTION_SIZE

_DIGEST_BITS = 256


@dataclass(frozen=True, slots=True)
class Puzzle:
    """One challenge, for one name, on one connection. ``hello_hash``: no relay can pass on another relay's."""

    hello_hash: bytes
    challenge: bytes
    name: str
    bits: int

    def solved_by(self, solution: bytes) -> bool:
        """Whether the hash begins with ``bits`` zero bits."""
        return H("work", self.hello_hash, self.challenge, self.name.encode(), solution) <= self._largest

    def search(self, first: int, count: int) -> bytes | None:
        """The first of ``count`` solutions from number ``first`` on that is one; each is tried in a fifth of a microsecond."""
        begun = pack("work", self.hello_hash, self.challenge, self.name.encode()) + u32(SOLUTION_SIZE)
        copy, largest = hashlib.blake2b(begun, digest_size=_DIGEST_BITS // 8).copy, self._largest
        for number in range(first, first + count):
            attempt = copy()
            attempt.update(number.to_bytes(SOLUTION_SIZE))
            if attempt.digest() <= largest:
                return u64(number)
        return None

    @property
    def _largest(self) -> bytes:
        """The largest hash that will do."""
        return ((1 << _DIGEST_BITS - self.bits) - 1).to_bytes(_DIGEST_BITS // 8)
