"""A switchboard with a real database and clients in memory: no sockets, no threads, and a clock that tests turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.prekeys import PrekeyKind, PrekeySecret
from e2echat.crypto.primitives import H, SystemRandomness
from e2echat.crypto.puzzles import Puzzle
from e2echat.crypto.relay_records import NO_CERTIFICATE, AuthRecord, ClaimRecord, HelloRecord, LeaveRecord
from e2echat.relay.accounts import Accounts
from e2echat.relay.database import Database
from e2echat.relay.limits import Limits
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.segments import Stretch, split
from e2echat.relay.storage import carry_out
from e2echat.relay.switchboard import Switchboard
from e2echat.relay.tokens import Registration
from e2echat.relay.work import ReadStretches, Work
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.schema import Message

EPOCH = 1_700_000_000
RANDOM = SystemRandomness()
QUICK = Limits(work_bits=4)
"""What tests take that have no limits of their own: a knock takes some sixteen hashes."""
Answer = TypeVar("Answer", bound=Message)


@dataclass
class Account:
    """Somebody's keys and records, and what goes with them at one relay."""

    name: str
    relay_key: bytes
    epoch: int = EPOCH
    key: SigningKey = field(default_factory=lambda: SigningKey.generate(RANDOM))
    sign_in: SigningKey = field(default_factory=lambda: SigningKey.generate(RANDOM))
    capability: bytes = field(default_factory=lambda: RANDOM.octets(32))
    identity: Identity = field(init=False)
    device: Device = field(init=False)

    def __post_init__(self) -> None:
        self.identity = Identity.create(self.key, self.name)
        self.device = Device.create(self.key, self.identity, self.epoch, ExchangeKey.generate(RANDOM).public)

    def newer(self, by: int = 1) -> "Account":
        """The same account on a new device."""
        return replace(self, epoch=self.epoch + by, sign_in=SigningKey.generate(RANDOM))

    def claim(self, token: bytes | None = None) -> messages.Claim:
        record = ClaimRecord.create(self.key, self.relay_key, self.name, self.epoch, self.sign_in.public)
        return messages.Claim(
            1, self.identity.raw, self.device.raw, record.raw, H("capability", self.capability), token
        )

    def authenticate(self, hello: HelloRecord) -> messages.Authenticate:
        record = AuthRecord.create(self.sign_in, hello, RANDOM.octets(32), self.name)
        return messages.Authenticate(2, record.raw)

    def leave(self, hello: HelloRecord) -> messages.Leave:
        return messages.Leave(2, LeaveRecord.create(self.key, hello, RANDOM.octets(32), self.name).raw)

    def prekey(self, kind: PrekeyKind, prekey_id: int) -> bytes:
        secret = PrekeySecret.generate(self.key, self.identity, self.device, kind, prekey_id, EPOCH, RANDOM)
        return secret.prekey.raw


class Client:
    """One connection to the switchboard, seen from the other end."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.connection = world.board.opened(NO_CERTIFICATE, world.now, EPOCH * 1000)
        self.seen = 0
        """Envelopes delivered so far."""
        self._decoder = frames.FrameDecoder()
        self._frames: list[tuple[int, bytes]] = []
        hello = self.message(messages.Hello)
        self.hello = HelloRecord.parse(hello.record, world.key.public, NO_CERTIFICATE)

    @property
    def closing(self) -> bool:
        return self.connection.closing

    def say(self, data: bytes) -> None:
        self.world.board.received(self.connection, data, self.world.now)
        self.world.turn()

    def hear(self) -> list[tuple[int, bytes]]:
        """All frames that came since this was last asked: tag and body."""
        self._frames += self._decoder.feed(self.connection.take_output())
        heard, self._frames = self._frames, []
        return heard

    def message(self, kind: type[Answer]) -> Answer:
        """The next frame, which must be this message."""
        self._frames += self._decoder.feed(self.connection.take_output())
        tag, body = self._frames.pop(0)
        assert tag == frames.Tag.CONTROL
        message = messages.decode(body)
        assert isinstance(message, kind), message
        return message

    def ask(self, request: Message, kind: type[Answer]) -> Answer:
        self.say(messages.encode(request))
        return self.message(kind)

    def refused(self, request: Message) -> int:
        """The reason why ``request`` is refused."""
        return self.ask(request, messages.Refused).reason

    def open(self, account: Account, *, repeat: bool = False, capability: bytes | None = None) -> int:
        """The tag of a new channel to ``account``."""
        mailbox = self.world.mailboxes[account.name]
        request = messages.Open(3, mailbox, capability or account.capability, repeat)
        return self.ask(request, messages.Opened).channel

    def challenge(self, name: str) -> messages.Challenge:
        """A puzzle for a knock at ``name``'s mailbox."""
        return self.ask(messages.AskPuzzle(3, name), messages.Challenge)

    def knock(self, name: str, *, prekeys: bool = False) -> messages.Bundle:
        """What ``name`` is reached with by somebody who does the work."""
        solution = solve(self.hello, self.challenge(name), name)
        return self.ask(messages.Fetch(4, name, prekeys, None, solution), messages.Bundle)

    def envelopes(self) -> list[bytes]:
        """The bodies of the envelopes that came, ids left out; nothing else may have come."""
        heard = [frames.parse_envelope(body)[1] for tag, body in self.hear() if tag >= frames.FIRST_CHANNEL]
        self.seen += len(heard)
        return heard

    def acknowledge(self) -> None:
        """Everything that was heard."""
        self.say(frames.acknowledge(self.seen))

    def settled(self) -> int:
        """The last count of settled submissions that came."""
        counts = [
            frames.parse_channel_count(body)[1] for tag, body in self.hear() if tag == frames.Tag.ACCEPTED
        ]
        return counts[-1] if counts else 0

    def leave(self) -> None:
        self.world.board.closed(self.connection)
        self.world.turn()


