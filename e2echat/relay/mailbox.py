"""One mailbox: what waits in which order, what its owner has been given, what he has acknowledged. No I/O.

First the segments, on disk or on their way there, then the runs that were given to an online owner and are
written only if he does not acknowledge them soon. Acknowledgements take from the front of both.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from e2echat.relay import runs
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.knocks import Knock
from e2echat.relay.limits import DAY, Limits
from e2echat.relay.work import SegmentRow
from e2echat.wire.frames import ENVELOPE_ID_SIZE
from e2echat.wire.relay_messages import Refusal


class Owner(Protocol):
    """The connection that a mailbox's envelopes go to."""

    def send(self, data: bytes) -> None:
        """Queue whole frames."""

    def close(self) -> None:
        """End it once what is queued has left."""


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

    def reduce_to(self, allowance: Knock) -> None:
        """From now on there is an allowance, unless there was one before."""


class Run:
    """Consecutive envelopes from one source, as they arrived: with the owner, it may be, and nowhere else."""

    __slots__ = ("_parts", "arrived", "behind", "count", "done", "size", "source")

    def __init__(self, source: Source, data: bytes, count: int, arrived: float) -> None:
        self.source = source
        self.count = count
        self._parts = [data]
        self.size = len(data)
        self.arrived = arrived
        self.done = 0
        self.behind: Sequence[Repeat] = ()
        """What is settled when this run is."""

    def add(self, data: bytes, count: int) -> None:
        """Put more frames behind it."""
        self._parts.append(data)
        self.count += count
        self.size += len(data)

    @property
    def data(self) -> bytes:
        """All its frames."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]


class Repeat:
    """A submission of what its mailbox holds already: it has the fate of the first one, in its own turn."""

    __slots__ = ("_index", "_open", "_source", "envelope_id")

    def __init__(self, source: Source, index: int, envelope_id: bytes, unsettled: "set[Repeat]") -> None:
        self._source = source
        self._index = index
        self._open = unsettled
        self.envelope_id = envelope_id
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


class Segment:
    """Envelopes that are kept, or on their way to be. ``body`` is there only until they are durable."""

    __slots__ = (
        "body", "count", "created", "dead", "done", "durable", "given", "ids", "number", "open", "settles", "size",
        "stranger",
    )  # fmt: skip

    def __init__(self, number: int, created: int, *, given: bool, stranger: bool = False) -> None:
        self.number = number
        self.created = created
        self.given = given
        """To the owner, on his present connection."""
        self.stranger = stranger
        """All of it came by knocks. Not kept on disk: after a restart it counts as contacts'."""
        self.open = True
        """Not handed to the storage yet: more may be added."""
        self.durable = False
        self.dead = False
        """The storage failed; what the owner was given of it keeps its place until he acknowledges it."""
        self.count = 0
        self.done = 0
        self.size = 0
        self.ids: bytes | bytearray = bytearray()
        self.body: list[bytes] = []
        self.settles: list[tuple[Source, int] | Repeat] = []
        """Numbers of submissions by source, and repeats of what is here or before: in order."""

    @classmethod
    def restored(cls, row: SegmentRow) -> "Segment":
        """A segment that the storage holds."""
        segment = cls(row.number, row.created, given=False)
        segment.open, segment.durable, segment.ids = False, True, row.ids
        segment.count, segment.done, segment.size = len(row.ids) // ENVELOPE_ID_SIZE, row.done, row.size
        return segment

    def add(self, source: Source, data: bytes, count: int) -> None:
        """Put ``count`` more frames into it."""
        self.ids += runs.ids(data)
        self.body.append(data)
        self.count += count
        self.size += len(data)
        last = self.settles[-1] if self.settles else None
        if isinstance(last, tuple) and last[0] is source:
            self.settles[-1] = (source, last[1] + count)
        else:
            self.settles.append((source, count))

    def row(self, mailbox: bytes) -> SegmentRow:
        """As it is kept."""
        return SegmentRow(self.number, mailbox, self.created, bytes(self.ids), self.size, self.done)

    def settle(self) -> None:
        """All submissions in it are durable or acknowledged."""
        for each in self.settles:
            if isinstance(each, Repeat):
                each.settle()
            else:
                each[0].settle(each[1])
        self.settles = []

    def fail(self) -> None:
        """The storage did not take it: refuse all but what the owner has acknowledged."""
        acknowledged = self.done
        for each in self.settles:
            if isinstance(each, Repeat):
                each.settle()
                continue
            source, count = each
            kept = min(count, acknowledged)
            acknowledged -= kept
            source.settle(kept)
            source.refuse_next(count - kept, Refusal.STORAGE)
        self.settles, self.body, self.dead, self.open = [], [], True, False


