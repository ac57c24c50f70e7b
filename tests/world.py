"""A relay and people in one thread, with a clock and a network of our own: real cores, nothing mocked.

The relay is the real switchboard over the real SQLite mailboxes; each person is the real engine over a real
database in memory. Connections are two queues of bytes; tests cut them, stop them, and bend what passes.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from e2echat.client.effects import Drop, Effect, Part, Scrub, Send, Solve, Tell, Up, Want
from e2echat.client.engine import MAILBOX, Engine
from e2echat.client.events import Event, MessageState
from e2echat.client.own import Own
from e2echat.crypto.keys import Device, Identity, SigningKey, safety_number
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.puzzles import Puzzle
from e2echat.crypto.relay_records import NO_CERTIFICATE
from e2echat.crypto.session import OwnDevice
from e2echat.errors import E2EChatError
from e2echat.relay.accounts import Accounts
from e2echat.relay.connection import Connection
from e2echat.relay.database import Database as RelayDatabase
from e2echat.relay.limits import Limits
from e2echat.relay.mailboxes.sqlite import SqliteMailboxes
from e2echat.relay.storage import carry_out
from e2echat.relay.switchboard import Switchboard
from e2echat.store.database import Database
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow, MessageRow
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FIRST_CHANNEL, FrameDecoder
from e2echat.wire.relay_messages import Bundle

UNHURRIED = Limits(work_bits=4, work_bits_most=4, knocks_daily=1_000_000, one_time_burst=1_000_000)
"""What tests take that have no limits of their own: strangers may come and go as the schedules have it."""
START = 1_800_000_000_000
Result = TypeVar("Result")
Frame = tuple[int, bytes]
Tamper = Callable[["Person", str, list[Frame]], list[Frame]]


@dataclass(slots=True)
class Pipe:
    """A connection: the relay's end, and what is on its way up."""

    connection: Connection
    up: bytearray = field(default_factory=bytearray)
    down: list[Frame] = field(default_factory=list)
    decoder: FrameDecoder = field(default_factory=FrameDecoder)
    ended: bool = False


