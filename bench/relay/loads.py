"""What is done to a server: who sends to whom, and how much is under way at a time."""

from dataclasses import dataclass

PAIRS = 250
FEW = 16


@dataclass(frozen=True, slots=True)
class Load:
    """``senders`` connections, each with ``in_flight`` messages under way, to ``mailboxes`` recipients."""

    name: str
    senders: int
    mailboxes: int
    in_flight: int
    online: bool = True
    """The recipients are there and a message is under way until it arrives; else until the server has it for good."""
    rotating: bool = False
    """Each sender sends to all in turn; else sender i to recipient i."""
    acknowledge_after: float = 0.0
    """Seconds for which recipients gather acknowledgements, where there are cumulative ones."""

    def targets(self, sender: int) -> list[int]:
        """The recipients of a sender, in turn."""
        if self.rotating:
            return [(sender + step) % self.mailboxes for step in range(self.mailboxes)]
        return list(range(sender, self.mailboxes, self.senders))


CHATTY = Load("chatty", PAIRS, PAIRS, 1)
GATHERED = Load("gathered", PAIRS, PAIRS, 1, acknowledge_after=0.02)
"""Chatty, with acknowledgements gathered as long as clients are to: 20 ms."""
SCATTER = Load("scatter", FEW, FEW, 64, rotating=True)
BULK = Load("bulk", FEW, FEW, 64)
DURABLE = tuple(Load(f"durable-{count}", FEW, count, 64, online=False) for count in (FEW, 4_000))
"""Nobody is there: a message is stored before its sender is told."""
DURABLE_ONE = Load("durable-1", 1, 1, 1, online=False)
"""A single sender, one at a time: how long it takes until a message is stored."""
CHAT = Load("chat", 1, 1, 1)
ROUTING = (CHATTY, GATHERED, SCATTER, BULK)

PAYLOADS = (256, 2048)
"""Bytes: the size that others are measured with, and a real envelope."""
