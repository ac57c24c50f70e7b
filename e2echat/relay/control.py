"""What a control message does: claim, sign in, publish, fetch, open. No I/O. docs/spec/relay.md, "Messages"."""

from functools import partial
from typing import TypeAlias

from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.crypto.relay_records import HelloRecord
from e2echat.errors import MalformedError
from e2echat.relay.budgets import AddressBudgets
from e2echat.relay.capabilities import Capabilities, Grade
from e2echat.relay.connection import Channel, Connection, Role
from e2echat.relay.delivery import Delivery
from e2echat.relay.directory import Directory
from e2echat.relay.fetching import Fetching, tell_stock
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox
from e2echat.relay.pending import Pending, refuse
from e2echat.relay.refusals import RefusedRequestError
from e2echat.relay.rendezvous import Rendezvous
from e2echat.relay.work import RemoveAccount, SaveAccount, SavePrekeys, Work
from e2echat.wire import relay_messages as messages
from e2echat.wire.frames import FIRST_CHANNEL
from e2echat.wire.relay_messages import Refusal

FromSender: TypeAlias = messages.AskPuzzle | messages.Fetch | messages.Open
FromOwner: TypeAlias = messages.Claim | messages.Authenticate | messages.Leave | messages.Publish
FromClient: TypeAlias = FromOwner | FromSender | messages.Meet


