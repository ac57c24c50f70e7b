"""What a client says on its two kinds of connection to a relay; pure. docs/spec/relay.md.

A dialogue lives as long as one connection. It takes frames and gives happenings; what it wants sent collects in
``outgoing``. Neither kind ever carries both people's names: the mailbox connection signs in as the owner, the
sending connection never says who it is.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TypeAlias

from e2echat.crypto.puzzles import Puzzle
from e2echat.crypto.relay_records import HelloRecord
from e2echat.errors import MalformedError
from e2echat.wire import relay_messages as relay
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag
from e2echat.wire.relay_messages import PROTOCOL_VERSION, Refusal
from e2echat.wire.schema import Message


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The relay knows us; ``waiting`` envelopes come first."""

    mailbox: bytes
    waiting: int
    one_time_left: int


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """The relay does not take the claim or the signature."""

    reason: Refusal


@dataclass(frozen=True, slots=True)
class Published:
    """The prekeys of the last ``publish`` are at the relay, or were refused."""

    reason: Refusal | None


@dataclass(frozen=True, slots=True)
class Renewed:
    """The capability of this hash is in force (``reason`` None), or was refused."""

    capability_hash: bytes
    reason: Refusal | None


@dataclass(frozen=True, slots=True)
class Delivered:
    """An envelope from the mailbox. It counts as ours only once acknowledged."""

    envelope: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """The sending connection is open to the right relay."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to a fetch: a bundle, or why not."""

    name: str
    prekeys: bool
    answer: relay.Bundle | Refusal


@dataclass(frozen=True, slots=True)
class ChannelRefused:
    """The capability is not, or no longer, good for ``mailbox``."""

    mailbox: bytes
    capability: bytes = field(repr=False)
    reason: Refusal


@dataclass(frozen=True, slots=True)
class Settled:
    """The relay has an envelope (``reason`` None) or refuses it."""

    envelope_id: bytes
    reason: Refusal | None


@dataclass(frozen=True, slots=True)
class Stocked:
    """Somebody begins a session with us: what the relay has left of our one-time prekeys, and whether it had one."""

    one_time_left: int
    short: bool


@dataclass(frozen=True, slots=True)
class Challenged:
    """The relay wants work before it answers a fetch."""

    puzzle: Puzzle


@dataclass(frozen=True, slots=True)
class Met:
    """What the other side of a pairing has said, or why we are not told."""

    answer: list[bytes] | Refusal = field(repr=False)


Happening: TypeAlias = (
    SignedIn
    | SignInRefused
    | Published
    | Renewed
    | Stocked
    | Delivered
    | Ready
    | Challenged
    | Fetched
    | ChannelRefused
    | Settled
    | Met
)


def refusal(number: int) -> Refusal:
    """The reason with that number.

    Raises:
        MalformedError: there is none.
    """
    try:
        return Refusal(number)
    except ValueError as error:
        raise MalformedError("a refusal of an unknown kind") from error


_WORDS = {
    Refusal.MALFORMED: "the relay takes what we sent for malformed",
    Refusal.NAME_TAKEN: "the name is taken at this relay, or looks like one that is",
    Refusal.REGISTRATION_CLOSED: "the relay takes no new names, or not with this address",
    Refusal.NOT_AUTHENTICATED: "the relay does not take our signature: the name was claimed with another key",
    Refusal.NO_SUCH_NAME: "the relay knows nobody of that name",
    Refusal.NO_SUCH_CAPABILITY: "the relay does not let us deliver there",
    Refusal.MAILBOX_FULL: "the recipient's mailbox is full",
    Refusal.STALE: "the relay has seen a newer installation of this account",
    Refusal.LIMIT: "the relay wants us to wait",
    Refusal.STORAGE: "the relay's disk failed",
    Refusal.WORK: "the relay asks for work from strangers, and ours came too late; try again",
    Refusal.CROWDED: "the relay lets no more strangers knock there for now; try again in some hours",
}


def why_refused(reason: Refusal) -> str:
    """The refusal in words."""
    return _WORDS[reason]


class Dialogue(ABC):
    """What both kinds share: the hello, request numbers, and the bytes to send."""

    def __init__(self, address: RelayAddress, certificate_hash: bytes) -> None:
        self._address = address
        self._certificate_hash = certificate_hash
        self._hello: HelloRecord | None = None
        self._request = 0
        self.relay_time = 0
        """The relay's wall clock when it greeted, unix milliseconds."""
        self.outgoing: list[bytes] = []

    def frame(self, tag: int, body: bytes) -> list[Happening]:
        """Take one frame in.

        Raises:
            MalformedError: the relay broke the protocol; the connection is of no further use.
            WrongRelayError: it is not the relay that the address names.
        """
        if self._hello is None:
            self._greeted(body if tag == Tag.CONTROL else b"")
            return self.begin()
        if tag == Tag.CONTROL:
            return self.answer(relay.decode(body))
        return self.other(tag, body)

    def _greeted(self, body: bytes) -> None:
        message = relay.decode(body)
        if not isinstance(message, relay.Hello):
            raise MalformedError("the relay did not greet first")
        hello = HelloRecord.parse(message.record, self._address.key, self._certificate_hash)
        if hello.version != PROTOCOL_VERSION:
            raise MalformedError(f"the relay speaks version {hello.version} of the protocol")
        self._hello = hello
        self.relay_time = message.time

    @property
    def hello(self) -> HelloRecord:
        """The relay's verified greeting; there is one before ``begin``."""
        if self._hello is None:
            raise MalformedError("the relay has not greeted")
        return self._hello

    @abstractmethod
    def begin(self) -> list[Happening]:
        """Called once the relay has proved its key."""

    @abstractmethod
    def answer(self, message: Message) -> list[Happening]:
        """Called with every control message after the hello."""

    @abstractmethod
    def other(self, tag: int, body: bytes) -> list[Happening]:
        """Called with every other frame."""

    def next_request(self) -> int:
        """A fresh request number."""
        self._request += 1
        return self._request

    def say(self, message: Message) -> None:
        """Queue a control message."""
        self.outgoing.append(relay.encode(message))

    def take_outgoing(self) -> bytes:
        """Everything to send since the last call."""
        data = b"".join(self.outgoing)
        self.outgoing.clear()
        return data