class Mailbox:
    """The order of one recipient's envelopes."""

    __slots__ = (
        "_reduced", "capabilities", "channels", "count", "identifier", "live", "loading", "outstanding", "owner",
        "removed", "repeats", "segments", "size", "ungiven", "watched", "window",
    )  # fmt: skip

    def __init__(self, identifier: bytes, capabilities: Capabilities) -> None:
        self.identifier = identifier
        self.capabilities = capabilities
        self.channels: set[Channel] = set()
        """Open to it, on whatever connections."""
        self._reduced: Knock | None = None
        self.owner: Owner | None = None
        self.segments: deque[Segment] = deque()
        self.ungiven: deque[Segment] = deque()
        """The tail of ``segments`` that the owner's present connection has not been given."""
        self.live: deque[Run] = deque()
        self.repeats: set[Repeat] = set()
        """Those whose fate is open."""
        self.loading = False
        self.removed = False
        self.watched = False
        """Somebody will come and see how old the oldest run is."""
        self.count = 0
        """Envelopes in ``segments``, less those acknowledged."""
        self.size = 0
        self.outstanding = 0
        """Envelopes given on the present connection and not acknowledged."""
        self.window = 0
        """Their bytes, by whole runs and segments."""

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

    def restore(self, segment: Segment) -> None:
        """Take in a segment that the storage holds, behind all others."""
        self.segments.append(segment)
        self.ungiven.append(segment)
        self.count += segment.count - segment.done
        self.size += segment.size

    def take_old(self, until: int) -> Iterator[Segment]:
        """Take out segments created by ``until``, unless their owner has them in hand just now."""
        while self.ungiven and self.ungiven[0] is self.segments[0] and not self.loading:
            segment = self.segments[0]
            if not segment.durable or segment.created > until:
                return
            yield self.skip()

    def take(self, count: int) -> list[Segment]:
        """The owner acknowledges the next ``count`` envelopes, of which he was given at least as many.

        Returns:
            The segments that this touches, with ``done`` brought up to date.
        """
        self.outstanding -= count
        touched = []
        while count and self.segments and self.segments[0].given:
            segment = self.segments[0]
            step = min(count, segment.count - segment.done)
            segment.done += step
            count -= step
            if not segment.dead:
                self.count -= step
            if segment.done == segment.count:
                self.segments.popleft()
                self.forget(segment)
                segment.settle()
            touched.append(segment)
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
        return touched

    def forget(self, segment: Segment) -> None:
        """Take a segment that left ``segments`` out of the sums."""
        if segment.given:
            self.window -= segment.size
        if not segment.dead:
            self.size -= segment.size

    def skip(self) -> Segment:
        """Forget the next segment that the owner has not been given; it is durable."""
        segment = self.ungiven.popleft()
        self.segments.remove(segment)
        self.count -= segment.count - segment.done
        self.size -= segment.size
        return segment

    def has_room(self, limits: Limits, count: int, size: int, *, stranger: bool = False) -> bool:
        """Whether so many more envelopes and bytes may be kept; what comes by knocks has a part of the room."""
        if self.count + count > limits.mailbox_envelopes or self.size + size > limits.mailbox_bytes:
            return False
        if not stranger:
            return True
        theirs = [segment for segment in self.segments if segment.stranger and not segment.dead]
        return (
            sum(each.count - each.done for each in theirs) + count <= limits.stranger_envelopes
            and sum(each.size for each in theirs) + size <= limits.stranger_bytes
        )

    def holds(self, envelope_id: bytes) -> bool:
        """Whether an envelope of this id waits here, kept or in flight."""
        return any(
            runs.find(segment.ids, envelope_id, segment.done) for segment in self.segments if not segment.dead
        ) or any(
            # The search over all bytes is quick and nearly always the answer.
            envelope_id in run.data and runs.find(runs.ids(run.data), envelope_id, run.done)
            for run in self.live
        )

    def settle_behind(self, repeat: Repeat) -> None:
        """Settle a repeat of what is here once all that is here now is settled."""
        if self.live:
            self.live[-1].behind = [*self.live[-1].behind, repeat]
        elif self.segments and self.segments[-1].settles:
            self.segments[-1].settles.append(repeat)
        else:
            repeat.settle()

    def fail(self, segment: Segment) -> None:
        """The storage did not take a segment."""
        for repeat in list(self.repeats):
            if runs.find(segment.ids, repeat.envelope_id, segment.done):
                repeat.refuse()
        segment.fail()

    def owner_left(self) -> None:
        """Whatever the owner was given and has not acknowledged is to be given again. ``live`` must be empty."""
        self.owner = None
        self.outstanding = self.window = 0
        self.segments = deque(segment for segment in self.segments if not segment.dead)
        for segment in self.segments:
            segment.given = False
        self.ungiven = deque(self.segments)
