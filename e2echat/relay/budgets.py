"""What each network address, and each mailbox, may have of the relay: buckets by key, in bounded memory. No I/O."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from e2echat.relay.limits import DAY, Limits, TokenBucket

Key = TypeVar("Key", bound=Hashable)


class Buckets(Generic[Key]):
    """A bucket a key. One that has had the time to fill up again is no different from none, and forgotten."""

    def __init__(self, burst: int, rate: float, most: int) -> None:
        self._burst = burst
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[Key, tuple[TokenBucket, float]] = OrderedDict()
        """With the time of the last use: the least recently used first."""

    def take(self, key: Key, now: float) -> bool:
        """Take one from the key's bucket if there is one."""
        full = now - self._burst / self._rate
        while self._buckets and next(iter(self._buckets.values()))[1] <= full:
            self._buckets.popitem(last=False)
        fresh = TokenBucket(self._burst, self._rate, now), now
        bucket, _ = self._buckets.pop(key, fresh)
        if len(self._buckets) >= self._most:
            self._buckets.popitem(last=False)
        self._buckets[key] = bucket, now
        return bucket.take(now)

    def __len__(self) -> int:
        return len(self._buckets)


class AddressBudgets:
    """What the connections of one network address may ask for together."""

    def __init__(self, limits: Limits) -> None:
        most = limits.addresses
        self.requests: Buckets[str] = Buckets(limits.address_request_burst, limits.address_request_rate, most)
        self.fetches: Buckets[str] = Buckets(limits.address_fetch_burst, limits.address_fetch_rate, most)
        self.claims: Buckets[str] = Buckets(limits.address_claims, limits.address_claims / DAY, most)
