"""The anonymous connection: fetch bundles, open channels, submit envelopes; pure. docs/spec/relay.md."""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from e2echat.client.dialogue import (
    Challenged,
    ChannelRefused,
    Dialogue,
    Fetched,
    Happening,
    Ready,
    Settled,
    refusal,
)
from e2echat.crypto.puzzles import Puzzle
from e2echat.errors import MalformedError
from e2echat.wire import frames
from e2echat.wire import relay_messages as relay
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag
from e2echat.wire.relay_messages import MOST_WORK, Refusal
from e2echat.wire.schema import Message

_Key: TypeAlias = tuple[bytes, bytes, bool]
"""What a channel was opened with: mailbox, capability, whether for repetitions."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked about somebody, and under which capability; without one, what takes a ``knock`` takes work."""

    name: str
    prekeys: bool
    knock: bool
    capability: bytes | None = field(repr=False)

    @property
    def takes_work(self) -> bool:
        return self.capability is None and (self.prekeys or self.knock)


@dataclass(slots=True)
class _Channel:
    settled: int = 0
    refused: dict[int, Refusal] = field(default_factory=dict)
    in_flight: deque[bytes] = field(default_factory=deque)


class SendingDialogue(Dialogue):
    """The anonymous connection: fetch bundles, open channels, submit envelopes."""

    def __init__(self, address: RelayAddress, certificate_hash: bytes) -> None:
        super().__init__(address, certificate_hash)
        self.ready = False
        self._fetches: dict[int, _Question] = {}
        self._laborious: deque[_Question] = deque()
        """Questions that take work: the relay sets one puzzle at a time, for the first of them."""
        self._asking: int | None = None
        """The request for that puzzle, until it is answered."""
        self.puzzle: Puzzle | None = None
        """To be solved by somebody."""
        self._opening: dict[int, _Key] = {}
        self._channels: dict[int, _Channel] = {}
        self._by_key: dict[_Key, int] = {}
        self._flying: set[bytes] = set()

    def begin(self) -> list[Happening]:
        """Nothing to prove: the connection is ready."""
        self.ready = True
        return [Ready()]

    def fetch(
        self, name: str, *, prekeys: bool, knock: bool = False, capability: bytes | None = None
    ) -> None:
        """Ask for somebody's bundle, unless that is under way.

        Args:
            name: whose.
            prekeys: ask for prekeys as well; without ``capability`` they come with a knock token.
            knock: ask for a knock token alone.
            capability: of his mailbox; without it prekeys and tokens take work.
        """
        question = _Question(name, prekeys, knock, capability)
        if question in self._fetches.values() or question in self._laborious:
            return
        if not question.takes_work:
            self._ask(question, None)
            return
        self._laborious.append(question)
        if len(self._laborious) == 1:
            self._ask_puzzle()

    def _ask(self, question: _Question, solution: bytes | None) -> None:
        request = self.next_request()
        self._fetches[request] = question
        self.say(relay.Fetch(request, question.name, question.prekeys, question.capability, solution))

    def _ask_puzzle(self) -> None:
        self.puzzle = None
        if self._laborious:
            self._asking = self.next_request()
            self.say(relay.AskPuzzle(self._asking, self._laborious[0].name))

    def solved(self, puzzle: Puzzle, solution: bytes) -> None:
        """Go on with a solution, if it is of the puzzle that was set here last."""
        if puzzle == self.puzzle:
            self._ask(self._laborious.popleft(), solution)
            self._ask_puzzle()

    def _challenged(self, message: relay.Challenge) -> list[Happening]:
        if message.bits > MOST_WORK:
            raise MalformedError(
                f"the relay asks for 2^{message.bits} hashes of work, more than any relay may"
            )
        self._asking = None
        self.puzzle = Puzzle(self.hello.hash, message.challenge, self._laborious[0].name, message.bits)
        return [Challenged(self.puzzle)]

    def channel(self, mailbox: bytes, capability: bytes, *, repeat: bool) -> int | None:
        """The channel to a mailbox; None while it is being opened."""
        key = (mailbox, capability, repeat)
        if key not in self._by_key and key not in self._opening.values():
            request = self.next_request()
            self._opening[request] = key
            self.say(relay.Open(request, mailbox, capability, repeat))
        return self._by_key.get(key)

    def submit(self, channel: int, envelope_id: bytes, envelope: bytes) -> None:
        """Send an envelope."""
        self._channels[channel].in_flight.append(envelope_id)
        self._flying.add(envelope_id)
        self.outgoing.append(frames.submission(channel, envelope_id, envelope))

    def in_flight(self, envelope_id: bytes) -> bool:
        """Whether an envelope was submitted here and not settled yet."""
        return envelope_id in self._flying

    @property
    def busy(self) -> bool:
        """Whether anything awaits the relay's answer."""
        return bool(self._flying or self._fetches or self._laborious or self._opening)

    @property
    def flying(self) -> int:
        """How many envelopes were submitted here and not settled yet."""
        return len(self._flying)

    def answer(self, message: Message) -> list[Happening]:
        """See ``Dialogue``."""
        match message:
            case relay.Challenge(request) if request == self._asking:
                return self._challenged(message)
            case relay.Refused(request, reason) if request == self._asking:
                self._asking = None
                refused = _fetched(self._laborious.popleft(), refusal(reason))
                self._ask_puzzle()
                return [refused]
            case relay.Bundle(request) if request in self._fetches:
                return [_fetched(self._fetches.pop(request), message)]
            case relay.Refused(request, reason) if request in self._fetches:
                return [_fetched(self._fetches.pop(request), refusal(reason))]
            case relay.Opened(request, number) if request in self._opening and number not in self._channels:
                self._channels[number] = _Channel()
                self._by_key[self._opening.pop(request)] = number
                return []
            case relay.Refused(request, reason) if request in self._opening:
                mailbox, capability, _ = self._opening.pop(request)
                return [ChannelRefused(mailbox, capability, refusal(reason))]
        raise MalformedError("an answer to nothing that was asked")

    def other(self, tag: int, body: bytes) -> list[Happening]:
        """See ``Dialogue``."""
        if tag == Tag.ACCEPTED:
            number, count = frames.parse_channel_count(body)
            return self._settle(self._channel(number), count)
        if tag == Tag.REFUSED:
            number, index, reason = frames.parse_refusal(body)
            channel = self._channel(number)
            if not channel.settled <= index < channel.settled + len(channel.in_flight):
                raise MalformedError("a refusal of nothing that was submitted")
            channel.refused[index] = refusal(reason)
            return []
        raise MalformedError("a frame that does not belong on this connection")

    def _channel(self, number: int) -> _Channel:
        channel = self._channels.get(number)
        if channel is None:
            raise MalformedError("a channel that is not open")
        return channel

    def _settle(self, channel: _Channel, count: int) -> list[Happening]:
        if not channel.settled <= count <= channel.settled + len(channel.in_flight):
            raise MalformedError("more accepted than submitted")
        happenings: list[Happening] = []
        while channel.settled < count:
            envelope_id = channel.in_flight.popleft()
            self._flying.discard(envelope_id)
            happenings.append(Settled(envelope_id, channel.refused.pop(channel.settled, None)))
            channel.settled += 1
        return happenings


def _fetched(question: _Question, answer: relay.Bundle | Refusal) -> Fetched:
    return Fetched(question.name, question.prekeys, answer)
