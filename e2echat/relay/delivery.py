"""Where envelopes go: to the owner who is there, to the storage, and from the storage to the owner. No I/O.

A pure state machine: what it wants done lies in ``work`` and in the output of connections. An envelope is
settled towards its sender once it is durable or acknowledged by its recipient, never before.
"""

import math
from collections import deque
from collections.abc import Iterable
from functools import partial

from e2echat.errors import MalformedError
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.connection import Channel, Connection
from e2echat.relay.counters import Counters
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox, Repeat, Run, Segment, behind, frame_ends, id_of, is_whole
from e2echat.relay.work import (
    AppendSegment,
    DropSegment,
    MarkSegment,
    ReadSegments,
    Request,
    SegmentRow,
    Work,
    ignore,
)
from e2echat.wire.relay_messages import Refusal


class Delivery:
    """All mailboxes. ``now`` is in seconds of a clock that does not jump, ``today`` in unix seconds."""

    def __init__(self, limits: Limits, today: int, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters
        self.today = today
        """Kept up by the switchboard's tick."""
        self.mailboxes: dict[bytes, Mailbox] = {}
        self.work: list[Work] = []
        self.unwritten = 0
        """Bytes on their way to the storage."""
        self._undropped: list[Request] = []
        """Segments that the storage failed to drop: asked for again with the next look at what has expired."""
        self._open: list[tuple[Mailbox, Segment]] = []
        self._next_segment = 1
        self._watch: deque[tuple[float, Mailbox]] = deque()
        """When to look at a mailbox's runs, in order of time."""

    def restore(self, owned: Iterable[tuple[bytes, Capabilities]], rows: Iterable[SegmentRow]) -> None:
        """Take in what the storage holds, once, at the start; ``rows`` by ascending number.

        Rows of a mailbox that nobody owns are dropped.
        """
        for identifier, capabilities in owned:
            self.mailboxes[identifier] = Mailbox(identifier, capabilities)
        for row in rows:
            self._next_segment = row.number + 1
            mailbox = self.mailboxes.get(row.mailbox)
            if mailbox is None:
                self.work.append(Work(DropSegment(row.number), self._dropped))
                continue
            segment = Segment.restored(row)
            mailbox.segments.append(segment)
            mailbox.ungiven.append(segment)
            mailbox.count += segment.count - segment.done
            mailbox.size += segment.size

    def submit(self, channel: Channel, data: bytes, count: int, now: float) -> None:
        """Take in ``count`` whole frames of ``channel``, one behind the other."""
        mailbox = channel.mailbox
        if mailbox.removed:
            # Opening it again is refused in a way that the client understands.
            channel.connection.close()
            return
        channel.connection.unsettled += count
        self._counters.envelopes_in += count
        if not channel.repeat and channel.knock is None and self._give_live(channel, data, count, now):
            channel.submitted += count
            return
        start = 0
        for end in frame_ends(data):
            one = data[start:end]
            start = end
            index = channel.submitted
            channel.submitted += 1
            if channel.knock is not None and not channel.knock.take(len(one)):
                channel.refuse(index, Refusal.LIMIT)
            elif channel.repeat and mailbox.holds(identifier := id_of(one)):
                mailbox.settle_behind(Repeat(channel, index, identifier, mailbox.repeats))
            elif not self._give_live(channel, one, 1, now):
                self._keep(channel, one, index)
        self.pump(mailbox)

    def _give_live(self, channel: Channel, data: bytes, count: int, now: float) -> bool:
        """Give envelopes to an owner who is there, has room, and misses nothing older."""
        mailbox, limits = channel.mailbox, self._limits
        owner = mailbox.owner
        if (
            owner is None
            or mailbox.ungiven
            or mailbox.window + len(data) > limits.window_bytes
            or mailbox.outstanding + count > limits.window_envelopes
        ):
            return False
        if not mailbox.watched:
            mailbox.watched = True
            self._watch.append((now + limits.write_after, mailbox))
        mailbox.live.append(Run(channel, count, data, now))
        mailbox.window += len(data)
        mailbox.outstanding += count
        self._counters.envelopes_out += count
        owner.send(data)
        return True

    def _keep(self, channel: Channel, frame: bytes, index: int) -> None:
        """Keep one envelope for later, or refuse it."""
        mailbox, limits = channel.mailbox, self._limits
        if mailbox.count >= limits.mailbox_envelopes or mailbox.size + len(frame) > limits.mailbox_bytes:
            channel.refuse(index, Refusal.MAILBOX_FULL)
            return
        if mailbox.live:
            # What the owner has been given is older, so it goes first.
            self._write_live(mailbox)
        self._append(mailbox, channel, frame, given=False)

    def _append(self, mailbox: Mailbox, channel: Channel, frame: bytes, *, given: bool) -> None:
        segment = mailbox.segments[-1] if mailbox.segments else None
        if (
            segment is None
            or not segment.open
            or segment.given != given
            or segment.size + len(frame) > self._limits.segment_bytes
        ):
            segment = Segment(self._next_segment, self.today, given=given)
            self._next_segment += 1
            self._open.append((mailbox, segment))
            mailbox.segments.append(segment)
            if not given:
                mailbox.ungiven.append(segment)
        segment.ids += id_of(frame)
        segment.body.append(frame)
        segment.count += 1
        segment.size += len(frame)
        mailbox.count += 1
        mailbox.size += len(frame)
        self.unwritten += len(frame)
        last = segment.settles[-1] if segment.settles else None
        if isinstance(last, tuple) and last[0] is channel:
            segment.settles[-1] = (channel, last[1] + 1)
        else:
            segment.settles.append((channel, 1))

    def _write_live(self, mailbox: Mailbox, until: float = math.inf) -> None:
        """What the owner was given, up to a time, and has not acknowledged goes to the storage after all.

        The quota is not asked: this much may come on top of it, at most one window.
        """
        while mailbox.live and mailbox.live[0].arrived <= until:
            run = mailbox.live.popleft()
            mailbox.window -= len(run.data)
            start = 0
            for number, end in enumerate(frame_ends(run.data)):
                if number >= run.done:
                    self._append(mailbox, run.channel, run.data[start:end], given=True)
                    mailbox.window += end - start
                start = end
            # Not behind the runs that are left: within a channel all is settled in the order of submission.
            mailbox.segments[-1].settles += run.behind

    def acknowledge(self, mailbox: Mailbox, count: int) -> None:
        """The owner has made ``count`` more envelopes his own.

        Raises:
            MalformedError: he was not given as many.
        """
        if not 0 <= count <= mailbox.outstanding:
            raise MalformedError("an acknowledgement of what was not delivered")
        for segment in mailbox.take(count):
            if segment.durable:
                self._forget(segment)
        self.pump(mailbox)

    def _forget(self, segment: Segment) -> None:
        """Tell the storage how far a durable segment is acknowledged."""
        if segment.done == segment.count:
            self.work.append(Work(DropSegment(segment.number), self._dropped))
        elif segment.done:
            self.work.append(Work(MarkSegment(segment.number, segment.done), ignore))

    def _dropped(self, work: Work) -> None:
        if work.failed:
            self._undropped.append(work.request)

    def arrive(self, mailbox: Mailbox, owner: Connection) -> None:
        """The owner is there: give him what waits. A former connection of his must have left."""
        mailbox.owner = owner
        self.pump(mailbox)

    def leave(self, mailbox: Mailbox) -> None:
        """The owner's connection has ended: what he did not acknowledge is kept and will be given again."""
        self._write_live(mailbox)
        mailbox.owner_left()

    def remove(self, identifier: bytes) -> None:
        """Forget a mailbox: what is in it counts as acknowledged, so that its senders are through with it."""
        mailbox = self.mailboxes.pop(identifier)
        mailbox.removed = True
        if mailbox.owner is not None:
            mailbox.owner.close()
        self.leave(mailbox)
        for segment in mailbox.segments:
            segment.done = segment.count
            segment.settle()
            if segment.durable:
                self._forget(segment)

    def pump(self, mailbox: Mailbox) -> None:
        """Give the owner what waits, as far as his window goes."""
        owner = mailbox.owner
        while owner and mailbox.ungiven and not mailbox.loading:
            segment = mailbox.ungiven[0]
            if segment.durable:
                self._load(mailbox, owner)
                return
            if not self._fits(mailbox, segment.size, segment.count):
                return
            self._give(mailbox, owner, b"".join(segment.body))

    def _fits(self, mailbox: Mailbox, size: int, count: int) -> bool:
        """Whether the owner's window takes this much more; an empty one takes any segment."""
        limits = self._limits
        return not mailbox.outstanding or (
            mailbox.window + size <= limits.window_bytes
            and mailbox.outstanding + count <= limits.window_envelopes
        )

    def _give(self, mailbox: Mailbox, owner: Connection, body: bytes) -> None:
        """Give the owner the next segment."""
        segment = mailbox.ungiven.popleft()
        segment.given = True
        mailbox.window += segment.size
        mailbox.outstanding += segment.count - segment.done
        self._counters.envelopes_out += segment.count - segment.done
        owner.send(behind(body, segment.done))

    def _load(self, mailbox: Mailbox, owner: Connection) -> None:
        """Fetch as many of the next segments as fit into the owner's window."""
        numbers: list[int] = []
        size, count, limits = mailbox.window, mailbox.outstanding, self._limits
        for segment in mailbox.ungiven:
            size += segment.size
            count += segment.count
            if not segment.durable or (
                count > segment.count and (size > limits.window_bytes or count > limits.window_envelopes)
            ):
                break
            numbers.append(segment.number)
        if numbers:
            mailbox.loading = True
            read = ReadSegments(tuple(numbers))
            self.work.append(Work(read, partial(self._loaded, mailbox, owner)))

    def _loaded(self, mailbox: Mailbox, owner: Connection, work: Work) -> None:
        mailbox.loading = False
        if mailbox.owner is owner:
            if work.failed or not isinstance(work.result, list):
                # Nothing is lost, but nothing can be given in order either: the owner may try again.
                owner.close()
                return
            for body in work.result:
                if body is not None and is_whole(body, mailbox.ungiven[0].ids):
                    self._give(mailbox, owner, body)
                    continue
                # Damaged: forgotten, it is in nobody's way, and can be submitted again.
                segment = mailbox.skip()
                self._counters.envelopes_damaged += segment.count - segment.done
                self.work.append(Work(DropSegment(segment.number), self._dropped))
                # The owner was told that it waits: he had better ask again.
                owner.close()
        self.pump(mailbox)

    def take_work(self) -> list[Work]:
        """Everything that waits for the storage, in order, as one batch."""
        for mailbox, segment in self._open:
            segment.open = False
            if segment.done == segment.count:
                self.unwritten -= segment.size
                segment.body = []
                continue
            append = AppendSegment(segment.row(mailbox.identifier), b"".join(segment.body))
            self.work.append(Work(append, partial(self._written, mailbox, segment)))
        self._open.clear()
        work, self.work = self.work, []
        return work

    def _written(self, mailbox: Mailbox, segment: Segment, work: Work) -> None:
        """A segment is durable, or the storage did not take it."""
        self.unwritten -= segment.size
        if not work.failed:
            self._counters.envelopes_stored += segment.count
            segment.durable, segment.body = True, []
            segment.settle()
            self._forget(segment)
            return
        if segment.done < segment.count:
            mailbox.count -= segment.count - segment.done
            mailbox.size -= segment.size
            if not segment.given:
                mailbox.segments.remove(segment)
                mailbox.ungiven.remove(segment)
        mailbox.fail(segment)
        self.pump(mailbox)

    def tick(self, now: float) -> None:
        """Write what owners have not acknowledged in time."""
        while self._watch and self._watch[0][0] <= now:
            _, mailbox = self._watch.popleft()
            self._write_live(mailbox, now - self._limits.write_after)
            mailbox.watched = bool(mailbox.live)
            if mailbox.watched:
                self._watch.append((now + self._limits.write_after, mailbox))

    @property
    def next_tick(self) -> float:
        """When ``tick`` is next needed."""
        return self._watch[0][0] if self._watch else math.inf

    def write_all(self) -> None:
        """Let everything that is only in memory go to the storage: the relay is about to stop."""
        for mailbox in self.mailboxes.values():
            self._write_live(mailbox)

    def expire(self) -> None:
        """Drop what has waited longer than the retention, unless its owner has it in hand just now."""
        self.work += [Work(request, self._dropped) for request in self._undropped]
        self._undropped.clear()
        for mailbox in self.mailboxes.values():
            while mailbox.ungiven and mailbox.ungiven[0] is mailbox.segments[0] and not mailbox.loading:
                segment = mailbox.segments[0]
                if not segment.durable or segment.created + self._limits.retention > self.today:
                    break
                self.work.append(Work(DropSegment(mailbox.skip().number), self._dropped))
