"""One mailbox: what waits in which order, what its owner has been given, what he has acknowledged. No I/O.

First the segments, on disk or on their way there, then the runs that were given to an online owner and are
written only if he does not acknowledge them soon. Acknowledgements take from the front of both.
"""

from collections import deque
from collections.abc import Iterator

from e2echat.relay.capabilities import Capabilities
from e2echat.relay.connection import Channel, Connection
from e2echat.relay.knocks import Knock
from e2echat.relay.limits import DAY, Limits
from e2echat.relay.work import SegmentRow
from e2echat.wire.frames import ENVELOPE_ID_SIZE, FIRST_CHANNEL, MAX_FRAME, SIZE, SIZE_AND_TAG
from e2echat.wire.relay_messages import Refusal

_HEAD = SIZE_AND_TAG.size + ENVELOPE_ID_SIZE
"""Of an envelope's frame, in front of the envelope, which has a byte at least."""


class Run:
    """Consecutive envelopes of one channel that are with the owner and nowhere else."""

    __slots__ = ("arrived", "behind", "channel", "count", "data", "done")

    def __init__(self, channel: Channel, count: int, data: bytes, arrived: float) -> None:
        self.channel = channel
        self.count = count
        self.data = data
        self.arrived = arrived
        self.done = 0
        self.behind: list[Repeat] = []
        """What is settled when this run is."""


class Repeat:
    """A submission of what its mailbox holds already: it has the fate of the first one, in its own turn."""

    __slots__ = ("_channel", "_index", "_open", "envelope_id")

    def __init__(self, channel: Channel, index: int, envelope_id: bytes, unsettled: "set[Repeat]") -> None:
        self._channel = channel
        self._index = index
        self._open = unsettled
        self.envelope_id = envelope_id
        unsettled.add(self)

    def settle(self) -> None:
        """All that was there before it is settled, and so is the first one."""
        if self in self._open:
            self._open.remove(self)
            self._channel.settle(1)

    def refuse(self) -> None:
        """The storage did not take the first one."""
        self._open.remove(self)
        self._channel.refuse(self._index, Refusal.STORAGE)


class Segment:
    """Envelopes that are kept, or on their way to be. ``body`` is there only until they are durable."""

    __slots__ = (
        "body", "count", "created", "dead", "done", "durable", "given", "ids", "number", "open", "settles", "size",
    )  # fmt: skip

    def __init__(self, number: int, created: int, *, given: bool) -> None:
        self.number = number
        self.created = created
        self.given = given
        """To the owner, on his present connection."""
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
        self.settles: list[tuple[Channel, int] | Repeat] = []
        """Numbers of submissions on channels, and repeats of what is here or before: in order."""

    @classmethod
    def restored(cls, row: SegmentRow) -> "Segment":
        """A segment that the storage holds."""
        segment = cls(row.number, row.created, given=False)
        segment.open, segment.durable, segment.ids = False, True, row.ids
        segment.count, segment.done, segment.size = len(row.ids) // ENVELOPE_ID_SIZE, row.done, row.size
        return segment

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
            channel, count = each
            kept = min(count, acknowledged)
            acknowledged -= kept
            channel.settle(kept)
            channel.refuse_next(count - kept, Refusal.STORAGE)
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
        self.owner: Connection | None = None
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
                if channel.knock is None:
                    channel.knock = self.reduced(limits, now)
        self.capabilities = capabilities

    def reduced(self, limits: Limits, now: float) -> Knock:
        """What all who use a former capability may send together today."""
        if self._reduced is None or now >= self._reduced.ends:
            self._reduced = Knock(self.identifier, now + DAY, limits)
        return self._reduced

    def take(self, count: int) -> Iterator[Segment]:
        """The owner acknowledges the next ``count`` envelopes, of which he was given at least as many.

        Yields:
            Each segment that this touches, with ``done`` brought up to date.
        """
        self.outstanding -= count
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
            yield segment
        while count:
            run = self.live[0]
            step = min(count, run.count - run.done)
            run.done += step
            count -= step
            run.channel.settle(step)
            if run.done == run.count:
                self.live.popleft()
                self.window -= len(run.data)
                for repeat in run.behind:
                    repeat.settle()

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

    def holds(self, envelope_id: bytes) -> bool:
        """Whether an envelope of this id waits here, kept or in flight."""
        return any(
            _find(segment.ids, envelope_id, segment.done) for segment in self.segments if not segment.dead
        ) or any(
            # The search over all bytes is quick and nearly always the answer.
            envelope_id in run.data and _find(ids_of(run.data), envelope_id, run.done)
            for run in self.live
        )

    def settle_behind(self, repeat: Repeat) -> None:
        """Settle a repeat of what is here once all that is here now is settled."""
        if self.live:
            self.live[-1].behind.append(repeat)
        elif self.segments and self.segments[-1].settles:
            self.segments[-1].settles.append(repeat)
        else:
            repeat.settle()

    def fail(self, segment: Segment) -> None:
        """The storage did not take a segment."""
        for repeat in list(self.repeats):
            if _find(segment.ids, repeat.envelope_id, segment.done):
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


def frame_ends(data: bytes) -> Iterator[int]:
    """Where each of the whole frames in ``data`` ends."""
    position, end = 0, len(data)
    while position < end:
        position += SIZE.size + SIZE.unpack_from(data, position)[0]
        yield position


def ids_of(data: bytes) -> bytes:
    """The envelope ids of the channel frames in ``data``, 16 bytes each."""
    start, ids = 0, bytearray()
    for end in frame_ends(data):
        ids += data[start + SIZE_AND_TAG.size : start + SIZE_AND_TAG.size + ENVELOPE_ID_SIZE]
        start = end
    return bytes(ids)


def is_whole(data: bytes, ids: bytes | bytearray) -> bool:
    """Whether ``data`` is channels' frames with these envelope ids, one behind the other, and nothing else."""
    position = 0
    for start in range(0, len(ids), ENVELOPE_ID_SIZE):
        if len(data) - position <= _HEAD:
            return False
        size, tag = SIZE_AND_TAG.unpack_from(data, position)
        envelope_id = data[position + SIZE_AND_TAG.size : position + _HEAD]
        if size > MAX_FRAME or tag < FIRST_CHANNEL or envelope_id != ids[start : start + ENVELOPE_ID_SIZE]:
            return False
        position += SIZE.size + size
    return position == len(data)


def id_of(frame: bytes) -> bytes:
    """The envelope id in a channel's frame."""
    return frame[SIZE_AND_TAG.size : SIZE_AND_TAG.size + ENVELOPE_ID_SIZE]


def behind(data: bytes, count: int) -> bytes:
    """The whole frames in ``data`` behind the first ``count``."""
    if not count:
        return data
    start = 0
    for _, end in zip(range(count), frame_ends(data), strict=False):
        start = end
    return data[start:]


def _find(ids: bytes | bytearray, envelope_id: bytes, first: int) -> bool:
    position = ids.find(envelope_id, first * ENVELOPE_ID_SIZE)
    while position > 0 and position % ENVELOPE_ID_SIZE:
        position = ids.find(envelope_id, position + 1)
    return position >= 0
