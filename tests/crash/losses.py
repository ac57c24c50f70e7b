"""Every promise in a trace of a relay against what its disk was certain to have: and the relay started from that."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2echat.wire.frames import FrameDecoder
from tests.crash.disk import Disk
from tests.crash.relays import running
from tests.crash.scenario import Stage, play
from tests.crash.tracing import DISK, PEERS, Call, read_trace, strace
from tests.crash.verdict import require_kept
from tests.crash.witness import Promise, Witness
from tests.helpers.relay_world import Account


@dataclass(frozen=True)
class Life:
    """All that a relay asked of its disk and said to its clients, from nothing to its end."""

    data: Path
    calls: list[Call]
    accounts: list[Account]

    @classmethod
    def lived(cls, root: Path, program: Sequence[str] = ("e2echat",)) -> "Life":
        data, trace = root / "relay", root / "trace"
        tracer = [*strace([*DISK, *PEERS], output=trace), "-D"]
        with running(data, program=program, prefix=tracer) as relay:
            stage = Stage(relay.address, data, Witness())
            play(stage)
            code, said = relay.end(signal.SIGTERM)
            assert code == 0, said
        return cls(data, read_trace(trace), stage.accounts)

    def moments(self) -> Iterator[tuple[Call, "Moment"]]:
        """Each call, and what was so when an answer began to leave, or anything else had ended."""
        moment = Moment(self.data)
        for call in sorted(self.calls, key=lambda call: call.begun if call.name == "sendto" else call.ended):
            moment.take(call)
            yield call, moment


class Moment:
    """How far a life has come: the disk, what was promised, and what was promised just now."""

    def __init__(self, data: Path) -> None:
        self.disk = Disk(data)
        self.witness = Witness()
        self.promises: list[Promise] = []
        self._certain: list[bytes] = []
        self._decoders: dict[tuple[str, str], FrameDecoder] = {}
        self._operators: dict[str, dict[str, Any]] = {}

    def take(self, call: Call) -> None:
        self.promises = []
        if call.name in ("sendto", "recvfrom"):
            self._hear(call)
        else:
            self._certain += self.disk.take(call)

    def broken(self) -> list[Promise]:
        """What was promised just now and is neither acknowledged by its recipient nor certain to be on the disk."""
        return [
            promise
            for promise in self.promises
            if not any(proof in written for proof in promise.proofs for written in self._certain)
        ]

    def _hear(self, call: Call) -> None:
        data = call.data
        if not data.strip(b"\0"):
            return  # one of its threads waking another, or the end
        if data.startswith(b"{"):
            message = json.loads(data)
            if call.name == "recvfrom":
                self._operators[call.file] = message
                self.witness.operator_asks(message)
            else:
                self.witness.operator_told(self._operators[call.file], message)
            return
        decoder = self._decoders.setdefault((call.name, call.file), FrameDecoder())
        for tag, body in decoder.feed(data):
            if call.name == "recvfrom":
                self.witness.to_relay(call.file, tag, body)
            else:
                self.promises += self.witness.from_relay(call.file, tag, body)


def require_kept_after_loss(life: Life, moment: Moment, scratch: Path, survives: Callable[[], bool]) -> None:
    """The power fails at a moment; the relay starts again from what is left."""
    data = scratch / "left"
    moment.disk.lose_power(data, survives)
    try:
        require_kept(data, moment.witness, life.accounts)
    finally:
        shutil.rmtree(data)
