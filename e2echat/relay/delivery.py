"""Where envelopes go: to the owner who is there, to the storage, and from the storage to the owner. No I/O.

A pure state machine: what it wants done lies in ``work`` and in the output of connections. An envelope is
settled towards its sender once it is durable or acknowledged by its recipient, never before.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from e2echat.errors import MalformedError
from e2echat.relay import runs
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.connection import Channel
from e2echat.relay.counters import Counters
from e2echat.relay.keeping import Keeping
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox, Owner
from e2echat.relay.segments import SegmentRow, Stretch
from e2echat.relay.transit import Repeat, Run
from e2echat.relay.work import ReadStretches, Work
from e2echat.wire.relay_messages import Refusal


class Delivery:
    """All mailboxes. ``now`` is in seconds of a clock that does not jump."""

    def __init__(self, limits: Limits, today: int, counters: Counters) -> None:
        """``today`` in unix seconds."""
        self._limits = limits
        self._window_bytes = limits.window_bytes
        self._window_envelopes = limits.window_envelopes
        self._counters = counters
        self.keeping = Keeping(limits, today, counters, self.pump)
        self.mailboxes: dict[bytes, Mailbox] = {}
        self.work: list[Work] = []
        self._watched: list[Mailbox] = []
        """Those that have runs, or had some lately."""
        self.next_tick = math.inf
        """When ``tick`` is next needed."""

    @property
    def today(self) -> int:
        """The relay's clock, in unix seconds: kept up by the switchboard's tick."""
        return self.keeping.today

    def restore(
        self,
        owned: Iterable[tuple[bytes, Capabilities]],
        rows: Iterable[SegmentRow],
        marks: Mapping[bytes, int],
    ) -> None:
        """Take in what the storage holds, once, at the start; see ``Keeping.restore``."""
        for identifier, capabilities in owned:
            self.mailboxes[identifier] = Mailbox(identifier, capabilities)
        self.keeping.restore(self.mailboxes, rows, marks)

    def submit(self, channel: Channel, data: bytes, count: int, now: float) -> None:
        """Take in ``count`` whole frames that came on ``channel``."""
        mailbox = channel.mailbox
        if mailbox.removed:
            # Opening it again is refused in a way that the client understands.
            channel.connection.close()
            return
        channel.connection.unsettled += count
        self._counters.envelopes_in += count
        if channel.in_bulk and (
            self._give_live(mailbox, channel, data, count, now)
            if mailbox.owner
            else self._keep_all(mailbox, channel, data, count)
        ):
            channel.submitted += count
            mailbox.note(data)
        else:
            self._submit_singly(channel, data, now)

    def _submit_singly(self, channel: Channel, data: bytes, now: float) -> None:
        """Look at each frame by itself."""
        mailbox = channel.mailbox
        for frame in runs.frames(data):
            index = channel.submitted
            channel.submitted += 1
            if channel.knock is not None and not channel.knock.take(len(frame)):
                channel.refuse(index, Refusal.LIMIT)
            elif channel.repeat and mailbox.holds(prefix := next(runs.prefixes(frame))):
                mailbox.settle_behind(Repeat(channel, index, prefix, mailbox.repeats))
            elif self._give_live(mailbox, channel, frame, 1, now) or self._keep(channel, frame):
                mailbox.note(frame)
            else:
                channel.refuse(index, Refusal.MAILBOX_FULL)
        self.pump(mailbox)

    def _give_live(self, mailbox: Mailbox, channel: Channel, data: bytes, count: int, now: float) -> bool:
        """Give envelopes to an owner who is there, has room, and misses nothing older."""
        owner = mailbox.owner
        size = len(data)
        if (
            owner is None
            or mailbox.ungiven
            or mailbox.window + size > self._window_bytes
            or mailbox.outstanding + count > self._window_envelopes
        ):
            return False
        mailbox.live.append(Run(channel, data, count, now))
        mailbox.window += size
        mailbox.outstanding += count
        self._counters.envelopes_out += count
        owner.send(data)
        if not mailbox.watched:
            self._watch(mailbox, now)
        return True

    def _watch(self, mailbox: Mailbox, now: float) -> None:
        """Come back to see whether the owner has acknowledged what he was given."""
        mailbox.watched = True
        if not self._watched:
            self.next_tick = now + self._limits.write_after
        self._watched.append(mailbox)

    def _keep_all(self, mailbox: Mailbox, channel: Channel, data: bytes, count: int) -> bool:
        """Keep envelopes for an owner who is not there, where there is room for all."""
        has_room = mailbox.has_room(self._limits, count, len(data))
        if has_room:
            self.keeping.keep(mailbox, channel, data, count, given=False)
        return has_room

    def _keep(self, channel: Channel, frame: bytes) -> bool:
        """Keep one envelope for later, where there is room."""
        mailbox = channel.mailbox
        has_room = mailbox.has_room(self._limits, 1, len(frame), stranger=channel.knock is not None)
        if has_room:
            # What the owner has been given is older, so it goes first.
            self._write_live(mailbox)
            self.keeping.keep(mailbox, channel, frame, 1, given=False)
        return has_room

    def _write_live(self, mailbox: Mailbox, until: float = math.inf) -> None:
        """What the owner was given, up to a time, and has not acknowledged goes to the storage after all.

        The quota is not asked: this much may come on top of it, at most one window.
        """
        while mailbox.live and mailbox.live[0].arrived <= until:
            run = mailbox.live.popleft()
            rest = runs.behind(run.data, run.done)
            mailbox.window += len(rest) - run.size
            self.keeping.keep(mailbox, run.source, rest, run.count - run.done, given=True)
            # Not behind the runs that are left: within a channel all is settled in the order of submission.
            mailbox.shares[-1].settle_behind(run.behind)

    def acknowledge(self, mailbox: Mailbox, count: int) -> None:
        """The owner has made ``count`` more envelopes his own.

        Raises:
            MalformedError: he was not given as many.
        """
        if not 0 <= count <= mailbox.outstanding:
            raise MalformedError("an acknowledgement of what was not delivered")
        self.keeping.release(mailbox, mailbox.take(count))
        if mailbox.ungiven:
            self.pump(mailbox)

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
        self.keeping.forget(mailbox)

    def pump(self, mailbox: Mailbox) -> None:
        """Give the owner what waits, as far as his window goes."""
        owner = mailbox.owner
        while owner and mailbox.ungiven and not mailbox.loading:
            if len(mailbox.kept) > mailbox.kept.given:
                self._load(mailbox, owner)
                return
            share = next(share for share in mailbox.shares if not share.given)
            if mailbox.outstanding and (
                mailbox.window + share.size > self._window_bytes
                or mailbox.outstanding + share.left > self._window_envelopes
            ):
                return
            share.given = True
            self._give(mailbox, owner, runs.behind(share.body, share.done), share.left, share.size)

    def _give(self, mailbox: Mailbox, owner: Owner, frames: bytes, count: int, size: int) -> None:
        """Give the owner what comes next; ``size`` is what it weighs until it is acknowledged."""
        mailbox.ungiven -= count
        mailbox.window += size
        mailbox.outstanding += count
        self._counters.envelopes_out += count
        owner.send(frames)

    def _load(self, mailbox: Mailbox, owner: Owner) -> None:
        """Fetch as much of what is durable as fits into the owner's window; an empty one takes any envelope."""
        stretches = mailbox.kept.next_stretches(
            self._window_bytes - mailbox.window,
            self._window_envelopes - mailbox.outstanding,
            at_least_one=not mailbox.outstanding,
        )
        if stretches:
            mailbox.loading = True
            self.work.append(Work(ReadStretches(stretches), partial(self._loaded, mailbox, owner, stretches)))

    def _loaded(self, mailbox: Mailbox, owner: Owner, stretches: Sequence[Stretch], work: Work) -> None:
        mailbox.loading = False
        if mailbox.owner is owner:
            if work.failed or not isinstance(work.result, list):
                # Nothing is lost, but nothing can be given in order either: the owner may try again.
                owner.close()
                return
            for (_, count), body in zip(stretches, work.result, strict=True):
                self._give_read(mailbox, owner, count, body)
        self.pump(mailbox)

    def _give_read(self, mailbox: Mailbox, owner: Owner, count: int, body: bytes | None) -> None:
        """Give the owner what was read, of which each frame may be damaged."""
        kept = mailbox.kept
        if body is not None and runs.is_whole(body, kept.next_prefixes(count)):
            self._give(mailbox, owner, body, count, kept.give(count))
        elif body is not None and count > 1:
            end = 0
            for size in kept.next_sizes(count):
                start, end = end, end + size
                self._give_read(mailbox, owner, 1, body[start:end])
        else:
            # Forgotten, it is in nobody's way, and can be submitted again.
            self._counters.envelopes_damaged += count
            self.keeping.give_up(mailbox.skip(count))
            # The owner was told that it waits: he had better ask again.
            owner.close()

    def take_work(self) -> list[Work]:
        """Everything that waits for the storage, in order, as one batch."""
        work, self.work = self.work, []
        return work + self.keeping.take_work()

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
        self.keeping.expire(self.mailboxes.values(), self._limits.retention)
