"""Two sessions over a network that loses, delays, reorders and repeats, beside a plain model of what must open."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from e2echat.crypto.chains import MAX_RECEIVING_CHAINS, SKIPPED_LIFETIME
from e2echat.crypto.handshake import Agreement
from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.ratchet import Ratchet
from e2echat.crypto.saved import load_ratchet, save_ratchet
from e2echat.errors import CryptoError
from e2echat.wire.codec import decode_map, encode

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()
AGREED = Agreement(*(bytes([i]) * 32 for i in range(6)))
SPK = ExchangeKey.generate(RANDOMNESS)
HBOX = 1269
DAY = 86_400


@dataclass
class Listener:
    """What a side must be able to open, by (chain, number)."""

    newest: int = -1
    received: set[tuple[int, int]] = field(default_factory=set)
    retired: list[tuple[int, set[int], int]] = field(default_factory=list)
    """Superseded chains that miss messages, oldest first: chain, numbers, when."""

    def prune(self, now: int) -> None:
        live = [
            (chain, missing, at)
            for chain, missing, at in self.retired
            if missing and now - at < SKIPPED_LIFETIME
        ]
        self.retired = live[1 - MAX_RECEIVING_CHAINS :]

    def opens(self, chain: int, number: int, now: int) -> bool:
        if chain >= self.newest:
            return (chain, number) not in self.received
        self.prune(now)
        return any(chain == retired and number in missing for retired, missing, _ in self.retired)

    def receive(self, chain: int, number: int, sent: dict[int, int], now: int) -> None:
        if chain > self.newest:
            if self.newest >= 0:
                numbers = set(range(sent[self.newest]))
                missing = {n for n in numbers if (self.newest, n) not in self.received}
                self.retired.append((self.newest, missing, now))
            self.newest = chain
        for _, missing, _ in (entry for entry in self.retired if entry[0] == chain):
            missing.discard(number)
        self.received.add((chain, number))
        self.prune(now)


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.sides = [Ratchet.initiate(AGREED, SPK.public, EPOCH), Ratchet.respond(AGREED, SPK, EPOCH)]
        self.listeners = [Listener(), Listener()]
        self.sent: dict[int, int] = {}
        """Messages of each chain."""
        self.network: list[tuple[int, int, int, bytes, bytes]] = []
        """To whom, chain, number, text, sealed."""
        self.now = EPOCH

    def _send(self, who: int) -> None:
        ours = [chain for chain in self.sent if chain % 2 == who]
        heard = self.listeners[who].newest
        chain = heard + 1 if not ours or heard > max(ours) else max(ours)
        number = self.sent.get(chain, 0)
        text = b"%d.%d" % (chain, number)
        self.sides[who], sealed = self.sides[who].encrypt(text, self.now, RANDOMNESS)
        self.sent[chain] = number + 1
        self.network.append((1 - who, chain, number, text, sealed))

    @rule(count=st.integers(1, 4))
    def alice_says(self, count: int) -> None:
        for _ in range(count):
            self._send(0)

    @precondition(lambda self: self.listeners[1].newest >= 0)
    @rule(count=st.integers(1, 4))
    def bob_says(self, count: int) -> None:
        for _ in range(count):
            self._send(1)

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def one_arrives(self, data: Any) -> None:
        """Whichever, also one that has arrived before: nothing ever leaves the network."""
        self.arrive(data.draw(st.integers(0, len(self.network) - 1)))

    def arrive(self, which: int) -> None:
        to, chain, number, text, sealed = self.network[which]
        listener, before = self.listeners[to], self.sides[to]
        if listener.opens(chain, number, self.now):
            self.sides[to], received = before.decrypt(sealed[:HBOX], sealed[HBOX:], self.now)
            assert received == (text, chain, number)
            listener.receive(chain, number, self.sent, self.now)
        else:
            with pytest.raises(CryptoError):
                before.decrypt(sealed[:HBOX], sealed[HBOX:], self.now)

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def all_newest_arrive(self, data: Any) -> None:
        """A run in order, as a relay delivers it: lets long conversations come about."""
        self.arrive_from(data.draw(st.integers(max(0, len(self.network) - 6), len(self.network) - 1)))

    def arrive_from(self, start: int) -> None:
        for to, chain, number, text, sealed in self.network[start:]:
            if self.listeners[to].opens(chain, number, self.now):
                self.sides[to], received = self.sides[to].decrypt(sealed[:HBOX], sealed[HBOX:], self.now)
                assert received == (text, chain, number)
                self.listeners[to].receive(chain, number, self.sent, self.now)

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def one_arrives_altered(self, data: Any) -> None:
        which = data.draw(st.integers(0, len(self.network) - 1))
        self.arrive_altered(which, data.draw(st.integers(0, len(self.network[which][-1]) - 1)))

    def arrive_altered(self, which: int, position: int) -> None:
        to, *_, sealed = self.network[which]
        altered = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        with pytest.raises(CryptoError):
            self.sides[to].decrypt(altered[:HBOX], altered[HBOX:], self.now)

    @rule(days=st.sampled_from([1, 3, 16, 31]))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY

    @rule(who=st.integers(0, 1))
    def one_restarts(self, who: int) -> None:
        saved = encode({"ratchet": save_ratchet(self.sides[who])})
        values = decode_map(saved)["ratchet"]
        assert isinstance(values, dict)
        restored = load_ratchet(values, AGREED.sid, AGREED.th)
        assert restored == self.sides[who]
        self.sides[who] = restored

    @invariant()
    def authenticators_agree_at_each_step(self) -> None:
        one, other = (side.root for side in self.sides)
        assert abs(one.kem_epoch - other.kem_epoch) <= 1
        assert (one.kem_epoch == other.kem_epoch) == (one.ca == other.ca)


Sessions.TestCase.settings = settings(max_examples=100, stateful_step_count=50)
TestSessions = Sessions.TestCase


STEPS = 25
SCHEDULES = 500


def _play(random: Random) -> None:
    model = Sessions()
    for _ in range(STEPS):
        count, size = random.randint(1, 4), len(model.network)
        match random.randint(0, 9):
            case 0 | 1:
                model.alice_says(count)
            case 2 | 3 if model.listeners[1].newest >= 0:
                model.bob_says(count)
            case 4 | 5 if size:
                model.arrive(random.randrange(size))
            case 6 | 7 if size:
                model.arrive_from(max(0, size - count))
            case 8 if size:
                model.arrive_altered(random.randrange(size), random.randrange(HBOX))
            case _:
                model.one_restarts(random.randint(0, 1))
                model.time_passes(random.choice([0, 1, 3, 16, 31]))
        model.authenticators_agree_at_each_step()


@pytest.mark.campaign
@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_schedules(block: int) -> None:
    """Hypothesis looks for hard ones; these are many."""
    for seed in range(block * SCHEDULES, (block + 1) * SCHEDULES):
        _play(Random(seed))
