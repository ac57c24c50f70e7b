"""Two people type to each other while their clients and the relay are killed, again and again, at moments that a seed decides."""

import signal
import socket
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from e2echat.client.account import Account
from e2echat.client.events import MessageState
from tests.crash.clients import CONFIRMED, texts
from tests.crash.journal import kept, require_fresh_keys
from tests.crash.relays import PATIENCE, RelayProcess
from tests.crash.talkers import Talker

NAMES = ("alice", "bob")


@dataclass
class Person:
    """Somebody who types."""

    home: Path
    talker: Talker
    typed: list[str] = field(default_factory=lambda: ["hello"])
    printed: list[str] = field(default_factory=list)
    """By clients of his that are no more."""


class Restless:
    """One evening."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._random = Random(seed)
        self._journal = root / "journal"
        self._records: list[Path] = []
        self._listen = f"127.0.0.1:{_free_port()}"
        self._relay = self._start_relay()
        self._people: dict[str, Person] = {}

    def live(self, lines: int = 200, kills: int = 3) -> int:
        """Type so many lines in all, with so many kills of each; then see that all came, once. How many envelopes it took."""
        when = Counter(
            (victim, self._random.randrange(lines)) for victim in (*NAMES, "relay") for _ in range(kills)
        )
        with kept(self._journal), ExitStack() as cleaning:
            cleaning.callback(lambda: self._relay.end(signal.SIGKILL))
            self._meet()
            for name in NAMES:
                self._people[name] = Person(self._root / name, self._start(name))
                cleaning.callback(self._kill_what_lives, name)
            for number in range(lines):
                person = self._people[self._random.choice(NAMES)]
                person.typed.append(f"line {number}")
                person.talker.type(person.typed[-1])
                for victim in (*NAMES, "relay"):
                    for _ in range(when[victim, number]):
                        self._kill(victim)
            self._finish()
        return require_fresh_keys(self._records, [self._journal])

    def _meet(self) -> None:
        """Whoever is to be found needs a relay that is there; from then on nobody does."""
        with ExitStack() as closing:
            alice, bob = (
                closing.enter_context(
                    Account.create(self._root / name, name, self._relay.line, None, timeout=PATIENCE)
                )
                for name in NAMES
            )
            for one, other in ((alice, bob), (bob, alice)):
                one.send(other.name, "hello")
            for one, other in ((alice, bob), (bob, alice)):
                while texts(one, other.name, "in") != ["hello"]:
                    assert one.next_event(PATIENCE)

    def _start_relay(self) -> RelayProcess:
        self._records.append(self._root / f"record{len(self._records)}")
        flags = ("--no-tls", "--record", str(self._records[-1]))
        relay = RelayProcess(self._root / "relay", listen=self._listen, flags=flags)
        assert relay.line
        return relay

    def _kill_what_lives(self, name: str) -> None:
        self._people[name].talker.process.kill()

    def _start(self, name: str) -> Talker:
        return Talker(self._root / name, _other(name), self._journal)

    def _kill(self, victim: str) -> None:
        """And start again. A person sees in the history which of his lines were taken, and types the others again."""
        if victim == "relay":
            self._relay.end(signal.SIGKILL)
            self._relay = self._start_relay()
            return
        person = self._people[victim]
        self._end(person, signal.SIGKILL)
        with Account.open(person.home, lambda: "", connect=False) as account:
            taken = texts(account, _other(victim), "out")
        assert taken == person.typed[: len(taken)]
        person.talker = self._start(victim)
        for line in person.typed[len(taken) :]:
            person.talker.type(line)

    def _end(self, person: Person, how: signal.Signals) -> None:
        person.talker.end(how)
        person.printed += person.talker.printed

    def _finish(self) -> None:
        for name, person in self._people.items():
            said = self._people[_other(name)].typed
            if said[-1] not in person.printed:
                person.talker.wait_for(said[-1])
        for person in self._people.values():
            self._end(person, signal.SIGTERM)
        accounts = {name: Account.open(person.home, lambda: "") for name, person in self._people.items()}
        with ExitStack() as closing:
            for account in accounts.values():
                closing.enter_context(account)
            for name, account in accounts.items():
                for message in account.history(_other(name)):
                    if message.direction == "out":
                        assert account.wait(message.id, MessageState.DELIVERED, PATIENCE) in CONFIRMED
            for name, account in accounts.items():
                self._require_all(name, account)

    def _require_all(self, name: str, account: Account) -> None:
        """Once and in order in the history; on the screen too, but that the last line before a kill may come again."""
        person, said = self._people[name], self._people[_other(name)].typed
        assert texts(account, _other(name), "out") == person.typed
        assert texts(account, _other(name), "in") == said
        shown = [*person.printed, *(message.text for message in account.unshown())]
        again = [each for before, each in pairwise(shown) if each == before]
        assert list(dict.fromkeys(shown)) == said
        assert len(shown) == len(said) + len(again)


def _other(name: str) -> str:
    return NAMES[1 - NAMES.index(name)]


def _free_port() -> int:
    """One that the system gives to nobody: else whoever looks for the relay while it is down may get it himself."""
    random = Random()
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
