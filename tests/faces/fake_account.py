"""An account without cryptography, disk or relay, for tests of the faces; and a process that runs e2echat on it."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from e2echat.client.bequest import Bequest
from e2echat.client.events import (
    AllIn,
    Connected,
    Contact,
    ContactChanged,
    Event,
    Found,
    Invitation,
    Message,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    MessageState,
    Paired,
    Provenance,
    Quote,
    Reacted,
    Reaction,
    Safety,
    TimerChanged,
)
from e2echat.client.settings import Settings
from e2echat.client.status import Moved, RelayAnswer, Status
from e2echat.errors import (
    InvalidNameError,
    KeyChangedError,
    LocalError,
    LockedError,
    NoProfileError,
    NoSuchPeerError,
    RelayUnreachableError,
    TextTooLongError,
    WrongPassphraseError,
)
from e2echat.faces.bugs import report_bugs
from e2echat.faces.cli.app import run
from e2echat.faces.cli.session import Session
from e2echat.faces.input import Input
from e2echat.faces.output import Output

if TYPE_CHECKING:
    from e2echat.client.account import Account

RELAY = "relay://" + "a" * 52 + "@127.0.0.1:7443"
FINGERPRINT = " ".join(["00ff"] * 16)
NUMBER = "0123456789" * 6
MOMENT = datetime(2026, 3, 1, 12, 34, 56, 789000, tzinfo=UTC)
MAX_TEXT = 50_000


def person(name: str, **changes: Any) -> Contact:
    known = Contact(
        name=name,
        address=RELAY,
        fingerprint=FINGERPRINT,
        verified=False,
        standing="contact",
        key_changed=False,
        unread=0,
        last_at=None,
    )
    return replace(known, **changes)


@dataclass
class World:
    """Everything behind the accounts, and what they were asked to do."""

    people: dict[str, Contact] = field(default_factory=lambda: {"bob": person("bob")})
    strangers: set[str] = field(default_factory=lambda: {"frank"})
    """Known at the relay, and not here."""
    settings: Settings = field(default_factory=Settings)
    name: str = "alice"
    exists: bool = True
    passphrase: str | None = None
    up: bool = True
    reaches: MessageState = MessageState.DELIVERED
    messages: list[Message] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    events: deque[Event] = field(default_factory=deque)
    failures: dict[str, Exception] = field(default_factory=dict)
    passing: dict[str, list[Exception]] = field(default_factory=dict)
    """Failures that come once each, in this order."""
    closed: int = 0
    proxy: str | None = None
    withdrawn: list[str] = field(default_factory=list)
    """Codes."""
    added: list[str] = field(default_factory=list)
    """Links and codes that were used."""
    backed_up: tuple[str, str] | None = None
    """The file, and what it is under."""
    restored: tuple[Path, str, str | None] | None = None
    """The file, what it was under, and what the profile is under."""
    left: bool = False
    """The account was deleted at the relay."""
    left_over: bool = False
    """A deletion was killed."""
    locked: int = 0
    guarded: int = 0
    unlocks: bool = True
    """Whether somebody gives the passphrase of a locked profile."""
    pages: int = 0
    """That were read of a conversation."""
    typed: list[bool] = field(default_factory=list)
    """What was said of our typing."""
    is_old: bool = False
    """The profile is of an earlier version."""
    renewed: datetime | None = None
    """When it was found to be a copy."""
    clock_ahead: float = 0.0
    """Seconds of the relay's clock."""
    clocks_ahead: list[float] = field(default_factory=list)
    """Of relays, each time one is asked."""
    origins: dict[str, Any] = field(default_factory=dict)
    """What provenance says otherwise than usual."""
    told: int = 0
    """Contacts whom a move concerns."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def message(self, text: str, peer: str = "bob", **changes: Any) -> Message:
        number = len(self.messages) + 1
        message = Message(
            id=f"{number:032x}",
            peer=peer,
            direction="in",
            text=text,
            sent_at=MOMENT,
            received_at=MOMENT,
            state=MessageState.RECEIVED,
            verified=peer in self.people and self.people[peer].verified,
            standing="contact",
            reduced_forward_secrecy=False,
            sender=peer,
            recipient=self.name,
            number=number,
        )
        message = replace(message, **changes)
        self.messages.append(message)
        return message

    def arrive(self, text: str, peer: str = "bob", **changes: Any) -> Message:
        message = self.message(text, peer, **changes)
        self.happen(MessageArrived(message))
        return message

    def happen(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def sent(self) -> list[str]:
        return [message.text for message in self.messages if message.direction == "out"]

    def may_fail(self, what: str) -> None:
        if self.passing.get(what):
            raise self.passing[what].pop(0)
        if what in self.failures:
            raise self.failures[what]

    def lock_profile(self, _: Path) -> bool:
        self.may_fail("lock")
        self.locked += 1
        return self.up

    @contextmanager
    def guard(self, _: Path, opened: Callable[[Bequest], None]) -> Iterator[None]:
        self.may_fail("guarded")
        self.guarded += 1
        if self.unlocks:
            opened(Bequest("00", b""))
        yield

    def try_relay(self, relay: str, proxy: str | None = None, *, timeout: float = 15) -> RelayAnswer:
        self.may_fail("try_relay")
        return RelayAnswer(relay, 0.01, self.clocks_ahead.pop(0) if self.clocks_ahead else 0.0)

    def remove_left_over(self, _home: Path) -> bool:
        found, self.left_over = self.left_over, False
        return found

    def account_class(self) -> "type[Account]":
        """What a session takes for the client's account."""
        world = self

        class Bound(FakeAccount):
            lock_profile = staticmethod(world.lock_profile)
            guarded = staticmethod(world.guard)
            try_relay = staticmethod(world.try_relay)

            @classmethod
            def create(
                cls,
                home: Path,
                name: str,
                relay: str,
                passphrase: str | None,
                *,
                proxy: str | None = None,
                stays: bool = False,
            ) -> "FakeAccount":
                world.may_fail("create")
                world.proxy = proxy
                if not name.isalnum():
                    raise InvalidNameError
                world.name, world.passphrase, world.exists = name, passphrase, True
                return cls(world, home)

            remove_left_over = staticmethod(world.remove_left_over)

            @classmethod
            def restore(
                cls,
                home: Path,
                file: Path,
                backup_passphrase: Callable[[], str],
                passphrase: Callable[[], str | None],
            ) -> "FakeAccount":
                world.may_fail("restore")
                world.restored = (file, backup_passphrase(), passphrase())
                return cls(world, home)

            @classmethod
            def open(
                cls,
                home: Path,
                passphrase: Callable[[], str],
                *,
                connect: bool = True,
                stays: bool = False,
                proxy: str | None = None,
                bequest: Bequest | None = None,
                upgrading: Callable[[], object] = lambda: None,
            ) -> "FakeAccount":
                world.may_fail("open")
                world.proxy = proxy or world.proxy
                if not world.exists:
                    raise NoProfileError
                if not bequest and world.passphrase is not None and passphrase() != world.passphrase:
                    raise WrongPassphraseError
                if world.is_old:
                    upgrading()
                if "E2ECHAT_TEST_OPENING" in os.environ:
                    Path(os.environ["E2ECHAT_TEST_OPENING"]).read_text()
                if connect and world.up:
                    world.happen(Connected())
                    world.happen(AllIn())
                return cls(world, home)

        return cast("type[Account]", Bound)


