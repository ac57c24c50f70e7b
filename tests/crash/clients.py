"""A client killed at the k-th system call of one of its threads, while two people talk; then both go on, and all must be there.

strace counts calls by thread, so each thread is traced alone: every call of every thread has its turn.
"""

import itertools
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2echat.client.account import Account
from e2echat.client.events import MessageArrived, MessageState
from e2echat.relay import operating
from e2echat.relay.limits import Limits
from e2echat.relay.server import Relay
from tests.crash.journal import kept, require_fresh_keys
from tests.crash.relays import PATIENCE
from tests.crash.talkers import Died, Talker
from tests.crash.tracing import attached, strace

CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename", "sendto")
WHO = ("caller", "called")
CONFIRMED = (MessageState.DELIVERED, MessageState.READ)
THREADS = 7
"""Of ``talk``: the main one, those for Ctrl+Z, of the clock, of the profile's owner and of two links, and the one that prints."""
MAILBOX_LINK, SENDING_LINK, PRINTING = 4, 5, 6
SLICE = 0.05
"""Seconds between two looks whether a process has died."""


@dataclass(frozen=True)
class Kill:
    """``who`` dies: whoever writes first, or whom he writes to.

    ``thread``: 0, the main one, is traced from its first instruction; the others, by age, once all are there.
    """

    who: str
    call: str
    k: int
    thread: int


class Site:
    """A relay in this process, where pairs of people meet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record, self.journal = root / "record", root / "journal"
        self._relay = Relay(root / "relay", tls=False, record=self.record, limits=Limits(log_bytes=0))
        self._numbers = itertools.count()

    @contextmanager
    def running(self) -> Iterator["Site"]:
        self._relay.start()
        try:
            with kept(self.journal):
                yield self
        finally:
            self._relay.stop()

    def newcomer(self) -> str:
        """Somebody who has an account, and is away."""
        name = f"user{next(self._numbers)}"
        Account.create(self.home(name), name, str(self._relay.address), None, timeout=PATIENCE).close()
        return name

    def home(self, name: str) -> Path:
        return self.root / name

    def open(self, name: str) -> Account:
        return Account.open(self.home(name), lambda: "")

    def wait_until_ready(self, name: str, talker: Talker) -> None:
        """Until he is connected and all his threads are there."""
        while talker.process.poll() is None:
            users = operating.users(self.root / "relay")
            if len(talker.threads) >= THREADS and any(
                user["name"] == name and user["connected"] for user in users
            ):
                return
        raise Died

    def kill(self, kill: Kill) -> bool:
        """Let two people meet and talk, kill one of them, and see what is left; whether he was killed."""
        victim, other = self.newcomer(), self.newcomer()
        with self.open(other) as friend:
            talk = Talk(self, victim, friend)
            killed = talk.until_killed(kill)
            try:
                talk.go_on()
            except AssertionError as error:
                raise AssertionError(f"{kill}: {talk.typed}, {talk.answers}, {talk.printed}") from error
        return killed

    def kill_at_each(self, who: str, call: str, thread: int, *, first: int = 1, step: int = 1) -> int:
        """Kill at call number ``first`` and at every ``step``-th from there, as long as there are any; how many."""
        kills = 0
        while self.kill(Kill(who, call, first + kills * step, thread)):
            kills += 1
        return kills

    def require_fresh_keys(self) -> int:
        """Of all that was ever submitted here; how many envelopes."""
        return require_fresh_keys([self.record], [self.journal])


class Talk:
    """What two people say: three lines each, in turn; ``friend`` is in this process and lives."""

    def __init__(self, site: Site, victim: str, friend: Account) -> None:
        self.site, self.victim, self.friend = site, victim, friend
        self.typed: list[str] = []
        self.answers: list[str] = []
        self.printed: list[str] = []

    def until_killed(self, kill: Kill) -> bool:
        """Whether it was. What was typed and answered until then is noted."""
        if kill.who == "called":
            self._answer()
        inject = f"signal=KILL:when={kill.k}"
        prefix = [*strace([kill.call], inject=inject, threads=False), "-D"] if not kill.thread else []
        talker = Talker(self.site.home(self.victim), self.friend.name, self.site.journal, prefix=prefix)
        with ExitStack() as tracing:
            try:
                if kill.thread:
                    self.site.wait_until_ready(self.victim, talker)
                    threads = talker.threads
                    if kill.thread >= len(threads):
                        return False
                    tracing.enter_context(
                        attached(threads[kill.thread], strace([kill.call], inject=inject, threads=False))
                    )
                self._talk(talker)
                code = talker.end()
            except Died:
                code = talker.end()
                assert code == -signal.SIGKILL
            finally:
                if talker.process.poll() is None:
                    talker.end(signal.SIGKILL)
        self.printed = talker.printed
        assert code in (0, -signal.SIGKILL)
        return code != 0

    def _talk(self, talker: Talker) -> None:
        for number in range(2):
            line = f"line {number}"
            self.typed.append(line)
            talker.type(line)
            self._hear(line, talker)
            self._answer()
            talker.wait_for(self.answers[-1])

    def _answer(self) -> None:
        self.answers.append(f"answer {len(self.answers)}")
        self.friend.send(self.victim, self.answers[-1])

    def _hear(self, line: str, talker: Talker) -> None:
        """The friend hears it, unless the talker dies."""
        while True:
            dead = talker.process.poll() is not None
            event = self.friend.next_event(SLICE)
            if isinstance(event, MessageArrived) and event.message.text == line:
                return
            if event is None and dead:
                raise Died

    def go_on(self) -> None:
        """The victim comes back and types again what is not in his history; in the end everybody has everything, once."""
        with self.site.open(self.victim) as account:
            taken = texts(account, self.friend.name, "out")
            assert taken == self.typed[: len(taken)]
            for line in self.typed[len(taken) :]:
                account.send(self.friend.name, line)
            self._wait_for(self.friend, self.victim, self.typed)
            # Who answers lets a stranger in, and confirms what has come.
            self._answer()
            self._wait_for(account, self.friend.name, self.answers)
            for owner, peer in ((account, self.friend.name), (self.friend, self.victim)):
                for message in owner.history(peer):
                    if message.direction == "out":
                        assert owner.wait(message.id, MessageState.DELIVERED, PATIENCE) in CONFIRMED
            assert texts(account, self.friend.name, "out") == self.typed
            assert texts(self.friend, self.victim, "out") == self.answers
            unshown = [each.text for each in account.unshown()]
            # What was printed and not yet noted as printed is printed again: at most the last one.
            repeated = len(self.printed) + len(unshown) - len(self.answers)
            assert repeated in (0, 1)
            assert self.printed + unshown[repeated:] == self.answers

    def _wait_for(self, owner: Account, peer: str, wanted: list[str]) -> None:
        """Until ``owner`` has got what was said, and nothing else, in order."""
        while (got := texts(owner, peer, "in")) != wanted:
            assert got == wanted[: len(got)]
            assert owner.next_event(PATIENCE)


def texts(account: Account, peer: str, direction: str) -> list[str]:
    """What the history has."""
    known = peer in {contact.name for contact in account.contacts()}
    return [each.text for each in account.history(peer) if each.direction == direction] if known else []
