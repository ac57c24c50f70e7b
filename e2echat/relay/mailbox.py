"""One mailbox: what waits in which order, what its owner has been given, what he has acknowledged. No I/O.

First what is durable, then the shares on their way to the storage, then the runs that were given to an online owner
and are written only if he does not acknowledge them soon. Acknowledgements take from the front of all three.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from e2echat.relay import runs
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.kept import Kept
from e2echat.relay.knocks import Knock
from e2echat.relay.limits import DAY, Limits
from e2echat.relay.segments import FROM_STRANGER, Taken, bytes_of, weight
from e2echat.relay.transit import Channel, Repeat, Run, Share


class Owner(Protocol):
    """The connection that a mailbox's envelopes go to."""

    def send(self, data: bytes) -> None:
        """Queue whole frames."""

    def close(self) -> None:
        """End it once what is queued has left."""


_NOTHING = Kept()
"""Most mailboxes keep nothing, and share this."""


class Mailbox:
    """The order of one recipient's envelopes."""

    __slots__ = (
        "_known", "_reduced", "capabilities", "channels", "count", "identifier", "kept", "live", "loading", "outstanding", "owner",
        "removed", "repeats", "shares", "size", "ungiven", "watched", "window",
    )  # fmt: skip

    def __init__(self, identifier: bytes, capabilities: Capabilities) -> None:
        self.identifier = identifier
        self.capabilities = capabilities
        self.channels: set[Channel] = set()
        """Open to it, on whatever connections."""
        self._reduced: Knock | None = None
        self._known: set[bytes] | None = None
        """Fronts of the ids of all that is here; None while nobody asks."""
        self.owner: Owner | None = None
        self.kept = _NOTHING
        self.shares: list[Share] = []
        self.live: deque[Run] = deque()
        self.repeats: set[Repeat] = set()
        """Those whose fate is open."""
        self.loading = False
        self.removed = False
        self.watched = False
        """Somebody will come and see how old the oldest run is."""
        self.count = 0
        """Envelopes in ``kept`` and ``shares``, less those acknowledged."""
        self.size = 0
        """Their bytes, by whole shares."""
        self.ungiven = 0
        """Of those envelopes, the ones that the owner's present connection has not been given: the last."""
        self.outstanding = 0
        """Envelopes given on the present connection and not acknowledged."""
        self.window = 0
        """Their bytes, by whole runs and shares."""

    def renew(self, capabilities: Capabilities, limits: Limits, now: float) -> None:
        """Another capability may be in force; then channels that are open under the one before have its rate, too."""
        if capabilities.current != self.capabilities.current:
            for channel in self.channels:
                channel.reduce_to(self.reduced(limits, now))
        self.capabilities = capabilities

    def reduced(self, limits: Limits, now: float) -> Knock:
        """What all who use a former capability may send together today."""
        if self._reduced is None or now >= self._reduced.ends:
            self._reduced = Knock(self.identifier, now + DAY, limits)
        return self._reduced

    def restore(self, kept: Kept) -> None:
        """Take in what the storage holds."""
        self.kept = kept
        self.count = self.ungiven = len(kept)
        self.size = weight(list(kept.sizes()))

    def grow(self, count: int, size: int, *, given: bool) -> None:
        """So much more is in the last share."""
        self.count += count
        self.size += size
        if not given:
            self.ungiven += count

    def take_old(self, place: int) -> Taken:
        """Take out what is before a place, unless the owner has some of it in hand just now."""
        if self.loading or self.kept.given:
            return ()
        return self.skip(self.kept.before(place))

    def skip(self, count: int) -> Taken:
        """Forget the next ``count`` of what is durable that the owner has not been given."""
        skipped = self.kept.skip(count)
        self._known = None
        self.ungiven -= count
        self.count -= count
        self.size -= sum(bytes_of(size) for _, size in skipped)
        return skipped

    def take(self, count: int) -> list[tuple[int, int]]:
        """The owner acknowledges the next ``count`` envelopes, of which he was given at least as many.

        Returns:
            What of it is durable.
        """
        self.outstanding -= count
        if self._known is not None:
            self._known.difference_update(islice(self._prefixes(self.shares), count))
        durable: list[tuple[int, int]] = []
        while count:
            if self.kept.given:
                taken = self.kept.take(min(count, self.kept.given))
                size = sum(bytes_of(size) for _, size in taken)
                self.count -= len(taken)
                self.size -= size
                self.window -= size
                count -= len(taken)
                durable += taken
                if not self.kept:
                    self.kept = _NOTHING
            elif self.shares and self.shares[0].given:
                count -= self._take_of_share(count)
            else:
                self._take_live(count)
                break
        return durable

    def _take_of_share(self, count: int) -> int:
        share = self.shares[0]
        step = min(count, share.left)
        share.done += step
        if not share.dead:
            self.count -= step
        if not share.left:
            del self.shares[0]
            self.window -= share.size
            if not share.dead:
                self.size -= share.size
            share.settle()
            self.absorb()
        return step

    def _take_live(self, count: int) -> None:
        live = self.live
        while count:
            run = live[0]
            left = run.count - run.done
            if count < left:
                run.done += count
                run.source.settle(count)
                break
            live.popleft()
            count -= left
            self.window -= run.size
            run.source.settle(left)
            for repeat in run.behind:
                repeat.settle()

    def absorb(self) -> None:
        """Shares that have become durable, and have nothing else before them, need no bodies any more."""
        while self.shares and (placed := self.shares[0].durable) is not None:
            share = self.shares.pop(0)
            if self.kept is _NOTHING:
                self.kept = Kept()
            self.kept.add(placed)
            acknowledged = share.size - weight(placed[1]) if share.done else 0
            self.size -= acknowledged
            if share.given:
                self.kept.given += share.left
                self.window -= acknowledged

    def has_room(self, limits: Limits, count: int, size: int, *, stranger: bool = False) -> bool:
        """Whether so many more envelopes and bytes may be kept; what comes by knocks has a part of the room."""
        if self.count + count > limits.mailbox_envelopes or self.size + size > limits.mailbox_bytes:
            return False
        if not stranger:
            return True
        kept = [bytes_of(size) for size in self.kept.sizes() if size & FROM_STRANGER]
        shares = [share for share in self.shares if share.stranger and not share.dead]
        return (
            len(kept) + sum(share.left for share in shares) + count <= limits.stranger_envelopes
            and sum(kept) + sum(share.size for share in shares) + size <= limits.stranger_bytes
        )

    def holds(self, prefix: bytes) -> bool:
        """Whether an envelope whose id begins so waits here, kept or in flight."""
        # Looked up, not searched for: whoever repeats decides how often this is asked, and among how many.
        if self._known is None:
            self._known = set(self._prefixes([share for share in self.shares if not share.dead]))
        return prefix in self._known

    def _prefixes(self, shares: list[Share]) -> Iterator[bytes]:
        """Fronts of the ids of all that is here, in order, with those of ``shares``."""
        yield from self.kept.prefixes()
        for share in shares:
            yield from share.prefixes()
        for run in self.live:
            yield from run.prefixes()

    def note(self, frames: bytes) -> None:
        """They are here now, kept or in flight."""
        if self._known is not None:
            self._known.update(runs.prefixes(frames))

    def detach(self, channel: Channel) -> None:
        """A channel is open no more."""
        self.channels.discard(channel)
        if self._known is not None and not any(each.repeat for each in self.channels):
            self._known = None

    def settle_behind(self, repeat: Repeat) -> None:
        """Settle a repeat of what is here once all that is here now is settled."""
        if self.live:
            self.live[-1].behind = [*self.live[-1].behind, repeat]
        elif self.shares:
            self.shares[-1].settle_behind([repeat])
        else:
            repeat.settle()

    def fail(self, share: Share) -> None:
        """The storage did not take a share."""
        if share.left:
            self.count -= share.left
            self.size -= share.size
            if not share.given:
                self.shares.remove(share)
                self.ungiven -= share.left
        if self.repeats:
            lost = set(share.prefixes())
            for repeat in [each for each in self.repeats if each.prefix in lost]:
                repeat.refuse()
        share.fail()
        self._known = None

    def owner_left(self) -> None:
        """Whatever the owner was given and has not acknowledged is to be given again. ``live`` must be empty."""
        self.owner = None
        self.outstanding = self.window = self.kept.given = 0
        self.shares = [share for share in self.shares if not share.dead]
        for share in self.shares:
            share.given = False
        self.absorb()
        self.ungiven = self.count
