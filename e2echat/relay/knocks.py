"""Knock tokens: what lets a stranger reach a mailbox, for a while and a little. docs/spec/relay.md, "Knocks"."""

from collections import OrderedDict

from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.relay.limits import Limits


class Knock:
    """One stranger's allowance towards one mailbox."""

    __slots__ = ("bytes_left", "ends", "envelopes_left", "mailbox")

    def __init__(self, mailbox: bytes, ends: float, limits: Limits) -> None:
        self.mailbox = mailbox
        self.ends = ends
        self.envelopes_left = limits.knock_envelopes
        self.bytes_left = limits.knock_bytes

    def take(self, size: int) -> bool:
        """Spend one envelope of ``size`` bytes; False when the allowance does not cover it."""
        if self.envelopes_left < 1 or self.bytes_left < size:
            return False
        self.envelopes_left -= 1
        self.bytes_left -= size
        return True


class Knocks:
    """The live tokens, oldest first."""

    def __init__(self, limits: Limits, randomness: Randomness) -> None:
        self._limits = limits
        self._randomness = randomness
        self._by_token: OrderedDict[bytes, Knock] = OrderedDict()

    def issue(self, mailbox: bytes, now: float) -> bytes:
        """A fresh token of 32 bytes towards ``mailbox``."""
        self._expire(now)
        if len(self._by_token) >= self._limits.knocks:
            self._by_token.popitem(last=False)
        token = self._randomness.octets(KEY_SIZE)
        self._by_token[token] = Knock(mailbox, now + self._limits.knock_life, self._limits)
        return token

    def find(self, token: bytes, now: float) -> Knock | None:
        """The allowance behind ``token``, if it lives."""
        self._expire(now)
        return self._by_token.get(token)

    def _expire(self, now: float) -> None:
        while self._by_token and next(iter(self._by_token.values())).ends <= now:
            self._by_token.popitem(last=False)
