"""What the relay knows of one connection, and of the channels opened on it. No I/O."""

from enum import Enum, auto
from heapq import heappop, heappush

from e2echat.crypto.puzzles import Puzzle
from e2echat.crypto.relay_records import HelloRecord
from e2echat.relay.counters import Counters
from e2echat.relay.knocks import Knock
from e2echat.relay.limits import Limits, TokenBucket
from e2echat.relay.mailbox import Mailbox
from e2echat.wire import frames
from e2echat.wire.relay_messages import Refusal


class Role(Enum):
    """What a connection is for: settled by its first request, so that none carries the names of two people."""

    UNDECIDED = auto()
    OWNER = auto()
    """Claims, signs in, publishes, receives and acknowledges."""
    SENDER = auto()
    """Fetches bundles, opens channels, submits."""
    PAIRING = auto()
    """Meets somebody by a short code."""


class Connection:
    """One connection; ``number`` is all that names it."""

    __slots__ = (
        "_dirty",
        "_output",
        "acknowledged",
        "address",
        "backlog",
        "busy",
        "channels",
        "closing",
        "counters",
        "frame_since",
        "heard",
        "hello",
        "mailbox",
        "name",
        "number",
        "opened_at",
        "owed",
        "pending",
        "puzzle",
        "requests",
        "role",
        "unsettled",
    )

    def __init__(
        self,
        number: int,
        hello: HelloRecord,
        limits: Limits,
        now: float,
        dirty: "dict[int, Connection]",
        counters: Counters,
        address: str | None = None,
    ) -> None:
        self.number = number
        self.address = address
        """What its requests are counted under; None for loopback, which has no budget in common."""
        self.counters = counters
        self._dirty = dirty
        self.hello: HelloRecord | None = hello
        """Until it is answered: a nonce is good once."""
        self.opened_at = now
        self.heard = now
        self.pending = b""
        """Bytes of a frame that is not complete, or that waits while ``busy``."""
        self.frame_since: float | None = None
        self.role = Role.UNDECIDED
        self.puzzle: tuple[Puzzle, float] | None = None
        """The one that was set last and not answered, and when it ends."""
        self.busy = False
        """A request is at the storage; what comes behind it waits, so that answers keep their order."""
        self.closing = False
        self.mailbox: Mailbox | None = None
        """The one that its client owns and receives from, once it has signed in."""
        self.name = ""
        """The name that goes with ``mailbox``."""
        self.acknowledged = 0
        """Envelopes that its client has acknowledged so far."""
        self.channels: dict[int, Channel] = {}
        self.owed: dict[int, Channel] = {}
        """Channels whose count of settled submissions the client does not know yet."""
        self.requests = TokenBucket(limits.request_burst, limits.request_rate, now)
        self.unsettled = 0
        """Submissions whose fate is open."""
        self.backlog = 0
        """Bytes that the server has taken and the socket has not: kept by the server."""
        self._output: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Queue whole frames."""
        self._output.append(data)
        self._dirty[self.number] = self

    def owe(self, channel: "Channel") -> None:
        """Tell the client, with the next output, how much of ``channel`` is settled."""
        self.owed[channel.tag] = channel
        self._dirty[self.number] = self

    def close(self) -> None:
        """End it once what is queued has left."""
        self.closing = True
        self._dirty[self.number] = self

    def take_output(self) -> bytes:
        """What is to be written now; what it settles comes last, as one count a channel."""
        output = self._output
        if self.owed:
            for channel in self.owed.values():
                output.append(frames.accepted(channel.tag, channel.settled))
            self.owed.clear()
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data


class Channel:
    """A sending connection's right to one mailbox, and the count of what became of its submissions."""

    __slots__ = (
        "_skips", "connection", "in_bulk", "knock", "mailbox", "repeat", "settled", "submitted", "tag",
    )  # fmt: skip

    def __init__(
        self, tag: int, connection: Connection, mailbox: Mailbox, knock: Knock | None, *, repeat: bool
    ) -> None:
        self.tag = tag
        self.connection = connection
        self.mailbox = mailbox
        self.knock = knock
        self.repeat = repeat
        self.in_bulk = knock is None and not repeat
        """Whether submissions need not be looked at one by one."""
        self.submitted = 0
        self.settled = 0
        self._skips: list[int] = []
        """A heap of indices that were refused out of turn and count as settled once all before them are."""

    def reduce_to(self, allowance: Knock) -> None:
        """See ``transit.Channel``."""
        if self.knock is None:
            self.knock = allowance
            self.in_bulk = False

    def settle(self, count: int) -> None:
        """The next ``count`` submissions are durable or acknowledged."""
        while self._skips and self._skips[0] <= self.settled + count:
            heappop(self._skips)
            count += 1
        self.settled += count
        self.connection.unsettled -= count
        self.connection.owe(self)

    def refuse(self, index: int, reason: int) -> None:
        """Submission ``index``, not the next to be settled perhaps, was not kept."""
        self._say_refused(index, reason)
        heappush(self._skips, index)
        self.settle(0)

    def refuse_next(self, count: int, reason: int) -> None:
        """The next ``count`` submissions to be settled were not kept."""
        for _ in range(count):
            self._say_refused(self.settled, reason)
            self.settle(1)

    def _say_refused(self, index: int, reason: int) -> None:
        self.connection.counters.refused(Refusal(reason).name.lower())
        self.connection.send(frames.refused(self.tag, index, reason))
