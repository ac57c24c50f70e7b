"""What a control message does: claim, sign in, publish, fetch, open. No I/O. docs/spec/relay.md, "Messages"."""

from functools import partial
from typing import TypeAlias

from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.errors import MalformedError
from e2echat.relay.capabilities import Capabilities, Grade
from e2echat.relay.connection import Channel, Connection, Role
from e2echat.relay.delivery import Delivery
from e2echat.relay.directory import Directory, Entry, RefusedRequestError
from e2echat.relay.knocks import Knocks
from e2echat.relay.limits import Limits
from e2echat.relay.mailbox import Mailbox
from e2echat.relay.work import Account, Request, SaveAccount, SavePrekeys, TakePrekey, Work
from e2echat.wire import relay_messages as messages
from e2echat.wire.frames import FIRST_CHANNEL
from e2echat.wire.relay_messages import Refusal

FromClient: TypeAlias = (
    messages.Claim | messages.Authenticate | messages.Publish | messages.Fetch | messages.Open
)


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
        self._knocks = Knocks(limits, randomness)
        self._nobody = Capabilities(randomness.octets(KEY_SIZE))
        """Compared where there is no mailbox, so that the answer takes as long."""

        self._answered: list[Connection] = []

    def take_answered(self) -> list[Connection]:
        """Connections that are busy no more since this was last asked."""
        answered, self._answered = self._answered, []
        return answered

    def handle(self, connection: Connection, body: bytes, now: float) -> None:
        """Carry out the request in a control frame's body.

        Raises:
            MalformedError: it is none that a client may make.
        """
        message = messages.decode(body)
        if not isinstance(message, FromClient):
            raise MalformedError("not a client's message")
        try:
            if not connection.requests.take(now):
                raise RefusedRequestError(Refusal.LIMIT)  # noqa: TRY301 - every refusal is answered below
            self._require_role(connection, message)
            self._carry_out(connection, message, now)
        except RefusedRequestError as refusal:
            _refuse(connection, message.request, refusal.reason)

    def _require_role(self, connection: Connection, message: FromClient) -> None:
        role = Role.SENDER if isinstance(message, messages.Fetch | messages.Open) else Role.OWNER
        if connection.role is Role.UNDECIDED:
            connection.role = role
        if connection.role is not role:
            raise RefusedRequestError(Refusal.MALFORMED)

    def _carry_out(self, connection: Connection, message: FromClient, now: float) -> None:
        match message:
            case messages.Claim():
                save = self._directory.claim(message, self._delivery.today)
                self._store(connection, save, partial(self._claimed, connection, message.request, save, now))
            case messages.Authenticate():
                self._authenticate(connection, message, now)
            case messages.Publish():
                self._publish(connection, message)
            case messages.Fetch():
                self._fetch(connection, message, now)
            case messages.Open():
                self._open(connection, message, now)

    def _store(self, connection: Connection, request: Request, done: "partial[None]") -> None:
        connection.busy = True
        self._delivery.work.append(Work(request, done))

    def _claimed(
        self, connection: Connection, request: int, save: SaveAccount, now: float, work: Work
    ) -> None:
        self._answered.append(connection)
        connection.busy = False
        if work.failed:
            self._directory.release(save)
            _refuse(connection, request, Refusal.STORAGE)
            return
        entry, before = self._directory.claimed(save)
        account = save.account
        mailbox = self._delivery.mailboxes.setdefault(
            account.mailbox, Mailbox(account.mailbox, account.capabilities)
        )
        mailbox.renew(account.capabilities, self._limits, now)
        if before and mailbox.owner and before.claim.key != entry.claim.key:
            mailbox.owner.close()
        connection.send(messages.encode(messages.Done(request)))

    def _authenticate(self, connection: Connection, message: messages.Authenticate, now: float) -> None:
        hello, connection.hello = connection.hello, None
        if now > connection.opened_at + self._limits.hello_life:
            hello = None
        entry = self._directory.authenticate(message.record, hello)
        mailbox = self._delivery.mailboxes[entry.account.mailbox]
        if mailbox.owner is not None:
            mailbox.owner.close()
            self._delivery.leave(mailbox)
        connection.mailbox, connection.name = mailbox, entry.account.name
        welcome = messages.Welcome(message.request, mailbox.identifier, mailbox.count, len(entry.one_time))
        connection.send(messages.encode(welcome))
        self._delivery.arrive(mailbox, connection)

    def _publish(self, connection: Connection, message: messages.Publish) -> None:
        entry = self._directory.find(connection.name)
        if entry is None:
            raise RefusedRequestError(Refusal.NOT_AUTHENTICATED)
        save = self._directory.publish(entry, message)
        self._store(connection, save, partial(self._published, connection, message.request, save))

    def _published(self, connection: Connection, request: int, save: SavePrekeys, work: Work) -> None:
        self._answered.append(connection)
        connection.busy = False
        if work.failed:
            _refuse(connection, request, Refusal.STORAGE)
            return
        self._directory.published(connection.name, save)
        connection.send(messages.encode(messages.Done(request)))

    def _fetch(self, connection: Connection, message: messages.Fetch, now: float) -> None:
        entry = self._directory.find(message.name)
        if entry is None:
            raise RefusedRequestError(Refusal.NO_SUCH_NAME)
        knock = self._knocks.issue(entry.account.mailbox, now)
        if message.prekeys and entry.one_time:
            take = TakePrekey(entry.account.mailbox, entry.one_time.popleft())
            done = partial(self._taken, connection, message.request, entry, knock, take)
            self._store(connection, take, done)
            return
        signed = entry.signed if message.prekeys else None
        connection.send(_bundle(message.request, entry.account, signed, None, knock))

    def _taken(
        self, connection: Connection, request: int, entry: Entry, knock: bytes, take: TakePrekey, work: Work
    ) -> None:
        self._answered.append(connection)
        connection.busy = False
        if work.failed:
            entry.one_time.appendleft(take.prekey_id)
            _refuse(connection, request, Refusal.STORAGE)
            return
        one_time = work.result if isinstance(work.result, bytes) else None
        connection.send(_bundle(request, entry.account, entry.signed, one_time, knock))

    def _open(self, connection: Connection, message: messages.Open, now: float) -> None:
        if len(connection.channels) >= self._limits.channels:
            raise RefusedRequestError(Refusal.LIMIT)
        mailbox = self._delivery.mailboxes.get(message.mailbox)
        capabilities = mailbox.capabilities if mailbox else self._nobody
        grade = capabilities.grade(message.capability, self._delivery.today)
        allowance = self._knocks.find(message.capability, now)
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


def _refuse(connection: Connection, request: int, reason: Refusal) -> None:
    connection.counters.refused(reason.name.lower())
    connection.send(messages.encode(messages.Refused(request, int(reason))))


def _bundle(
    request: int, account: Account, signed: bytes | None, one_time: bytes | None, knock: bytes
) -> bytes:
    return messages.encode(
        messages.Bundle(request, account.identity, account.device, signed, one_time, account.mailbox, knock)
    )