class Control:
    """Carries out requests. A request that needs the storage makes its connection ``busy`` until it is answered."""

    def __init__(
        self,
        limits: Limits,
        directory: Directory,
        delivery: Delivery,
        randomness: Randomness,
    ) -> None:
        self._limits = limits
        self._directory = directory
        self._delivery = delivery
        self._randomness = randomness
        self.pending = Pending(delivery)
        self._fetching = Fetching(limits, directory, delivery, self.pending, randomness)
        self._budgets = AddressBudgets(limits)
        self._rendezvous = Rendezvous(limits)
        self._nobody = Capabilities(randomness.octets(KEY_SIZE))
        """Compared where there is no mailbox, so that the answer takes as long."""

    def handle(self, connection: Connection, body: bytes, now: float) -> None:
        """Carry out the request in a control frame's body.

        Raises:
            MalformedError: it is none that a client may make.
        """
        message = messages.decode(body)
        if not isinstance(message, FromClient):
            raise MalformedError("not a client's message")
        try:
            self._require_budget(connection, message, now)
            self._require_role(connection, message)
            self._carry_out(connection, message, now)
        except RefusedRequestError as refusal:
            refuse(connection, message.request, refusal)

    def _require_budget(self, connection: Connection, message: FromClient, now: float) -> None:
        if not connection.requests.take(now):
            raise RefusedRequestError(Refusal.LIMIT)
        address, budgets = connection.address, self._budgets
        if address is None:
            return
        within = budgets.requests.take(address, now)
        if within and isinstance(message, messages.Fetch | messages.AskPuzzle):
            within = budgets.fetches.take(address, now)
        elif within and isinstance(message, messages.Claim):
            within = budgets.claims.take(address, now)
        if not within:
            raise RefusedRequestError(Refusal.LIMIT, "address")

    def _require_role(self, connection: Connection, message: FromClient) -> None:
        role = Role.SENDER if isinstance(message, FromSender) else Role.OWNER
        role = Role.PAIRING if isinstance(message, messages.Meet) else role
        if connection.role is Role.UNDECIDED:
            connection.role = role
        if connection.role is not role:
            raise RefusedRequestError(Refusal.MALFORMED)

    def _carry_out(self, connection: Connection, message: FromClient, now: float) -> None:
        match message:
            case messages.Claim():
                save = self._directory.claim(message, self._delivery.today)
                done = partial(self._claimed, connection, message.request, save, now)
                release = partial(self._directory.release, save)
                self.pending.store(connection, message.request, save, done, release)
            case messages.Authenticate():
                self._authenticate(connection, message, now)
            case messages.Leave():
                self._leave(connection, message, now)
            case messages.Publish():
                self._publish(connection, message)
            case messages.AskPuzzle():
                self._fetching.puzzle(connection, message, now)
            case messages.Fetch():
                self._fetching.fetch(connection, message, now)
            case messages.Open():
                self._open(connection, message, now)
            case messages.Meet():
                heard = self._rendezvous.meet(message, now)
                connection.send(messages.encode(messages.Met(message.request, heard)))

    def _claimed(self, connection: Connection, request: int, save: SaveAccount, now: float, _: Work) -> None:
        entry, before = self._directory.claimed(save)
        account = save.account
        mailbox = self._delivery.mailboxes.setdefault(
            account.mailbox, Mailbox(account.mailbox, account.capabilities)
        )
        mailbox.renew(account.capabilities, self._limits, now)
        records = self._directory.records
        if before and mailbox.owner and records(before).claim.key != records(entry).claim.key:
            mailbox.owner.close()
        connection.send(messages.encode(messages.Done(request)))

    def _hello(self, connection: Connection, now: float) -> HelloRecord | None:
        """This connection's, for the first answer to it and as long as it is fresh."""
        hello, connection.hello = connection.hello, None
        return None if now > connection.opened_at + self._limits.hello_life else hello

    def _leave(self, connection: Connection, message: messages.Leave, now: float) -> None:
        remove = self._directory.leave(message.record, self._hello(connection, now))
        done = partial(self._left, connection, message.request, remove)
        self.pending.store(connection, message.request, remove, done, partial(self._directory.kept, remove))

    def _left(self, connection: Connection, request: int, remove: RemoveAccount, _: Work) -> None:
        self._directory.removed(remove)
        self._delivery.remove(remove.mailbox)
        connection.send(messages.encode(messages.Done(request)))

    def _authenticate(self, connection: Connection, message: messages.Authenticate, now: float) -> None:
        entry = self._directory.authenticate(message.record, self._hello(connection, now))
        mailbox = self._delivery.mailboxes[entry.account.mailbox]
        if mailbox.owner is not None:
            mailbox.owner.close()
            self._delivery.leave(mailbox)
        connection.mailbox, connection.name = mailbox, entry.account.name
        welcome = messages.Welcome(message.request, mailbox.identifier, mailbox.count, len(entry.one_time))
        connection.send(messages.encode(welcome))
        if entry.short:
            tell_stock(connection, entry)
        self._delivery.arrive(mailbox, connection)

    def _publish(self, connection: Connection, message: messages.Publish) -> None:
        entry = self._directory.find(connection.name)
        if entry is None:
            raise RefusedRequestError(Refusal.NOT_AUTHENTICATED)
        save = self._directory.publish(entry, message)
        done = partial(self._published, connection, message.request, save)
        self.pending.store(connection, message.request, save, done)

    def _published(self, connection: Connection, request: int, save: SavePrekeys, _: Work) -> None:
        self._directory.published(connection.name, save)
        connection.send(messages.encode(messages.Done(request)))

    def _open(self, connection: Connection, message: messages.Open, now: float) -> None:
        if len(connection.channels) >= self._limits.channels:
            raise RefusedRequestError(Refusal.LIMIT)
        mailbox = self._delivery.mailboxes.get(message.mailbox)
        capabilities = mailbox.capabilities if mailbox else self._nobody
        grade = capabilities.grade(message.capability, self._delivery.today)
        allowance = self._fetching.knocks.find(message.capability, now)
        holds = grade is not Grade.NONE
        if mailbox is None or not (holds or (allowance and allowance.mailbox == mailbox.identifier)):
            raise RefusedRequestError(Refusal.NO_SUCH_CAPABILITY)
        if holds:
            allowance = mailbox.reduced(self._limits, now) if grade is Grade.FORMER else None
        tag = 0
        while tag < FIRST_CHANNEL or tag in connection.channels:
            tag = int.from_bytes(self._randomness.octets(4))
        channel = Channel(tag, connection, mailbox, allowance, repeat=message.repeat)
        connection.channels[tag] = channel
        mailbox.channels.add(channel)
        connection.send(messages.encode(messages.Opened(message.request, tag)))
