"""What happens at the relay while it is killed, traced or starved: a little of everything, always the same."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from e2echat.crypto.prekeys import PrekeyKind
from e2echat.relay.local import SOCKET_FILE
from e2echat.unix_sockets import reachable
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.address import JoinAddress, RelayAddress
from tests.crash.witness import Witness
from tests.helpers.relay_sockets import PATIENCE, SocketClient
from tests.helpers.relay_world import RANDOM, Account


class Heard(SocketClient):
    """A client all of whose frames a witness hears."""

    def __init__(self, stage: "Stage") -> None:
        self._witness = stage.witness
        self._spoken = frames.FrameDecoder()
        self._taken = 0
        super().__init__(stage)

    def say(self, data: bytes) -> None:
        for tag, body in self._spoken.feed(data):
            self._witness.to_relay(self, tag, body)
        super().say(data)

    def frame(self) -> tuple[int, bytes]:
        tag, body = super().frame()
        self._witness.from_relay(self, tag, body)
        return tag, body

    def settle(self, channel: int, count: int) -> None:
        """Wait until ``count`` submissions on ``channel`` are settled."""
        settled = 0
        while settled < count:
            tag, body = self.frame()
            if tag == frames.Tag.ACCEPTED:
                of, total = frames.parse_channel_count(body)
                settled = total if of == channel else settled

    def open_to(self, account: Account, mailbox: bytes, *, repeat: bool = False) -> int:
        return self.ask(messages.Open(9, mailbox, account.capability, repeat), messages.Opened).channel

    def sign_in(self, account: Account) -> messages.Welcome:
        return self.ask(account.authenticate(self.hello), messages.Welcome)

    def take(self, count: int, *, leave: int = 0) -> list[tuple[bytes, bytes]]:
        """The next ``count`` envelopes, id and body; all but the last ``leave`` are acknowledged."""
        taken: list[tuple[bytes, bytes]] = []
        while len(taken) < count:
            tag, body = self.frame()
            if tag >= frames.FIRST_CHANNEL:
                taken.append(frames.parse_envelope(body))
        self._taken += count
        self.say(frames.acknowledge(self._taken - leave))
        return taken

    def sync(self) -> None:
        """Everything said so far has been handled."""
        self.say(frames.frame(frames.Tag.PING))
        while self.frame()[0] != frames.Tag.PONG:
            pass


class Stage:
    """A relay that runs somewhere, and who is at it."""

    def __init__(self, address: RelayAddress, data: Path, witness: Witness) -> None:
        self.address = address
        self.data = data
        self.witness = witness
        self.accounts: list[Account] = []
        """Everybody who has asked for a name; a newer device is somebody else."""

    def connect(self) -> Heard:
        return Heard(self)

    def operator(self, **request: Any) -> dict[str, Any]:
        """What ``e2echat relay remove`` and ``token`` ask of a relay that runs."""
        self.witness.operator_asks(request)
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(PATIENCE)
            with reachable(self.data / SOCKET_FILE) as name:
                connected.connect(name)
            connected.sendall(json.dumps(request).encode() + b"\n")
            answer = connected.makefile("rb").readline()
        if not answer:
            raise EOFError
        reply: dict[str, Any] = json.loads(answer)
        self.witness.operator_told(request, reply)
        return reply

    def newcomer(self, name: str) -> Account:
        """Somebody who has claimed ``name`` with a token of his own."""
        account = Account(name, self.address.key)
        self.accounts.append(account)
        token = JoinAddress.parse(self.operator(do="token", uses=1, days=1)["address"]).token
        with self.connect() as client:
            client.ask(account.claim(token), messages.Done)
        return account


def play(stage: Stage) -> None:
    """Everything that makes a relay write: each step is answered before the next begins."""
    with ExitStack() as connections:
        bob, carol = stage.newcomer("bob"), stage.newcomer("carol")
        owner = connections.enter_context(stage.connect())
        mailbox = owner.sign_in(bob).mailbox
        owner.ask(_prekeys(bob, 1), messages.Done)
        owner.socket.close()
        sender = connections.enter_context(stage.connect())
        to_carol = sender.ask(messages.Fetch(4, "carol", False), messages.Bundle).mailbox
        sender.ask(messages.Fetch(5, "bob", True, bob.capability), messages.Bundle)
        channel = sender.open_to(bob, mailbox)
        # He is away: one by one, then many at once, then what takes pages of its own.
        count = 0
        for sizes in ([40], [300], [2_000] * 3, [20_000]):
            sender.say(b"".join(_submission(channel, size) for size in sizes))
            count += len(sizes)
            sender.settle(channel, count)
        # He comes and takes some, then, after a break, the rest.
        owner = connections.enter_context(stage.connect())
        owner.sign_in(bob)
        owner.take(count, leave=count - 4)
        owner.ask(_prekeys(bob, 10), messages.Done)
        owner.socket.close()
        owner = connections.enter_context(stage.connect())
        left = owner.sign_in(bob).waiting
        owner.take(left)
        # He is there: what he acknowledges at once is never written, what he leaves lying is.
        sender.say(_submission(channel, 500))
        owner.take(1)
        sender.settle(channel, count + 1)
        sender.say(_submission(channel, 500))
        sender.settle(channel, count + 2)
        owner.take(1)
        owner.ask(_prekeys(bob, 20), messages.Done)
        # Somebody is removed, with what waits for her.
        to = sender.open_to(carol, to_carol)
        sender.say(_submission(to, 500))
        sender.settle(to, 1)
        stage.operator(do="remove", name="carol")
        # A new device, and mail that is left for the end.
        stage.accounts.append(stage.newcomer("dora").newer())
        with stage.connect() as client:
            client.ask(stage.accounts[-1].claim(), messages.Done)
        sender.say(_submission(channel, 700) + _submission(channel, 7_000))
        sender.settle(channel, count + 4)


def _submission(channel: int, size: int) -> bytes:
    return frames.submission(channel, RANDOM.octets(16), RANDOM.octets(size))


def _prekeys(account: Account, first: int) -> messages.Publish:
    one_time = [account.prekey(PrekeyKind.ONE_TIME, first + number) for number in range(3)]
    return messages.Publish(3, account.prekey(PrekeyKind.SIGNED, first + 100), one_time)
