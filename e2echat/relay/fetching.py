"""Bundles: who gets one, what for, and what goes with it. No I/O. docs/spec/relay.md, "Fetching"."""

from functools import partial

from e2echat.crypto.primitives import Randomness
from e2echat.crypto.puzzles import Puzzle
from e2echat.relay.budgets import Buckets
from e2echat.relay.capabilities import Grade
from e2echat.relay.connection import Connection
from e2echat.relay.delivery import Delivery
from e2echat.relay.directory import Directory, Entry
from e2echat.relay.knocks import Knocks
from e2echat.relay.limits import DAY, Limits
from e2echat.relay.mailbox import Owner
from e2echat.relay.pending import Pending
from e2echat.relay.refusals import RefusedRequestError
from e2echat.relay.work import TakePrekey, Work
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import CHALLENGE_SIZE, Refusal


class Fetching:
    """Sets puzzles and hands out bundles."""

    def __init__(
        self,
        limits: Limits,
        directory: Directory,
        delivery: Delivery,
        pending: Pending,
        randomness: Randomness,
    ) -> None:
        self._limits = limits
        self._directory = directory
        self._delivery = delivery
        self._pending = pending
        self._randomness = randomness
        self.knocks = Knocks(limits, randomness)
        rate = limits.one_time_daily / DAY
        self._rations: Buckets[bytes] = Buckets(limits.one_time_burst, rate, limits.addresses)

    def puzzle(self, connection: Connection, message: messages.AskPuzzle, now: float) -> None:
        """Set the puzzle for a knock; the connection's last one is void.

        Raises:
            RefusedRequestError: there is no such name, its account is damaged, or no more knocks at it today.
        """
        entry, hello = self._find(message.name), connection.hello
        if hello is None:
            raise RefusedRequestError(Refusal.NO_SUCH_NAME)
        bits = self.knocks.work(entry.account.mailbox, now)
        challenge = self._randomness.octets(CHALLENGE_SIZE)
        connection.puzzle = (
            Puzzle(hello.hash, challenge, message.name, bits),
            now + self._limits.work_life,
        )
        connection.counters.puzzles += 1
        connection.send(messages.encode(messages.Challenge(message.request, challenge, bits)))

    def fetch(self, connection: Connection, message: messages.Fetch, now: float) -> None:
        """Hand out a bundle.

        Raises:
            RefusedRequestError: with the reason.
        """
        entry = self._find(message.name)
        knock = self._let_in(connection, message, entry, now)
        if not message.prekeys:
            self._answer(connection, message, entry, knock, None)
        elif entry.one_time and self._rations.take(entry.account.mailbox, now):
            take = TakePrekey(entry.account.mailbox, entry.one_time.popleft())
            self._pending.store(
                connection,
                message.request,
                take,
                partial(self._taken, connection, message, entry, knock),
                partial(entry.one_time.appendleft, take.prekey_id),
            )
        else:
            entry.short = True
            connection.counters.short += 1
            self._answer(connection, message, entry, knock, None)
            self._tell_owner(entry)

    def _find(self, name: str) -> Entry:
        entry = self._directory.find(name)
        if entry is None:
            raise RefusedRequestError(Refusal.NO_SUCH_NAME)
        self._directory.records(entry)
        return entry

    def _let_in(
        self, connection: Connection, message: messages.Fetch, entry: Entry, now: float
    ) -> bytes | None:
        """Check what a fetch is made with; gives the knock token that comes of it."""
        mailbox = entry.account.mailbox
        if message.solution is not None:
            posed, connection.puzzle = connection.puzzle, None
            if (
                posed is None
                or now > posed[1]
                or posed[0].name != message.name
                or not posed[0].solved_by(message.solution)
            ):
                raise RefusedRequestError(Refusal.WORK)
            connection.counters.knocks += 1
            return self.knocks.issue(mailbox, now)
        if message.capability is not None:
            capabilities = entry.account.capabilities
            if capabilities.grade(message.capability, self._delivery.today) is not Grade.CURRENT:
                raise RefusedRequestError(Refusal.NO_SUCH_CAPABILITY)
        elif message.prekeys:
            raise RefusedRequestError(Refusal.WORK)
        return None

    def _taken(
        self, connection: Connection, message: messages.Fetch, entry: Entry, knock: bytes | None, work: Work
    ) -> None:
        one_time = work.result if isinstance(work.result, bytes) else None
        self._answer(connection, message, entry, knock, one_time)
        self._tell_owner(entry)

    def _answer(
        self,
        connection: Connection,
        message: messages.Fetch,
        entry: Entry,
        knock: bytes | None,
        one_time: bytes | None,
    ) -> None:
        account = entry.account
        signed = entry.signed if message.prekeys else None
        bundle = messages.Bundle(
            message.request, account.identity, account.device, signed, one_time, account.mailbox, knock
        )
        connection.send(messages.encode(bundle))

    def _tell_owner(self, entry: Entry) -> None:
        mailbox = self._delivery.mailboxes.get(entry.account.mailbox)
        if mailbox is not None and mailbox.owner is not None:
            tell_stock(mailbox.owner, entry)


def tell_stock(owner: Owner, entry: Entry) -> None:
    """Tell an owner what is left of his one-time prekeys, and whether they have not been enough."""
    owner.send(messages.encode(messages.Stock(len(entry.one_time), entry.short)))
    entry.short = False
