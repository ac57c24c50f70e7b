"""Knock tokens: what lets a stranger reach a mailbox, for a while and a little. docs/spec/relay.md, "Knocks".

All of it is in memory: who restarts a relay lets a day begin anew, and no stranger can.
"""

from collections import OrderedDict, deque

from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.relay.limits import DAY, Limits
from e2echat.relay.refusals import RefusedRequestError
from e2echat.wire.relay_messages import Refusal

_HALVED = 3_600.0
"""Seconds in which a knock comes to count half towards the crowd."""


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
    """The live tokens, oldest first; and who was knocked at of late, which makes the next knock harder."""

    def __init__(self, limits: Limits, randomness: Randomness) -> None:
        self._limits = limits
        self._randomness = randomness
        self._by_token: OrderedDict[bytes, Knock] = OrderedDict()
        self._today: OrderedDict[bytes, deque[float]] = OrderedDict()
        """By mailbox, when its tokens of the last day were issued; the one with the oldest last token first."""
        self._crowd = 0.0
        self._crowd_at = 0.0

    def work(self, mailbox: bytes, now: float) -> int:
        """Bits of work for the next token towards ``mailbox``.

        Raises:
            RefusedRequestError: there are no more of them today.
        """
        limits = self._limits
        today = len(self._require_room(mailbox, now))
        crowd = int(self._crowd_now(now)) // limits.work_crowd
        bits = limits.work_bits + today // limits.work_step + crowd.bit_length()
        return min(bits, max(limits.work_bits, limits.work_bits_most))

    def issue(self, mailbox: bytes, now: float) -> bytes:
        """A fresh token of 32 bytes towards ``mailbox``.

        Raises:
            RefusedRequestError: there are no more of them today.
        """
        self._expire(now)
        issued = self._require_room(mailbox, now)
        issued.append(now)
        self._today[mailbox] = issued
        self._today.move_to_end(mailbox)
        self._crowd, self._crowd_at = self._crowd_now(now) + 1, now
        if len(self._by_token) >= self._limits.knocks:
            self._by_token.popitem(last=False)
        token = self._randomness.octets(KEY_SIZE)
        self._by_token[token] = Knock(mailbox, now + self._limits.knock_life, self._limits)
        return token

    def find(self, token: bytes, now: float) -> Knock | None:
        """The allowance behind ``token``, if it lives."""
        self._expire(now)
        return self._by_token.get(token)

    def _require_room(self, mailbox: bytes, now: float) -> deque[float]:
        """When the mailbox's tokens of the last day were issued.

        Raises:
            RefusedRequestError: there are no more of them today.
        """
        issued = self._today.get(mailbox, deque())
        while issued and issued[0] <= now - DAY:
            issued.popleft()
        if len(issued) >= self._limits.knocks_daily:
            raise RefusedRequestError(Refusal.CROWDED)
        return issued

    def _crowd_now(self, now: float) -> float:
        return float(self._crowd * 0.5 ** (max(0.0, now - self._crowd_at) / _HALVED))

    def _expire(self, now: float) -> None:
        while self._by_token and next(iter(self._by_token.values())).ends <= now:
            self._by_token.popitem(last=False)
        while self._today:
            mailbox, issued = next(iter(self._today.items()))
            if issued and issued[-1] > now - DAY:
                break
            del self._today[mailbox]
