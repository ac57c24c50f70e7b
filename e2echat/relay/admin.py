"""What whoever runs the relay may ask of it: who is there, remove somebody, make a token, keep the clock. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from e2echat.relay.delivery import Delivery
from e2echat.relay.directory import Directory
from e2echat.relay.refusals import RefusedRequestError
from e2echat.relay.tokens import DAY
from e2echat.relay.work import GiveBack, RemoveAccount, Request, SaveClock, SaveToken, Work, ignore
from e2echat.wire.relay_messages import Refusal

Answer = Callable[[Refusal | None], None]
"""Called once it is durable, with None, or with the reason why not."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a name here."""

    name: str
    waiting: int
    """Envelopes, with their size in bytes."""
    size: int
    connected: bool
    one_time_prekeys: int


class Admin:
    """Answers the operator, and does the housekeeping that nobody asks for."""

    def __init__(self, directory: Directory, delivery: Delivery) -> None:
        self._directory = directory
        self._delivery = delivery
        self._giving_back = False

    def users(self) -> list[User]:
        """Everybody, by name."""
        found = []
        for name in self._directory.names:
            entry = self._directory.find(name)
            if entry is not None:
                mailbox = self._delivery.mailboxes[entry.account.mailbox]
                connected = mailbox.owner is not None
                found.append(User(name, mailbox.count, mailbox.size, connected, len(entry.one_time)))
        return found

    def remove(self, name: str, answer: Answer) -> None:
        """Remove somebody with all that waits for him; the name is never given out again."""
        try:
            request = self._directory.remove(name)
        except RefusedRequestError as refusal:
            answer(refusal.reason)
            return
        self._store(request, partial(self._removed, request, answer))

    def _removed(self, request: RemoveAccount, answer: Answer, work: Work) -> None:
        if work.failed:
            self._directory.kept(request)
            answer(Refusal.STORAGE)
            return
        self._directory.removed(request)
        self._delivery.remove(request.mailbox)
        answer(None)

    def make_token(self, uses: int, days: int, answer: Callable[[bytes | None], None]) -> None:
        """Make a join token for ``uses`` names, good for ``days`` days that the relay runs; None if the disk fails."""
        token, save = self._directory.tokens.make(uses, self._delivery.today + days * DAY)
        self._store(save, partial(self._made, token, save, answer))

    def _made(
        self, token: bytes, save: SaveToken, answer: Callable[[bytes | None], None], work: Work
    ) -> None:
        if work.failed:
            answer(None)
            return
        self._directory.tokens.put(save)
        answer(token)

    def save_clock(self, answer: Callable[[bool], None]) -> None:
        """Keep the clock, and say whether that is durable: it shows that the storage works and the disk takes something."""

        def saved(work: Work) -> None:
            answer(not work.failed)

        self._store(SaveClock(self._delivery.today), saved)

    def keep_house(self) -> None:
        """Keep the clock, and begin to give back the space that nothing needs, unless that is going on."""
        self._store(SaveClock(self._delivery.today), ignore)
        if not self._giving_back:
            self._give_back()

    def _give_back(self) -> None:
        self._giving_back = True
        self._store(GiveBack(), self._gave_back)

    def _gave_back(self, work: Work) -> None:
        # One step a transaction, so that what people wait for goes in between.
        self._giving_back = False
        if work.result is True and not work.failed:
            self._give_back()

    def _store(self, request: Request, done: Callable[[Work], None]) -> None:
        self._delivery.work.append(Work(request, done))