class Person:
    """A client without sockets and threads. ``online`` False: nothing connects."""

    def __init__(self, world: "World", name: str, key: SigningKey | None = None) -> None:
        self.world = world
        self.name = name
        self.key = key or SigningKey.generate(world.randomness)
        self.records = Records(Database.open(None, world.randomness.octets(32)))
        with self.records.transaction():
            self.own = Own.create(self.records, self.key, name, world.address, world.now, world.randomness)
        self.engine = Engine(self.records, self.own, world.randomness)
        self.pipes: dict[str, Pipe] = {}
        self.events: list[Event] = []
        self.drops: list[E2EChatError] = []
        self.online = True
        self.lose_effects = False

    # --- what the account does in a real process ---------------------------------------------------------------

    def step(self, action: Callable[[], Result]) -> Result:
        self.engine.begin(self.world.now)
        with self.records.transaction():
            result = action()
            effects = self.engine.finish()
        if not self.lose_effects:
            self.carry_out(effects)
        return result

    def carry_out(self, effects: list[Effect]) -> None:  # noqa: C901 - one case an effect
        for effect in effects:
            match effect:
                case Send(link, data):
                    if link in self.pipes:
                        self.pipes[link].up += data
                case Drop(link, error):
                    self.drops.append(error)
                    self.hang_up(link)
                case Tell(event):
                    self.events.append(event)
                case Scrub():
                    self.records.empty_log()
                case Solve(link, puzzle):
                    self.solve(link, puzzle)
                case Want(_, link) if link is not None and link not in self.pipes and self.online:
                    self.dial(link)
                case Part(link):
                    self.hang_up(link)
                case Up() | Want():
                    pass

    def solve(self, link: str, puzzle: Puzzle) -> None:
        """Do the work that the relay asks for."""
        solution = puzzle.search(0, 1 << 24)
        assert solution is not None
        self.step(lambda: self.engine.solved(link, puzzle, solution))

    def connect(self) -> None:
        """Open what a client keeps open."""
        for link in (MAILBOX, str(self.world.address)):
            if link not in self.pipes and self.online:
                self.dial(link)

    def dial(self, link: str) -> None:
        self.pipes[link] = Pipe(self.world.board.opened(NO_CERTIFICATE, self.world.seconds, self.world.now))
        self.step(lambda: self.engine.link_up(link, NO_CERTIFICATE))

    def cut(self, link: str) -> None:
        """The network loses a connection, and what was on it."""
        if link in self.pipes:
            self.hang_up(link)
            self.step(lambda: self.engine.link_down(link, "cut"))

    def hang_up(self, link: str) -> None:
        pipe = self.pipes.pop(link, None)
        if pipe is not None:
            self.world.board.closed(pipe.connection)

    def crash(self) -> None:
        """The process ends between two steps and starts again; what it knew is what it had stored."""
        for link in list(self.pipes):
            self.hang_up(link)
        self.engine = Engine(self.records, Own.load(self.records, self.key), self.world.randomness)

    def go_offline(self) -> None:
        self.online = False
        for link in list(self.pipes):
            self.cut(link)

    def go_online(self) -> None:
        self.online = True
        self.world.run()

    def pose_as(self, name: str) -> None:
        """From now on write under another's name, with records that verify: the relay is not asked about them."""
        key, device = self.key, self.own.device
        identity = Identity.create(key, name)
        certificate = Device.create(key, identity, device.device.epoch, device.key.public)
        self.own = replace(self.own, device=OwnDevice(identity, certificate, device.key))
        self.engine.context.own = self.own

    # --- what a person does -----------------------------------------------------------------------------------

    def contact(self, name: str) -> ContactRow:
        found = self.records.find_contact(self.world.address.key, name)
        assert found is not None
        return found

    def knows(self, name: str) -> bool:
        return self.records.find_contact(self.world.address.key, name) is not None

    def look_up(self, name: str) -> Bundle:
        """Ask the relay for somebody."""
        link = str(self.world.address)
        self.step(lambda: self.engine.inquiries.want(link, name, prekeys=True))
        self.world.run()
        answer = self.engine.inquiries.answers[link, name]
        assert isinstance(answer, Bundle)
        return answer

    def meet(self, name: str, bundle: Bundle | None = None) -> ContactRow:
        """Make a contact of somebody, with what the relay says now or has said."""
        bundle = bundle or self.look_up(name)
        return self.step(lambda: self.engine.introductions.meet(str(self.world.address), bundle))

    def send(self, name: str, text: str) -> bytes:
        contact = self.contact(name) if self.knows(name) else self.meet(name)
        return self.step(lambda: self.engine.add_text(contact, text))

    def accept(self, name: str) -> None:
        self.step(lambda: self.engine.trust.accept(self.contact(name)))

    def verify(self, name: str, other: "Person") -> None:
        number = safety_number(self.own.identity, other.own.identity)
        self.step(lambda: self.engine.trust.verify_if(self.contact(name).id, number))

    def heard(self, name: str) -> list[str]:
        """The texts that came from ``name``, in the order of the history."""
        if not self.knows(name):
            return []
        rows = self.records.history.page(self.contact(name).id)
        return [row.text for row in rows if not row.outgoing]

    def rows(self, name: str) -> list[MessageRow]:
        return self.records.history.page(self.contact(name).id)

    def state(self, message_id: bytes) -> MessageState:
        row = self.records.outgoing_message(message_id)
        assert row is not None
        return MessageState(row.state)