class FakeAccount:
    """The methods of the client's account, on a ``World``."""

    def __init__(self, world: World, home: Path) -> None:
        self._world = world
        self._home = home
        self.name = world.name
        self.address = RELAY
        self.fingerprint = FINGERPRINT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._world.closed += 1

    def send(
        self,
        peer: str,
        text: str,
        *,
        reply_to: str | None = None,
        message_id: str | None = None,
        timeout: float = 30,
    ) -> str:
        self._world.people[peer] = self._known(peer)
        self._world.may_fail("send")
        answered = next((m for m in self._world.messages if m.id == reply_to), None)
        if len(text.encode()) > MAX_TEXT:
            raise TextTooLongError
        return self._world.message(
            text,
            peer,
            direction="out",
            state=MessageState.QUEUED,
            received_at=None,
            sender=self.name,
            recipient=peer,
            reply_to=answered and Quote(answered.id, answered.sender, answered.text),
            **({"id": message_id} if message_id else {}),
        ).id

    def wait(self, message_id: str, state: MessageState, timeout: float) -> MessageState:
        self._world.may_fail("wait")
        return self._world.reaches if self._world.up else MessageState.QUEUED

    def unshown(self) -> list[Message]:
        return [m for m in self._world.messages if m.direction == "in" and m.id not in self._world.shown]

    def next_event(self, timeout: float | None) -> Event | None:
        self._world.may_fail("next_event")
        with self._world.changed:
            self._world.changed.wait_for(lambda: self._world.events, timeout)
            return self._world.events.popleft() if self._world.events else None

    def events(self) -> Iterator[Event]:
        while True:
            event = self.next_event(None)
            if event is not None:
                yield event

    def catch_up(self, timeout: float) -> bool:
        self._world.may_fail("catch_up")
        return self._world.up

    def mark_shown(self, number: int) -> None:
        self._world.may_fail("mark_shown")
        self._world.shown.append(self._world.messages[number - 1].id)

    def contacts(self) -> list[Contact]:
        return list(self._world.people.values())

    def safety(self, peer: str, *, timeout: float = 30) -> Safety:
        contact = self._known(peer)
        return Safety(contact.name, contact.fingerprint, NUMBER, contact.verified)

    def verify(self, peer: str, number: str, *, timeout: float = 30) -> None:
        contact = self._known(peer)
        number = "".join(number.split())
        if not (number.isdecimal() and len(number) == len(NUMBER)):
            raise LocalError("that is no safety number")
        if number != NUMBER:
            raise KeyChangedError("that is not the number")
        self._world.people[peer] = replace(contact, verified=True, key_changed=False)
        self._world.happen(ContactChanged(peer))

    def accept(self, peer: str) -> None:
        contact = self._known(peer)
        self._world.people[peer] = replace(contact, standing="contact", key_changed=False)
        self._world.happen(ContactChanged(peer))

    def backup(self, file: str, passphrase: str) -> int:
        self._world.may_fail("backup")
        self._world.backed_up = (file, passphrase)
        return 262_144

    def block(self, peer: str) -> None:
        contact = self._known(peer)
        self._world.people[peer] = replace(contact, standing="blocked")
        self._world.happen(ContactChanged(peer))

    def invite(self, *, timeout: float = 30) -> Invitation:
        self._world.may_fail("invite")
        ends = datetime(2026, 3, 8, tzinfo=UTC)
        return Invitation("ours", "e2echat:abcdef", "4821-guitar-otter", ends, ends)

    def withdraw(self, code: str) -> None:
        self._world.withdrawn.append(code)

    def add(self, text: str, *, timeout: float = 120) -> Paired:
        self._world.may_fail("add")
        self._world.added.append(text)
        self._world.people["carol"] = person("carol", verified=True)
        by = "link" if text.startswith("e2echat:") else "code"
        return Paired("carol", by, verified=True)

    def history(
        self,
        peer: str,
        *,
        search: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> list[Message]:
        if peer not in self._world.people:
            raise NoSuchPeerError
        found = [m for m in self._world.messages if m.peer == peer and (search or "") in m.text]
        found = [m for m in found if (after or "") < m.id < (before or "g")]
        return found[-limit:] if limit else found

    def page(self, peer: str, *, after: int = 0, limit: int = 200) -> list[Message]:
        self._world.may_fail("page")
        self._known(peer)
        self._world.pages += 1
        return [m for m in self._world.messages if m.peer == peer and m.number > after][:limit]

    def delete_account(self, name: str, *, local_only: bool = False, timeout: float = 30) -> None:
        self._world.may_fail("delete")
        if name != self.name:
            raise LocalError(f"this is not the account {name}")
        if not (local_only or self._world.up):
            raise RelayUnreachableError("nobody answers")
        self._world.exists = False
        self._world.left = not local_only

    def seal_place(self, peer: str) -> str:
        return peer.encode().hex()

    def open_place(self, sealed: str) -> str | None:
        return bytes.fromhex(sealed).decode() if sealed != "another's" else None

    def lock(self) -> None:
        self._world.may_fail("lock")
        self._world.failures["next_event"] = LockedError("locked")

    def change_passphrase(self, former: str | None, new: str | None) -> None:
        if former != self._world.passphrase:
            raise WrongPassphraseError
        self._world.passphrase = new

    def require_connection(self) -> None:
        self._world.may_fail("failure")
        if not self._world.up:
            raise RelayUnreachableError("nobody answers")

    def let_go(self) -> None:
        pass

    def take_up(self) -> None:
        pass

    def search(
        self, words: str, *, peer: str | None = None, limit: int = 20, context: int = 0
    ) -> list[Found]:
        found = [m for m in self._world.messages if words in m.text and peer in (None, m.peer)]
        around = self._world.messages[:context]
        return [Found(message, around, []) for message in found[:limit]]

    def edit(self, message_id: str, text: str) -> str:
        self._world.happen(MessageEdited(self._changed(message_id, text=text, edited_at=MOMENT)))
        return "c" * 32

    def delete(self, message_id: str) -> str:
        self._world.happen(MessageDeleted(self._changed(message_id, text="", deleted=True)))
        return "c" * 32

    def react(self, message_id: str, reaction: str) -> str:
        reactions = [Reaction(self.name, reaction)] if reaction else []
        self._world.happen(Reacted(self._changed(message_id, reactions=reactions), self.name, reaction))
        return "c" * 32

    def _changed(self, message_id: str, **changes: Any) -> Message:
        for place, message in enumerate(self._world.messages):
            if message.id == message_id:
                self._world.messages[place] = replace(message, **changes)
                return self._world.messages[place]
        raise LocalError("there is no message with that id")

    def set_timer(self, peer: str, seconds: int) -> str:
        self._world.people[peer] = replace(self._known(peer), timer=seconds)
        self._world.happen(TimerChanged(peer, self.name, seconds))
        return "c" * 32

    def typing(self, peer: str, *, active: bool) -> None:
        with self._world.changed:
            self._world.typed.append(active)
            self._world.changed.notify_all()
        self._world.may_fail("typing")

    def provenance(self, message_id: str) -> list[Provenance]:
        known: dict[str, Any] = {
            "verified_at": MOMENT,
            "verified_by": "number",
            "session": "ab" * 32,
            "turn": 3,
            "kem_epoch": 1,
            "size": 512,
            **self._world.origins,
        }
        return [
            Provenance(
                message=message,
                verified=message.verified,
                reduced_forward_secrecy=message.reduced_forward_secrecy,
                **known,
            )
            for message in self._world.messages
            if message.id == message_id
        ]

    def keep(self, peer: str, days: int | None, messages: int | None) -> None:
        self._world.people[peer] = replace(self._known(peer), keep_days=days, keep_messages=messages)

    def settings(self) -> Settings:
        return self._world.settings

    def change_settings(self, settings: Settings) -> None:
        self._world.settings = settings

    def status(self) -> Status:
        return Status(
            name=self.name,
            address=RELAY,
            fingerprint=FINGERPRINT,
            connected=self._world.up,
            problem=None if self._world.up else "nobody answers",
            queued=sum(m.state is MessageState.QUEUED for m in self._world.messages),
            unread=len(self.unshown()),
            contacts=len(self._world.people),
            one_time_prekeys=100 if self._world.up else None,
            home=str(self._home),
            passphrase=self._world.passphrase is not None,
            proxy=self._world.proxy,
            process=os.getpid(),
            renewed=self._world.renewed,
        )

    def ask_relay(self, *, timeout: float = 10) -> RelayAnswer:
        self._world.may_fail("ask_relay")
        return RelayAnswer(RELAY, 0.0123, self._world.clock_ahead)

    def check_database(self) -> None:
        self._world.may_fail("check_database")

    def move(self, relay: str, *, timeout: float = 30) -> Moved:
        self._world.may_fail("move")
        return Moved(relay, own=relay == RELAY, contacts=self._world.told)

    def go_through(self, proxy: str) -> None:
        self._world.may_fail("proxy")
        self._world.proxy = None if proxy == "none" else proxy

    def _known(self, peer: str) -> Contact:
        if peer in self._world.people:
            return self._world.people[peer]
        if not self._world.up:
            raise RelayUnreachableError("nobody answers")
        if peer in self._world.strangers:
            return person(peer)
        raise NoSuchPeerError(f"{peer} is unknown")


def main() -> None:
    """Be e2echat with a fake account whose world hears of arriving messages on the file E2ECHAT_TEST_ARRIVALS."""
    report_bugs()
    world = World(exists="E2ECHAT_TEST_NO_PROFILE" not in os.environ)
    world.passphrase = os.environ.get("E2ECHAT_TEST_PASSPHRASE")
    bug = os.environ.get("E2ECHAT_TEST_BUG")
    if bug == "thread":
        threading.Thread(target=world.failures.__getitem__, args=("a secret",)).start()
    elif bug:
        world.failures[bug] = KeyError("a secret")
    for text in os.environ.get("E2ECHAT_TEST_WAITING", "").splitlines():
        world.message(text)

    def listen(path: str) -> None:
        with Path(path).open() as pipe:
            for line in pipe:
                peer, colon, text = line.rstrip("\n").rpartition(":")
                if colon:
                    world.people[peer] = person(peer, unread=1)
                world.arrive(text, peer if colon else "bob")

    arrivals = os.environ.get("E2ECHAT_TEST_ARRIVALS")
    if arrivals:
        threading.Thread(target=listen, args=(arrivals,), daemon=True).start()
    try:
        sys.exit(run(sys.argv[1:], Session(Output.standard(), Input.standard(), world.account_class)))
    finally:
        log = os.environ.get("E2ECHAT_TEST_LOG")
        if log:
            Path(log).write_text("\n".join([*(f"sent {t}" for t in world.sent()), *world.shown]))


if __name__ == "__main__":
    main()
