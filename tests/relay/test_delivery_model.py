"""Any schedule of senders, owners who come and go, a disk that fails and a relay that crashes: what was accepted arrives, in order."""

import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from e2echat.relay.limits import Limits
from e2echat.relay.segments import bytes_of, segment_of, weight
from e2echat.wire import frames

if TYPE_CHECKING:
    from types import ModuleType

    from e2echat.relay.work import Work
    from tests.helpers.relay_world import Account, Client, World

LIMITS = Limits(window_bytes=900, window_envelopes=12, segment_bytes=200, mailbox_envelopes=20)
NUMBER = slice(8, 16)
"""Of an envelope, where its frame begins with its id."""
PEOPLE = ("bob", "carol")
SENDERS = 2
WHO, WHOM = st.integers(0, SENDERS - 1), st.sampled_from(PEOPLE)


def _helpers() -> "ModuleType":
    if "relay_world" not in sys.modules:
        path = Path(__file__).parents[1] / "helpers" / "relay_world.py"
        spec = spec_from_file_location("relay_world", path)
        assert spec
        assert spec.loader
        sys.modules["relay_world"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["relay_world"]


def _id(number: int) -> bytes:
    """Of envelope ``number``: its front alone tells it from others."""
    return number.to_bytes(8) + bytes(8)


class Recipient:
    """One who comes and goes; envelopes to him are numbered in the order of submission."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.account: Account = world.account(name)
        self.mailbox = world.mailboxes[name]
        self.owner: Client | None = None
        self.given: list[int] = []
        self.acknowledged: set[int] = set()

    def arrive(self) -> None:
        if self.owner is None:
            self.owner = self.world.sign_in(self.account)
            self.given = []

    def hear(self, *, again: bool) -> None:
        """Take what came; ``again``, some of it may have been acknowledged before."""
        assert self.owner
        heard = [int.from_bytes(text[:8]) for text in self.owner.envelopes()]
        assert again or not self.acknowledged & set(heard)
        self.given += heard
        assert self.given == sorted(set(self.given))

    def leave(self, *, again: bool) -> None:
        if self.owner:
            self.hear(again=again)
            self.owner.leave()
            self.owner = None

    def acknowledge(self, count: int) -> None:
        assert self.owner
        self.owner.say(frames.acknowledge(count))
        self.acknowledged |= set(self.given[:count])
        assert not self.owner.closing


class Channel:
    """From one sender to one recipient, on one connection."""

    def __init__(self, sender: "Client", recipient: Recipient) -> None:
        self.sender = sender
        self.recipient = recipient
        self.tag = sender.open(recipient.account, repeat=True)
        self.submitted: list[int] = []
        self.settled = 0
        self.refused: set[int] = set()

    def frame(self, number: int, size: int) -> bytes:
        self.submitted.append(number)
        return frames.submission(self.tag, _id(number), number.to_bytes(8) + bytes(size))


class Delivery(RuleBasedStateMachine):
    """An envelope's text begins with its number, and so does its id."""

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="e2echat-model-")
        path = Path(self.directory.name) / "relay.db"
        path.touch()
        self.world = _helpers().World(LIMITS, path)
        self.people = {name: Recipient(self.world, name) for name in PEOPLE}
        self.world.storing = False
        self.next = 0
        self.durable: set[int] = set()
        self.crashed = False
        self.ended: list[Channel] = []
        self.under_way: list[Work] = []
        self._connect()

    def _connect(self) -> None:
        senders = [self.world.connect() for _ in range(SENDERS)]
        self.channels = [
            {name: Channel(sender, recipient) for name, recipient in self.people.items()}
            for sender in senders
        ]

    @rule(who=WHO, to=st.lists(WHOM, min_size=1, max_size=6), size=st.sampled_from([0, 50, 150]))
    def submit(self, who: int, to: list[str], size: int) -> None:
        channels = self.channels[who]
        parts = [channels[name].frame(self.next + step, size) for step, name in enumerate(to)]
        self.next += len(to)
        channels[to[0]].sender.say(b"".join(parts))

    @rule(who=WHO, whom=WHOM, data=st.data())
    def repeat(self, who: int, whom: str, data: st.DataObject) -> None:
        if not self.next:
            return
        number = data.draw(st.integers(0, self.next - 1))
        mailbox = self.world.board._delivery.mailboxes[self.people[whom].mailbox]
        if mailbox.holds(_id(number)[:8]):
            channel = self.channels[who][whom]
            channel.sender.say(channel.frame(number, 0))

    @rule(whom=WHOM)
    def arrive(self, whom: str) -> None:
        self.people[whom].arrive()

    @rule(whom=WHOM)
    def leave(self, whom: str) -> None:
        self.people[whom].leave(again=self.crashed)

    @rule(whom=WHOM, data=st.data())
    def acknowledge(self, whom: str, data: st.DataObject) -> None:
        person = self.people[whom]
        if person.owner:
            person.hear(again=self.crashed)
            person.acknowledge(
                data.draw(st.integers(person.owner.connection.acknowledged, len(person.given)))
            )

    @rule(fail=st.booleans(), damaged=st.none() | st.integers(0, 5))
    def store(self, *, fail: bool, damaged: int | None) -> None:
        """Begin a batch, or end the one that is under way."""
        if self.under_way:
            self.world.finish(self.under_way)
            self.under_way = []
        else:
            self.under_way = self.world.take_batch(fail=fail, damaged=damaged)

    @rule()
    def wait(self) -> None:
        self.world.now += LIMITS.write_after
        self.world.board.tick(self.world.now, self.world.today)

    @rule()
    def look_at_what_is_old(self) -> None:
        """Compacts all that can be."""
        self.world.board._delivery.expire()

    @rule()
    def crash(self) -> None:
        for person in self.people.values():
            if person.owner:
                person.hear(again=self.crashed)
                person.owner = None
        self.answers_are_true()
        self.ended += [channel for channels in self.channels for channel in channels.values()]
        # What was acknowledged may come again, once: it is nothing that is lost.
        self.crashed = True
        self.under_way = []
        self.world.crash()
        self._connect()

    @invariant()
    def answers_are_true(self) -> None:
        if not hasattr(self, "channels"):
            return
        for stretch in _helpers().stretches(self.world.store):
            self.durable.add(int.from_bytes(self.world.store.read(stretch)[NUMBER]))
        for channels in self.channels:
            by_tag = {channel.tag: channel for channel in channels.values()}
            for tag, body in channels[PEOPLE[0]].sender.hear():
                if tag == frames.Tag.REFUSED:
                    number, index, _ = frames.parse_refusal(body)
                    by_tag[number].refused.add(index)
                else:
                    number, count = frames.parse_channel_count(body)
                    channel = by_tag[number]
                    assert channel.settled <= count <= len(channel.submitted)
                    channel.settled = count
            for channel in channels.values():
                for index in range(channel.settled):
                    if index not in channel.refused:
                        assert channel.submitted[index] in self.durable | channel.recipient.acknowledged

    @invariant()
    def sums_are_true(self) -> None:
        """What is counted as it changes, counted anew."""
        if not hasattr(self, "channels"):
            return
        needed: dict[int, tuple[int, int]] = {}
        for mailbox in self.world.board._delivery.mailboxes.values():
            kept, shares = mailbox.kept, [share for share in mailbox.shares if not share.dead]
            sizes, places = list(kept.sizes()), list(kept._places[kept._start :])
            given = [share for share in mailbox.shares if share.given]
            assert places == sorted(set(places))
            assert mailbox.count == len(kept) + sum(share.left for share in shares)
            assert mailbox.size == weight(sizes) + sum(share.size for share in shares)
            assert mailbox.ungiven == len(kept) - kept.given + sum(
                share.left for share in shares if not share.given
            )
            if mailbox.owner:
                assert mailbox.outstanding == (
                    kept.given
                    + sum(share.left for share in given)
                    + sum(run.count - run.done for run in mailbox.live)
                )
                assert mailbox.window == (
                    weight(sizes[: kept.given])
                    + sum(share.size for share in given)
                    + sum(run.size for run in mailbox.live)
                )
            for share in shares:
                if share.durable is not None:
                    first, more, _ = share.durable
                    places += range(first, first + len(more))
                    sizes += more
            for place, size in zip(places, sizes, strict=True):
                count, total = needed.get(segment_of(place), (0, 0))
                needed[segment_of(place)] = count + 1, total + bytes_of(size)
        segments = self.world.board._keeping._segments
        assert {number: (each.envelopes, each.bytes) for number, each in segments.items()} == needed

    def teardown(self) -> None:
        if not hasattr(self, "channels"):
            return
        self.world.finish(self.under_way)
        self.world.storing = True
        for person in self.people.values():
            person.leave(again=self.crashed)
            self.world.turn()
            self._take_all(person)
        self.answers_are_true()
        for channel in self.ended:
            for index in set(range(channel.settled)) - channel.refused:
                assert channel.submitted[index] in channel.recipient.acknowledged
        for channel in (channel for channels in self.channels for channel in channels.values()):
            assert channel.settled == len(channel.submitted)
            for index, number in enumerate(channel.submitted):
                assert index in channel.refused or number in channel.recipient.acknowledged
        self.world.later(LIMITS.expiry_every)
        assert list(self.world.store.index()) == []
        assert self.world.board._keeping.unwritten == 0
        for mailbox in self.world.board._delivery.mailboxes.values():
            assert (mailbox.count, mailbox.size, mailbox.window, mailbox.ungiven, mailbox.outstanding) == (
                0,
            ) * 5
        self.world.database.close()
        self.directory.cleanup()

    def _take_all(self, person: Recipient) -> None:
        person.arrive()
        while True:
            before = len(person.given)
            person.hear(again=self.crashed)
            if len(person.given) == before:
                break
            person.acknowledge(len(person.given))


Delivery.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestDelivery = Delivery.TestCase