class World:
    """One relay and its people. ``tamper`` is the hostile relay: it bends the envelopes on their way down."""

    def __init__(self, directory: Path, limits: Limits | None = None) -> None:
        self.randomness = SystemRandomness()
        self.now = START
        self.relay_key = SigningKey.generate(self.randomness)
        self.address = RelayAddress(self.relay_key.public, "localhost", 7443)
        self.limits = limits or UNHURRIED
        self._database = RelayDatabase(directory / "relay.db")
        self.people: dict[str, Person] = {}
        self._gone: list[Person] = []
        self.tamper: Tamper | None = None
        self.board = self._open_board()

    @property
    def seconds(self) -> float:
        return self.now / 1000

    def _open_board(self) -> Switchboard:
        self._mailboxes, self._accounts = SqliteMailboxes(self._database), Accounts(self._database)
        board = Switchboard(self.relay_key, self.limits, self.randomness, self.now // 1000)
        board.restore(self._accounts.all(), self._mailboxes.index(), self._mailboxes.marks())
        return board

    def restart_relay(self) -> None:
        """The relay's process ends and starts again."""
        for person in self.people.values():
            person.pipes.clear()
        self.board = self._open_board()
        for person in self.people.values():
            for link in (MAILBOX, str(self.address)):
                person.step(lambda link=link, person=person: person.engine.link_down(link, "gone"))  # type: ignore[misc]

    def close(self) -> None:
        for person in (*self.people.values(), *self._gone):
            person.records.close()
        self._database.close()

    def join(self, *names: str) -> list[Person]:
        """New people, signed in and with their prekeys at the relay."""
        joined = [Person(self, name) for name in names]
        self.people.update((person.name, person) for person in joined)
        self.run()
        return joined

    def reinstall(self, person: Person) -> Person:
        """The same account key on a new device, a day later; the old device is gone."""
        return self._succeed(person, person.key)

    def usurp(self, person: Person) -> Person:
        """The relay lies: it gives somebody's name to another account, a day later."""
        self._database.change("DELETE FROM account WHERE name = ?", (person.name,))
        self._database.commit()
        return self._succeed(person, None)

    def _succeed(self, person: Person, key: SigningKey | None) -> Person:
        person.go_offline()
        self.now += 86_400_000
        self.restart_relay()
        self._gone.append(person)
        self.people[person.name] = successor = Person(self, person.name, key)
        self.run()
        return successor

    def introduce(self) -> tuple[Person, Person]:
        """Alice and Bob, who have exchanged a message each."""
        alice, bob = self.join("alice", "bob")
        alice.send("bob", "hello")
        self.settle()
        bob.send("alice", "hi")
        self.settle()
        return alice, bob

    def last_resort(self, asking: Person, name: str) -> Bundle:
        """A bundle of ``name`` without a one-time prekey: while he was away somebody has used them all up."""
        owner = self.people[name]
        owner.go_offline()
        while (bundle := asking.look_up(name)).one_time is not None:
            pass
        owner.go_online()
        return bundle

    # --- time and network ---------------------------------------------------------------------------------------

    def run(self, rounds: int = 200) -> None:
        """Let everything that is on its way arrive, until nothing moves."""
        for _ in range(rounds):
            if not self.turn():
                return
        raise AssertionError("the world does not come to rest")

    def turn(self) -> bool:
        """One round of everything; whether anything moved."""
        moved = False
        for person in self.people.values():
            if person.online:
                person.connect()
            for pipe in list(person.pipes.values()):
                if pipe.up:
                    data, pipe.up = bytes(pipe.up), bytearray()
                    self.board.received(pipe.connection, data, self.seconds)
                    moved = True
        moved |= self._serve_relay()
        for person in self.people.values():
            for link, pipe in list(person.pipes.items()):
                moved |= self._deliver(person, link, pipe)
        return moved

    def _serve_relay(self) -> bool:
        moved = False
        self.board.tick(self.seconds, self.now // 1000)
        while work := self.board.take_work():
            carry_out(work, self._mailboxes, self._accounts)
            self.board.finished(work, self.seconds)
            moved = True
        by_connection = {
            id(pipe.connection): pipe for person in self.people.values() for pipe in person.pipes.values()
        }
        while dirty := self.board.take_dirty():
            for connection in dirty:
                data = connection.take_output()
                pipe = by_connection.get(id(connection))
                if pipe is not None:
                    pipe.down += pipe.decoder.feed(data)
                    pipe.ended |= connection.closing
                moved = moved or bool(data)
        return moved

    def _deliver(self, person: Person, link: str, pipe: Pipe) -> bool:
        frames, pipe.down = pipe.down, []
        if frames and self.tamper is not None and link == MAILBOX:
            envelopes = [frame for frame in frames if frame[0] >= FIRST_CHANNEL]
            rest = [frame for frame in frames if frame[0] < FIRST_CHANNEL]
            frames = rest + self.tamper(person, link, envelopes)
        if frames:
            person.step(lambda: person.engine.link_frames(link, frames))
        if pipe.ended and person.pipes.get(link) is pipe:
            person.cut(link)
            return True
        return bool(frames)

    def pass_time(self, seconds: float, step: float = 0.5) -> None:
        """Let the clock go on, everybody looking at it now and then."""
        end = self.now + round(seconds * 1000)
        while self.now < end:
            self.now = min(end, self.now + round(step * 1000))
            for person in self.people.values():
                person.step(person.engine.tick)
            self.run()

    def settle(self) -> None:
        """Time enough for receipts."""
        self.pass_time(0.2, 0.1)


class Worlds:
    """Makes worlds and cleans up behind them."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def make(self, limits: Limits | None = None) -> World:
        directory = self._stack.enter_context(TemporaryDirectory())
        world = World(Path(directory), limits)
        self._stack.callback(world.close)
        return world

    def close(self) -> None:
        self._stack.close()