class World:
    """One relay."""

    def __init__(
        self,
        limits: Limits | None = None,
        path: Path | None = None,
        *,
        registration: Registration = Registration.OPEN,
    ) -> None:
        self.limits = limits or QUICK
        self.path = path or Path(":memory:")
        self.now = 1_000.0
        self.today = EPOCH
        self.key = SigningKey.generate(RANDOM)
        self.registration = registration
        self.mailboxes: dict[str, bytes] = {}
        self.storing = True
        """Whether the storage works at once; else only when told to."""
        self.batches: list[list[str]] = []
        """The kinds of work in each batch that was carried out."""
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is on disk, as after a crash."""
        self.database = Database(self.path)
        self.store = SqliteMailboxes(self.database)
        self.accounts = Accounts(self.database)
        self.board = Switchboard(self.key, self.limits, RANDOM, self.today, registration=self.registration)
        accounts = self.accounts
        self.board.restore(
            accounts.all(), self.store.index(), self.store.marks(), accounts.tombstones(), accounts.tokens()
        )
        self.turn()

    def crash(self) -> None:
        """Lose everything that is only in memory, and begin anew."""
        self.database.close()
        self.restart()

    def turn(self) -> None:
        while self.storing and self.store_batch():
            pass

    def store_batch(self, *, fail: bool = False, fail_reads: bool = False) -> bool:
        """Carry out one batch of storage work, or fail its changes or reads; False if there is none."""
        work = self.take_batch(fail=fail, fail_reads=fail_reads)
        self.finish(work)
        return bool(work)

    def take_batch(
        self, *, fail: bool = False, fail_reads: bool = False, damaged: int | None = None
    ) -> list[Work]:
        """Carry out a batch of which the switchboard does not hear before ``finish``; ``damaged`` is the number of one that fails alone."""
        work = self.board.take_work()
        if work:
            self.batches.append([type(item.request).__name__ for item in work])
        for number, item in enumerate(work):
            item.damaged = number == damaged
            reads = isinstance(item.request, ReadStretches)
            item.failed = (fail_reads if reads else fail) or item.damaged
        carry_out([item for item in work if not item.failed], self.store, self.accounts)
        return work

    def finish(self, work: list[Work]) -> None:
        """Tell the switchboard of a batch that was carried out."""
        self.board.finished(work, self.now)

    def later(self, seconds: float) -> None:
        """Turn the clock and do what is due."""
        self.now += seconds
        self.today += int(seconds)
        self.board.tick(self.now, self.today)
        self.board.sweep(self.now)
        self.turn()

    def account(self, name: str) -> Account:
        """Somebody who has claimed ``name``."""
        account = Account(name, self.key.public)
        client = Client(self)
        client.ask(account.claim(), messages.Done)
        self.mailboxes[name] = client.ask(account.authenticate(client.hello), messages.Welcome).mailbox
        client.leave()
        return account

    def connect(self) -> Client:
        return Client(self)

    def sign_in(self, account: Account) -> Client:
        """The owner's connection, past the welcome."""
        client = Client(self)
        client.ask(account.authenticate(client.hello), messages.Welcome)
        return client


def solve(hello: HelloRecord, challenge: messages.Challenge, name: str) -> bytes:
    """The solution of the puzzle that was set on the connection with this hello."""
    puzzle = Puzzle(hello.hash, challenge.challenge, name, challenge.bits)
    solution = puzzle.search(0, 1 << 24)
    assert solution is not None
    return solution


def stretches(store: SqliteMailboxes) -> list[Stretch]:
    """Where each envelope is that is stored."""
    return [
        Stretch(place, 1)
        for row in store.index()
        for _, placed in row.directory.placed(row.number)
        for place, _ in split(placed, len(placed[1]))[0]
    ]


def owners(store: SqliteMailboxes) -> list[bytes]:
    """The mailboxes of all that is stored."""
    return [mailbox for row in store.index() for mailbox, _, _ in row.directory.portions]


def submissions(channel: int, texts: Sequence[bytes]) -> bytes:
    """Frames with a fresh id each."""
    return b"".join(frames.submission(channel, RANDOM.octets(16), text) for text in texts)


def refusals(heard: Sequence[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Index and reason of each refused submission."""
    return [frames.parse_refusal(body)[1:] for tag, body in heard if tag == frames.Tag.REFUSED]


def together(world: World, *to: tuple[Account, Sequence[bytes]]) -> Client:
    """A new connection that has submitted all of it in one read."""
    sender = world.connect()
    parts = [(sender.open(account), texts) for account, texts in to]
    sender.say(b"".join(submissions(channel, texts) for channel, texts in parts))
    return sender


def on_disk(world: World) -> bytes:
    """All bytes that are in the database's file and log."""
    world.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return world.path.read_bytes()
