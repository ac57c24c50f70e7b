"""Envelopes that are in memory alone: with their owner, as runs, or on their way to the storage, as shares. No I/O."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from e2echat.relay import runs
from e2echat.relay.knocks import Knock
from e2echat.relay.segments import Placed
from e2echat.wire.relay_messages import Refusal


class Source(Protocol):
    """What envelopes come from, and what is told their fate."""

    @property
    def knock(self) -> Knock | None:
        """The allowance that it is held to, where it has no full right."""

    def settle(self, count: int) -> None:
        """The next ``count`` submissions are durable or acknowledged."""

    def refuse(self, index: int, reason: int) -> None:
        """Submission ``index``, not the next to be settled perhaps, was not kept."""

    def refuse_next(self, count: int, reason: int) -> None:
        """The next ``count`` submissions to be settled were not kept."""


class Channel(Source, Protocol):
    """A source that stays open; it may lose its full right meanwhile."""

    @property
    def repeat(self) -> bool:
        """Whether what the mailbox holds may come on it again."""

    def reduce_to(self, allowance: Knock) -> None:
        """From now on there is an allowance, unless there was one before."""


class Run:
    """Consecutive envelopes from one source, as they arrived: with the owner, it may be, and nowhere else."""

    __slots__ = ("arrived", "behind", "count", "data", "done", "size", "source")

    def __init__(self, source: Source, data: bytes, count: int, arrived: float) -> None:
        self.source = source
        self.count = count
        self.data = data
        self.size = len(data)
        self.arrived = arrived
        self.done = 0
        self.behind: Sequence[Repeat] = ()
        """What is settled when this run is."""

    def prefixes(self) -> Iterator[bytes]:
        """Of what is not acknowledged, the fronts of the ids."""
        return runs.prefixes(runs.behind(self.data, self.done))


class Repeat:
    """A submission of what its mailbox holds already: it has the fate of the first one, in its own turn."""

    __slots__ = ("_index", "_open", "_source", "prefix")

    def __init__(self, source: Source, index: int, prefix: bytes, unsettled: "set[Repeat]") -> None:
        self._source = source
        self._index = index
        self._open = unsettled
        self.prefix = prefix
        """Of its id."""
        unsettled.add(self)

    def settle(self) -> None:
        """All that was there before it is settled, and so is the first one."""
        if self in self._open:
            self._open.remove(self)
            self._source.settle(1)

    def refuse(self) -> None:
        """The storage did not take the first one."""
        self._open.remove(self)
        self._source.refuse(self._index, Refusal.STORAGE)


class Share:
    """Consecutive envelopes of one mailbox that a segment is to hold: its part of what is written at one time."""

    __slots__ = (
        "_body", "_settles", "count", "dead", "done", "durable", "given", "open", "size", "stranger",
    )  # fmt: skip

    def __init__(self, source: Source, data: bytes, count: int, *, given: bool, stranger: bool) -> None:
        self.given = given
        """To the owner, on his present connection."""
        self.stranger = stranger
        """All of it came by knocks."""
        self.open = True
        """Not handed to the storage yet: more may be added."""
        self.durable: Placed | None = None
        """What of it was not acknowledged when it had become durable."""
        self.dead = False
        """The storage failed; what the owner was given of it keeps its place until he acknowledges it."""
        self.count = count
        self.done = 0
        """Envelopes at the front that the owner has acknowledged."""
        self.size = len(data)
        self._body = [data]
        self._settles: list[tuple[Source, int] | Repeat] = [(source, count)]
        """Numbers of submissions by source, and repeats of what is here or before: in order."""

    def add(self, source: Source, data: bytes, count: int) -> None:
        """Put ``count`` more frames into it."""
        self._body.append(data)
        self.count += count
        self.size += len(data)
        last = self._settles[-1] if self._settles else None
        if isinstance(last, tuple) and last[0] is source:
            self._settles[-1] = (source, last[1] + count)
        else:
            self._settles.append((source, count))

    @property
    def left(self) -> int:
        """Envelopes that the owner has not acknowledged."""
        return self.count - self.done

    @property
    def body(self) -> bytes:
        """All its frames."""
        if len(self._body) > 1:
            self._body = [b"".join(self._body)]
        return self._body[0]

    def prefixes(self) -> Iterator[bytes]:
        """Of what is not acknowledged, the fronts of the ids."""
        return runs.prefixes(runs.behind(self.body, self.done))

    def settle_behind(self, repeats: Sequence[Repeat]) -> None:
        """Settle repeats of what is here or before once all that is here now is settled."""
        if self._settles:
            self._settles += repeats
        else:
            for repeat in repeats:
                repeat.settle()

    def settle(self) -> None:
        """All submissions in it are durable or acknowledged."""
        for each in self._settles:
            if isinstance(each, Repeat):
                each.settle()
            else:
                each[0].settle(each[1])
        self._settles = []

    def fail(self) -> None:
        """The storage did not take it: refuse all but what the owner has acknowledged."""
        acknowledged = self.done
        for each in self._settles:
            if isinstance(each, Repeat):
                each.settle()
                continue
            source, count = each
            kept = min(count, acknowledged)
            acknowledged -= kept
            source.settle(kept)
            source.refuse_next(count - kept, Refusal.STORAGE)
        self._settles, self.dead, self.open = [], True, False
