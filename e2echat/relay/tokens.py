"""Join tokens: what lets somebody claim a name where registration is not open. No I/O. docs/spec/relay.md, "Joining"."""

from enum import StrEnum

from e2echat.crypto.primitives import H, Randomness
from e2echat.relay.work import SaveToken
from e2echat.wire.address import JOIN_TOKEN_SIZE

DAY = 86_400


class Registration(StrEnum):
    """Who may claim a name that is free."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105 - a word, and no secret
    CLOSED = "closed"


class JoinTokens:
    """The tokens that are left, by hash: neither memory nor disk gives one away."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._by_hash: dict[bytes, SaveToken] = {}

    def put(self, token: SaveToken) -> None:
        """A token is durable, or was found on the disk."""
        self._by_hash[token.token_hash] = token

    def make(self, uses: int, ends: int) -> tuple[bytes, SaveToken]:
        """A fresh token, and what to keep of it; to be ``put`` once that is durable.

        Args:
            uses: how many names it is good for.
            ends: when it is good no more, by the relay's clock.
        """
        token = self._randomness.octets(JOIN_TOKEN_SIZE)
        return token, SaveToken(_hash(token), uses, ends)

    def take(self, token: bytes | None, today: int) -> SaveToken | None:
        """Use a token once; None if it is none, is used up, or its time is over.

        Returns:
            What is left of it, to be kept with the claim.
        """
        found = self._by_hash.get(_hash(token)) if token else None
        if found is None or found.uses < 1 or found.ends <= today:
            return None
        left = SaveToken(found.token_hash, found.uses - 1, found.ends)
        self.put(left)
        return left

    def give_back(self, left: SaveToken) -> None:
        """The claim was not kept: the use did not happen. Others may have happened meanwhile."""
        now = self._by_hash[left.token_hash]
        self.put(SaveToken(now.token_hash, now.uses + 1, now.ends))


def _hash(token: bytes) -> bytes:
    return H("join-token", token)
