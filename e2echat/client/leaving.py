"""Taking an account's name from its relay, for good, on a connection of its own. docs/spec/relay.md, "Removal"."""

from e2echat.client.dialogue import Dialogue, Happening, refusal, why_refused
from e2echat.client.own import Own
from e2echat.client.probing import connected
from e2echat.crypto.primitives import KEY_SIZE, Randomness
from e2echat.crypto.relay_records import LeaveRecord
from e2echat.errors import MalformedError, RefusedError
from e2echat.wire import relay_messages as relay
from e2echat.wire.relay_messages import Refusal
from e2echat.wire.schema import Message


class LeavingDialogue(Dialogue):
    """One request. ``left`` once the relay has nothing of the account any more. Pure."""

    def __init__(self, own: Own, certificate_hash: bytes, randomness: Randomness) -> None:
        super().__init__(own.address, certificate_hash)
        self._own = own
        self._randomness = randomness
        self._leaving: int | None = None
        self.left = False

    def begin(self) -> list[Happening]:
        """Say goodbye, signed by the account's key."""
        self._leaving = self.next_request()
        nonce = self._randomness.octets(KEY_SIZE)
        record = LeaveRecord.create(self._own.key, self.hello, nonce, self._own.name)
        self.say(relay.Leave(self._leaving, record.raw))
        return []

    def answer(self, message: Message) -> list[Happening]:
        """See ``Dialogue``. Raises RefusedError: the relay keeps the account."""
        match message:
            case relay.Done(request) if request == self._leaving:
                self.left = True
            # As after a goodbye whose answer was lost, or at a relay that lost its disk: nobody of that name has this key.
            case relay.Refused(request, Refusal.NOT_AUTHENTICATED) if request == self._leaving:
                self.left = True
            case relay.Refused(request, reason) if request == self._leaving:
                why = refusal(reason)
                raise RefusedError(why_refused(why), why.name.lower())
            case _:
                raise MalformedError("an answer to nothing that was asked")
        return []

    def other(self, tag: int, body: bytes) -> list[Happening]:
        """See ``Dialogue``."""
        raise MalformedError(f"a frame with the tag {tag} and {len(body)} bytes does not belong here")


def leave(own: Own, timeout: float, randomness: Randomness) -> None:
    """Return once the relay has no account of this name and key any more.

    Raises:
        RefusedError: it keeps it.
        RelayUnreachableError, WrongRelayError, MalformedError: as for ``probe``; it may or may not have it.
    """
    with connected(own.address, own.proxy, timeout) as (connection, frames):
        dialogue = LeavingDialogue(own, connection.certificate_hash, randomness)
        while not dialogue.left:
            dialogue.frame(*next(frames))
            if said := dialogue.take_outgoing():
                connection.send(said)
