"""From mailboxes to the storage: what is on its way there, and what of each segment is still needed. No I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice, takewhile

from e2echat.relay import runs
from e2echat.relay.counters import Counters
from e2echat.relay.kept import Kept
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox
from e2echat.relay.segments import (
    EVERYWHERE,
    FROM_STRANGER,
    MOST_ENVELOPES,
    NOWHERE,
    Directory,
    Portion,
    SegmentRow,
    Taken,
    bytes_of,
    place_of,
    segment_of,
    split,
    weight,
)
from e2echat.relay.transit import Share, Source
from e2echat.relay.work import AppendSegment, CompactSegment, DropSegment, Mark, Work

_SPARSE = 4
"""A segment is compacted when less than one in so many of its bytes is needed."""
_AT_ONCE = 8
"""Segments that are compacted with one batch: some milliseconds, for which everybody else's commits wait."""


class _Segment:
    """What is needed of a durable segment."""

    __slots__ = ("bytes", "created", "envelopes", "size")

    def __init__(self, created: int, envelopes: int, size: int) -> None:
        self.created = created
        self.envelopes = envelopes
        self.bytes = size
        self.size = size
        """Bytes of its body."""


class Keeping:
    """All segments."""

    def __init__(
        self, limits: Limits, today: int, counters: Counters, failed: Callable[[Mailbox], None]
    ) -> None:
        """``failed`` is called for each mailbox that lost what was on its way."""
        self._most = limits.segment_bytes
        self.today = today
        """Unix seconds by the relay's clock."""
        self._counters = counters
        self._failed = failed
        self.unwritten = 0
        """Bytes on their way to the storage."""
        self._open: list[tuple[Mailbox, Share]] = []
        self._segments: dict[int, _Segment] = {}
        self._next = 1
        self._marks: dict[bytes, int] = {}
        """Those that the storage is to keep with the next batch."""
        self._lost_marks: list[tuple[bytes, int]] = []
        """Those that it failed to keep: they go with the next batch that there is anyway."""
        self._useless: list[int] = []
        """Segments to drop with the next batch: behind the marks."""
        self._still_there: list[int] = []
        """Those that it failed to drop: tried again with the next look at what has expired."""
        self._holed: dict[int, None] = {}
        """Segments to compact, a few with each batch."""

    def restore(
        self, mailboxes: Mapping[bytes, Mailbox], rows: Iterable[SegmentRow], marks: Mapping[bytes, int]
    ) -> None:
        """Take in what the storage holds, once, at the start; ``rows`` by ascending number.

        Raises:
            StorageError: from ``rows``.
        """
        found: dict[bytes, Kept] = {identifier: Kept() for identifier in mailboxes}
        for row in rows:
            segment = _Segment(
                min(row.created, self.today), len(row.directory.sizes), weight(row.directory.sizes)
            )
            for mailbox, placed in row.directory.placed(row.number):
                kept, mark = found.get(mailbox), marks.get(mailbox, NOWHERE)
                if kept is None:
                    gone, _ = split(placed, len(placed[1]))
                    if mark < EVERYWHERE:
                        self._marks[mailbox] = EVERYWHERE
                elif placed[0] > mark:
                    kept.add(placed)
                    continue
                else:
                    gone, rest = split(placed, min(mark + 1 - placed[0], len(placed[1])))
                    kept.add(rest)
                segment.envelopes -= len(gone)
                segment.bytes -= sum(bytes_of(size) for _, size in gone)
            if segment.envelopes:
                self._segments[row.number] = segment
            else:
                self._useless.append(row.number)
            self._next = row.number + 1
        self._next = max(
            self._next, *(segment_of(place) + 1 for place in marks.values() if place < EVERYWHERE), 1
        )
        for identifier, kept in found.items():
            if kept:
                mailboxes[identifier].restore(kept)

    def keep(self, mailbox: Mailbox, source: Source, data: bytes, count: int, *, given: bool) -> None:
        """Put ``count`` whole frames on their way."""
        self.unwritten += len(data)
        if len(data) <= self._most:
            self._keep(mailbox, source, data, count, given=given)
            return
        for piece, number in runs.pieces(data, self._most):
            self._keep(mailbox, source, piece, number, given=given)

    def _keep(self, mailbox: Mailbox, source: Source, data: bytes, count: int, *, given: bool) -> None:
        stranger = source.knock is not None
        if mailbox.shares:
            share = mailbox.shares[-1]
            if (
                share.open
                and share.given is given
                and share.stranger is stranger
                and share.size + len(data) <= self._most
                and share.count + count <= MOST_ENVELOPES
            ):
                share.add(source, data, count)
                mailbox.grow(count, len(data), given=given)
                return
        share = Share(source, data, count, given=given, stranger=stranger)
        mailbox.shares.append(share)
        mailbox.grow(count, len(data), given=given)
        self._open.append((mailbox, share))

    def release(self, mailbox: Mailbox, taken: Taken) -> None:
        """Durable envelopes, the first of a mailbox, are not needed any more."""
        if taken:
            self._mark([(mailbox.identifier, taken[-1][0])])
            self.give_up(taken)

    def _mark(self, places: Iterable[tuple[bytes, int]]) -> None:
        """So far these mailboxes are acknowledged, if not further."""
        for mailbox, place in places:
            self._marks[mailbox] = max(place, self._marks.get(mailbox, NOWHERE))

    def give_up(self, taken: Taken) -> None:
        """Durable envelopes, and not the first of their mailbox perhaps, are not needed any more."""
        touched = set()
        for place, size in taken:
            number = segment_of(place)
            segment = self._segments[number]
            segment.envelopes -= 1
            segment.bytes -= bytes_of(size)
            touched.add(number)
        for number in touched:
            segment = self._segments[number]
            if not segment.envelopes:
                del self._segments[number]
                self._useless.append(number)
            elif segment.bytes * _SPARSE < segment.size:
                self._holed[number] = None

    def forget(self, mailbox: Mailbox) -> None:
        """A mailbox is no more: all of it counts as acknowledged, so that its senders are through with it."""
        for share in mailbox.shares:
            share.done = share.count
            share.settle()
        mailbox.shares = []
        self.give_up(mailbox.skip(len(mailbox.kept)))
        self._marks[mailbox.identifier] = EVERYWHERE

    def expire(self, mailboxes: Iterable[Mailbox], retention: int) -> None:
        """Drop what has waited so long, unless its owner has it in hand just now, and what is acknowledged."""
        until = self.today - retention
        self._useless += self._still_there
        self._still_there = []
        self._mark_again()
        # Only what is before all that is younger: a time that is damaged must not take others with it.
        old = list(takewhile(lambda each: each[1].created <= until, sorted(self._segments.items())))
        if old:
            behind = place_of(old[-1][0] + 1, 0)
            for mailbox in mailboxes:
                self.release(mailbox, mailbox.take_old(behind))
        self._holed |= {number: None for number, each in self._segments.items() if each.bytes < each.size}

    def take_work(self) -> list[Work]:
        """All that the storage is to do next."""
        work: list[Work] = []
        appends = self._close()
        if self._marks or appends:
            self._mark_again()
        if self._marks:
            work.append(Work(Mark(tuple(self._marks.items())), self._marked))
            self._marks = {}
        work += [Work(DropSegment(number), self._dropped) for number in self._useless]
        self._useless = []
        for number in list(islice(self._holed, _AT_ONCE)):
            del self._holed[number]
            if segment := self._segments.get(number):
                work.append(Work(CompactSegment(number), partial(self._compacted, segment, segment.bytes)))
        return work + appends

    def _marked(self, work: Work) -> None:
        if work.failed and isinstance(work.request, Mark):
            self._lost_marks += work.request.places

    def _mark_again(self) -> None:
        self._mark(self._lost_marks)
        self._lost_marks = []

    def _dropped(self, work: Work) -> None:
        if work.failed and not work.damaged and isinstance(work.request, DropSegment):
            self._still_there.append(work.request.number)

    def _compacted(self, segment: _Segment, size: int, work: Work) -> None:
        # What is damaged stays as large as it is, and is not tried again.
        if not work.failed or work.damaged:
            segment.size = size

    def _close(self) -> list[Work]:
        """Make segments of all open shares."""
        work: list[Work] = []
        shares: list[tuple[Mailbox, Share]] = []
        size = count = 0
        for each in self._open:
            share = each[1]
            if not share.left:
                self.unwritten -= share.size
                share.open = False
                continue
            if shares and (size + share.size > self._most or count + share.count > MOST_ENVELOPES):
                work.append(self._segment(shares))
                shares, size, count = [], 0, 0
            shares.append(each)
            size += share.size
            count += share.count
        if shares:
            work.append(self._segment(shares))
        self._open.clear()
        return work

    def _segment(self, shares: "list[tuple[Mailbox, Share]]") -> Work:
        number, today = self._next, self.today
        self._next += 1
        body = b"".join([runs.behind(share.body, share.done) for _, share in shares])
        sizes, prefixes = runs.heads(body)
        portions: list[Portion] = []
        written, start = [], 0
        for mailbox, share in shares:
            share.open = False
            end = start + share.left
            if share.stranger:
                sizes[start:end] = [size | FROM_STRANGER for size in sizes[start:end]]
            portions.append((mailbox.identifier, start, share.left))
            written.append((mailbox, share, share.done))
            start = end
        directory = Directory(portions, sizes, prefixes)
        append = AppendSegment(SegmentRow(number, today, directory), body)
        segment = _Segment(today, len(sizes), len(body))
        return Work(append, partial(self._written, number, segment, directory, written))

    def _written(
        self,
        number: int,
        segment: _Segment,
        directory: Directory,
        shares: "Sequence[tuple[Mailbox, Share, int]]",
        work: Work,
    ) -> None:
        """A segment is durable, or the storage did not take it.

        Args:
            number: its own.
            segment: as it is if nothing of it has been acknowledged meanwhile.
            directory: whose portions are those of the shares.
            shares: what it is made of: each with how much was acknowledged and is not in it.
            work: what came back.
        """
        if work.failed:
            for mailbox, share, _ in shares:
                self.unwritten -= share.size
                mailbox.fail(share)
                self._failed(mailbox)
            return
        self._counters.envelopes_stored += len(directory.sizes)
        self._segments[number] = segment
        for (mailbox, share, before), (_, placed) in zip(shares, directory.placed(number), strict=True):
            self.unwritten -= share.size
            taken, share.durable = split(placed, share.done - before) if share.done > before else ((), placed)
            self.release(mailbox, taken)
            share.settle()
            mailbox.absorb()
