"""Any schedule of senders, an owner who comes and goes, and a disk that fails: what was accepted arrives, in order."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from e2echat.relay.limits import Limits
from e2echat.wire import frames

if TYPE_CHECKING:
    from types import ModuleType

    from tests.helpers.relay_world import Client

LIMITS = Limits(window_bytes=900, window_envelopes=12, segment_bytes=200, mailbox_envelopes=20)
SENDERS = 2


def _helpers() -> "ModuleType":
    if "relay_world" not in sys.modules:
        path = Path(__file__).parents[1] / "helpers" / "relay_world.py"
        spec = spec_from_file_location("relay_world", path)
        assert spec
        assert spec.loader
        sys.modules["relay_world"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["relay_world"]


class Delivery(RuleBasedStateMachine):
    """Envelopes are numbered in the order of submission; an envelope's text and id are its number."""

    @initialize()
    def begin(self) -> None:
        self.world = _helpers().World(LIMITS)
        self.bob = self.world.account("bob")
        self.world.storing = False
        self.senders = [self.world.connect() for _ in range(SENDERS)]
        self.channels = [sender.open(self.bob, repeat=True) for sender in self.senders]
        self.submitted: list[list[int]] = [[] for _ in range(SENDERS)]
        self.settled = [0] * SENDERS
        self.refused: list[set[int]] = [set() for _ in range(SENDERS)]
        self.next = 0
        self.owner: Client | None = None
        self.given: list[int] = []
        self.acknowledged: set[int] = set()
        self.durable: set[int] = set()

    def _submit(self, who: int, numbers: list[int], sizes: int) -> None:
        parts = [
            frames.submission(self.channels[who], number.to_bytes(16), number.to_bytes(4) + bytes(sizes))
            for number in numbers
        ]
        self.submitted[who] += numbers
        self.senders[who].say(b"".join(parts))

    @rule(who=st.integers(0, SENDERS - 1), count=st.integers(1, 6), sizes=st.sampled_from([0, 50, 150]))
    def submit(self, who: int, count: int, sizes: int) -> None:
        self._submit(who, list(range(self.next, self.next + count)), sizes)
        self.next += count

    @precondition(lambda self: self.next)
    @rule(who=st.integers(0, SENDERS - 1), data=st.data())
    def repeat(self, who: int, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.next - 1))
        if self.world.mailboxes and self._held(number):
            self._submit(who, [number], 0)

    def _held(self, number: int) -> bool:
        mailbox = self.world.board._delivery.mailboxes[self.world.mailboxes["bob"]]
        return bool(mailbox.holds(number.to_bytes(16)))

    @precondition(lambda self: self.owner is None)
    @rule()
    def arrive(self) -> None:
        self.owner = self.world.sign_in(self.bob)
        self.given = []

    @precondition(lambda self: self.owner is not None)
    @rule()
    def leave(self) -> None:
        assert self.owner
        self._hear()
        self.owner.leave()
        self.owner = None

    @precondition(lambda self: self.owner is not None)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        assert self.owner
        self._hear()
        count = data.draw(st.integers(self.owner.connection.acknowledged, len(self.given)))
        self.owner.say(frames.acknowledge(count))
        self.acknowledged |= set(self.given[:count])
        assert not self.owner.closing

    @rule(fail=st.booleans())
    def store(self, *, fail: bool) -> None:
        self.world.store_batch(fail=fail)

    @rule()
    def wait(self) -> None:
        self.world.now += LIMITS.write_after
        self.world.board.tick(self.world.now, self.world.today)

    def _hear(self) -> None:
        assert self.owner
        heard = [int.from_bytes(text[:4]) for text in self.owner.envelopes()]
        assert not self.acknowledged & set(heard)
        self.given += heard
        assert self.given == sorted(set(self.given))

    @invariant()
    def answers_are_true(self) -> None:
        if not hasattr(self, "senders"):
            return
        for row in self.world.store.index():
            ids = [row.ids[start : start + 16] for start in range(0, len(row.ids), 16)]
            self.durable |= {int.from_bytes(each) for each in ids}
        for who, sender in enumerate(self.senders):
            for tag, body in sender.hear():
                if tag == frames.Tag.REFUSED:
                    self.refused[who].add(frames.parse_refusal(body)[1])
                else:
                    count = frames.parse_channel_count(body)[1]
                    assert self.settled[who] <= count <= len(self.submitted[who])
                    self.settled[who] = count
            for index in range(self.settled[who]):
                if index not in self.refused[who]:
                    assert self.submitted[who][index] in self.durable | self.acknowledged

    def teardown(self) -> None:
        if not hasattr(self, "senders"):
            return
        self.world.storing = True
        if self.owner:
            self.leave()
        self.world.turn()
        self.arrive()
        assert self.owner
        while True:
            before = len(self.given)
            self._hear()
            if len(self.given) == before:
                break
            self.owner.say(frames.acknowledge(len(self.given)))
            self.acknowledged |= set(self.given)
        self.answers_are_true()
        for who in range(SENDERS):
            assert self.settled[who] == len(self.submitted[who])
            for index, number in enumerate(self.submitted[who]):
                assert index in self.refused[who] or number in self.acknowledged
        self.world.later(LIMITS.expiry_every)
        assert list(self.world.store.index()) == []
        assert self.world.board._delivery.unwritten == 0
        self.world.database.close()


Delivery.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestDelivery = Delivery.TestCase
