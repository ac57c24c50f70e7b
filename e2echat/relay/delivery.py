"""Where envelopes go: to the owner who is there, to the storage, and from the storage to the owner. No I/O.

A pure state machine: what it wants done lies in ``work`` and in the output of connections. An envelope is
settled towards its sender once it is durable or acknowledged by its recipient, never before.
"""

import math
from collections.abc import Iterable
from functools import partial

from e2echat.errors import MalformedError
from e2echat.relay import runs
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.connection import Channel
from e2echat.relay.counters import Counters
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox, Owner, Repeat, Run, Segment, Source
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
        self._window_bytes = limits.window_bytes
        self._window_envelopes = limits.window_envelopes
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
        self._watched: list[Mailbox] = []
        """Those that have runs, or had some lately."""
        self.next_tick = math.inf
        """When ``tick`` is next needed."""

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
            mailbox.restore(Segment.restored(row))

    def submit(self, channel: Channel, run: Run) -> None:
        """Take in what came on ``channel``."""
        mailbox = channel.mailbox
        if mailbox.removed:
            # Opening it again is refused in a way that the client understands.
            channel.connection.close()
            return
        channel.connection.unsettled += run.count
        self._counters.envelopes_in += run.count
        if channel.in_bulk and (self._give_live(mailbox, run) or self._keep_all(mailbox, run)):
            channel.submitted += run.count
        else:
            self._submit_singly(channel, run)

    def _submit_singly(self, channel: Channel, run: Run) -> None:
        """Look at each frame by itself."""
        mailbox = channel.mailbox
        for frame in runs.frames(run.data):
            index = channel.submitted
            channel.submitted += 1
            if channel.knock is not None and not channel.knock.take(len(frame)):
                channel.refuse(index, Refusal.LIMIT)
            elif channel.repeat and mailbox.holds(identifier := runs.ids(frame)):
                mailbox.settle_behind(Repeat(channel, index, identifier, mailbox.repeats))
            elif not self._give_live(mailbox, Run(channel, frame, 1, run.arrived)):
                self._keep(channel, frame, index)
        self.pump(mailbox)

    def _give_live(self, mailbox: Mailbox, run: Run) -> bool:
        """Give envelopes to an owner who is there, has room, and misses nothing older."""
        owner = mailbox.owner
        if (
            owner is None
            or mailbox.ungiven
            or mailbox.window + run.size > self._window_bytes
            or mailbox.outstanding + run.count > self._window_envelopes
        ):
            return False
        mailbox.live.append(run)
        mailbox.window += run.size
        mailbox.outstanding += run.count
        self._counters.envelopes_out += run.count
        owner.send(run.data)
        if not mailbox.watched:
            self._watch(mailbox, run.arrived)
        return True

    def _watch(self, mailbox: Mailbox, now: float) -> None:
        """Come back to see whether the owner has acknowledged what he was given."""
        mailbox.watched = True
        if not self._watched:
            self.next_tick = now + self._limits.write_after
        self._watched.append(mailbox)

    def _keep_all(self, mailbox: Mailbox, run: Run) -> bool:
        """Keep envelopes for later, where nobody is there for them and there is room for all."""
        keeps = mailbox.owner is None and mailbox.has_room(self._limits, run.count, len(run.data))
        if keeps:
            self._append(mailbox, run.source, run.data, run.count, given=False)
        return keeps

    def _keep(self, channel: Channel, frame: bytes, index: int) -> None:
        """Keep one envelope for later, or refuse it."""
        mailbox = channel.mailbox
        if not mailbox.has_room(self._limits, 1, len(frame), stranger=channel.knock is not None):
            channel.refuse(index, Refusal.MAILBOX_FULL)
            return
        # What the owner has been given is older, so it goes first.
        self._write_live(mailbox)
        self._append(mailbox, channel, frame, 1, given=False)

    def _append(self, mailbox: Mailbox, source: Source, data: bytes, count: int, *, given: bool) -> None:
        """Put whole frames into the mailbox's open segments."""
        mailbox.count += count
        mailbox.size += len(data)
        self.unwritten += len(data)
        most, stranger = self._limits.segment_bytes, source.knock is not None
        segment = mailbox.segments[-1] if mailbox.segments else None
        for piece, number in runs.pieces(data, count, most):
            if (
                segment is None
                or not segment.open
                or (segment.given, segment.stranger) != (given, stranger)
                or segment.size + len(piece) > most
            ):
                segment = Segment(self._next_segment, self.today, given=given, stranger=stranger)
                self._next_segment += 1
                self._open.append((mailbox, segment))
                mailbox.segments.append(segment)
                if not given:
                    mailbox.ungiven.append(segment)
            segment.add(source, piece, number)

    def _write_live(self, mailbox: Mailbox, until: float = math.inf) -> None:
        """What the owner was given, up to a time, and has not acknowledged goes to the storage after all.

        The quota is not asked: this much may come on top of it, at most one window.
        """
        while mailbox.live and mailbox.live[0].arrived <= until:
            run = mailbox.live.popleft()
            rest = runs.behind(run.data, run.done)
            mailbox.window += len(rest) - run.size
            self._append(mailbox, run.source, rest, run.count - run.done, given=True)
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
        if mailbox.ungiven:
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

    def arrive(self, mailbox: Mailbox, owner: Owner) -> None:
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

    def _give(self, mailbox: Mailbox, owner: Owner, body: bytes) -> None:
        """Give the owner the next segment."""
        segment = mailbox.ungiven.popleft()
        segment.given = True
        mailbox.window += segment.size
        mailbox.outstanding += segment.count - segment.done
        self._counters.envelopes_out += segment.count - segment.done
        owner.send(runs.behind(body, segment.done))

    def _load(self, mailbox: Mailbox, owner: Owner) -> None:
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

    def _loaded(self, mailbox: Mailbox, owner: Owner, work: Work) -> None:
        mailbox.loading = False
        if mailbox.owner is owner:
            if work.failed or not isinstance(work.result, list):
                # Nothing is lost, but nothing can be given in order either: the owner may try again.
                owner.close()
                return
            for body in work.result:
                if body is not None and runs.is_whole(body, mailbox.ungiven[0].ids):
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
        watched, self._watched, self.next_tick = self._watched, [], math.inf
        for mailbox in watched:
            self._write_live(mailbox, now - self._limits.write_after)
            mailbox.watched = False
            if mailbox.live:
                self._watch(mailbox, now)

    def write_all(self) -> None:
        """Let everything that is only in memory go to the storage: the relay is about to stop."""
        for mailbox in self.mailboxes.values():
            self._write_live(mailbox)

    def expire(self) -> None:
        """Drop what has waited longer than the retention, unless its owner has it in hand just now."""
        self.work += [Work(request, self._dropped) for request in self._undropped]
        self._undropped.clear()
        for mailbox in self.mailboxes.values():
            for segment in mailbox.take_old(self.today - self._limits.retention):
                self.work.append(Work(DropSegment(segment.number), self._dropped))
