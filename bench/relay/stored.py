"""What a relay is like that keeps a million envelopes, beside one that keeps a thousand."""

import shutil
import tempfile
from pathlib import Path

from bench.relay.loads import DURABLE
from bench.relay.measuring import Pace
from bench.relay.ours import Relay, Resumed
from bench.relay.results import Number
from bench.relay.systems import Loaded

_LOAD = DURABLE[-1]
"""To 4,000 mailboxes: each keeps 250 of a million, within the quotas that a relay has by itself."""
_PAYLOAD = 256
_INSTANT = 0.001
"""Seconds: all senders have sent what they may, and no more."""

ACCEPTED = "accepted with {} stored, over that with a thousand"
START = "start with {} stored"
MEMORY = "memory an envelope, {} stored"


def _rate(relay: Relay, pace: Pace) -> float:
    loaded = Loaded(relay, _LOAD)
    try:
        loaded.fill(_PAYLOAD)
        return loaded.run(pace.warm_up, pace.window).rate
    finally:
        loaded.close()


def _store(relay: Relay, most: int) -> int:
    """Store at least so many more; gives how many."""
    stored = 0
    loaded = Loaded(relay, _LOAD)
    try:
        loaded.fill(_PAYLOAD)
        while stored < most:
            stored += loaded.run(0.0, _INSTANT if most == 1 else 1.0).sent
        return stored
    finally:
        loaded.close()


def measure(count: int, pace: Pace) -> list[Number]:
    """``count`` envelopes, a few more perhaps; a relay is started anew, from copies, in each round."""
    few, many = (
        Path(tempfile.mkdtemp(prefix="e2echat-bench-")),
        Path(tempfile.mkdtemp(prefix="e2echat-bench-")),
    )
    try:
        relay = Relay()
        with relay:
            stored_few = _store(relay, 1)
            relay.end()
            shutil.copytree(relay.data, few, dirs_exist_ok=True)
        resumed = Resumed(few, relay.accounts)
        with resumed:
            stored_many = stored_few + _store(resumed, count - stored_few)
            resumed.end()
            shutil.copytree(resumed.data, many, dirs_exist_ok=True)
        rounds = []
        for _ in range(pace.rounds):
            with Resumed(few, relay.accounts) as beside:
                memory, rate = beside.memory, _rate(beside, pace)
            with Resumed(many, relay.accounts) as full:
                memory = full.memory - memory
                rounds.append(
                    (_rate(full, pace) / rate, full.start_seconds, memory / (stored_many - stored_few))
                )
    finally:
        shutil.rmtree(few)
        shutil.rmtree(many)
    named = ((ACCEPTED, "x"), (START, "s"), (MEMORY, "B"))
    return [
        Number(name.format(f"{count:,}"), unit, values)
        for (name, unit), values in zip(named, zip(*rounds, strict=True), strict=True)
    ]
