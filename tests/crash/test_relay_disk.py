"""A relay whose disk is full, read-only or broken: it says so, serves whom it can, and goes on once the disk does."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal
from tests.crash.relays import RelayProcess, running
from tests.crash.scenario import Stage
from tests.crash.tracing import attached, strace
from tests.crash.verdict import require_kept
from tests.crash.witness import Witness
from tests.helpers.relay_world import submissions

pytestmark = pytest.mark.campaign

WRITES = ["pwrite64", "ftruncate"]
TROUBLE = [("ENOSPC", WRITES), ("EROFS", WRITES), ("EIO", WRITES), ("EIO", ["fsync", "fdatasync"])]


@contextmanager
def no_room(process: int) -> Iterator[None]:
    """No file may be written behind its first page: a full disk that needs no root."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(process, resource.RLIMIT_FSIZE, before)


class Scene:
    """Bob is at home, dora is away, and somebody writes to both."""

    def __init__(self, relay: RelayProcess, data: Path, closing: ExitStack) -> None:
        self.stage = stage = Stage(relay.address, data, Witness())
        self.bob, self.dora = stage.newcomer("bob"), stage.newcomer("dora")
        self.owner = closing.enter_context(stage.connect())
        self.sender = sender = closing.enter_context(stage.connect())
        to_bob = self.owner.sign_in(self.bob).mailbox
        to_dora = sender.ask(messages.Fetch(1, "dora", False), messages.Bundle).mailbox
        self.to_bob, self.to_dora = sender.open_to(self.bob, to_bob), sender.open_to(self.dora, to_dora)
        self.given = 0

    def chat(self) -> None:
        """Bob is given something and acknowledges it."""
        self.sender.say(submissions(self.to_bob, [b"to somebody at home"]))
        self.given += 1
        self.owner.take(1)
        self.sender.settle(self.to_bob, self.given)

    def leave_for_dora(self) -> int:
        """Something for who is away: why it was refused, or 0."""
        self.sender.say(submissions(self.to_dora, [bytes(5_000)]))
        reason, tag = 0, 0
        while tag != frames.Tag.ACCEPTED:
            tag, body = self.sender.frame()
            if tag == frames.Tag.REFUSED:
                reason = frames.parse_refusal(body)[2]
        return reason

    def claim(self) -> int:
        """Dora has a newer device: why it was refused, or 0."""
        self.stage.accounts.append(self.dora.newer(1 + len(self.stage.accounts)))
        with self.stage.connect() as client:
            client.say(messages.encode(self.stage.accounts[-1].claim()))
            answer = messages.decode(client.frame()[1])
        return answer.reason if isinstance(answer, messages.Refused) else 0

    def require_refusals(self) -> None:
        """The disk takes nothing: nobody is promised anything, and those who need no disk are served."""
        self.chat()
        assert self.leave_for_dora() == Refusal.STORAGE
        assert self.claim() == Refusal.STORAGE
        assert self.stage.operator(do="token", uses=1, days=1) == {"refused": "STORAGE"}
        assert self.stage.operator(do="remove", name="dora") == {"refused": "STORAGE"}
        assert self.leave_for_dora() == Refusal.STORAGE
        self.chat()

    def require_service(self) -> None:
        assert self.leave_for_dora() == 0
        assert self.claim() == 0
        self.chat()


@pytest.mark.parametrize(("error", "calls"), TROUBLE)
def test_it_refuses_what_it_cannot_keep_and_goes_on_afterwards(
    tmp_path: Path, error: str, calls: list[str]
) -> None:
    data = tmp_path / "relay"
    with running(data) as relay, ExitStack() as closing:
        scene = Scene(relay, data, closing)
        scene.require_service()
        with attached(relay.process.pid, strace(calls, inject=f"error={error}")):
            scene.require_refusals()
        scene.require_service()
        code, said = relay.end()
    assert code == 0
    assert "storage: nothing of a batch" in said
    require_kept(data, scene.stage.witness, scene.stage.accounts)


def test_a_disk_that_is_full_at_the_end_keeps_what_is_on_it(tmp_path: Path) -> None:
    data = tmp_path / "relay"
    with running(data) as relay, ExitStack() as closing:
        scene = Scene(relay, data, closing)
        scene.require_service()
        with no_room(relay.process.pid):
            scene.require_refusals()
            assert relay.end()[0] == 0
    require_kept(data, scene.stage.witness, scene.stage.accounts)


@pytest.mark.parametrize(
    ("error", "calls", "name"),
    [
        ("ENOSPC", "write", "relay.key.new"),
        ("EIO", "fsync", "relay.key.new"),
        ("EROFS", "rename", "relay.key.new"),
        ("EROFS", "mkdir", "."),
        ("EROFS", "openat", "lock"),
        ("EROFS", "openat", "relay.db"),
        ("ENOSPC", "pwrite64", "relay.db"),
        ("EIO", "pwrite64", "relay.db-wal"),
        ("EIO", "fdatasync", "relay.db"),
        ("EIO", "pread64", "relay.db"),
    ],
)
def test_it_does_not_start_on_a_disk_that_fails_and_says_why(
    tmp_path: Path, error: str, calls: str, name: str
) -> None:
    data = tmp_path / "relay"
    tracer = strace([calls], inject=f"error={error}", threads=False, paths=[data / name])
    with running(data, prefix=[*tracer, "-D"]) as relay:
        assert not relay.line
        code, said = relay.end(None)
    assert code == 1
    assert len(said.splitlines()) == 1
    with running(data) as relay:
        assert relay.end()[0] == 0
