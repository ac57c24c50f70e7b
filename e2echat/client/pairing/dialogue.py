"""The connection on which two people meet by a short code; it carries no name. Pure. docs/spec/relay.md, "Meeting"."""

from e2echat.client.dialogue import Dialogue, Happening, Met, refusal
from e2echat.errors import MalformedError
from e2echat.wire import relay_messages as relay
from e2echat.wire.relay_messages import Meet
from e2echat.wire.schema import Message


class PairingDialogue(Dialogue):
    """One question at a time: what has the other side said?"""

    ready = False
    _asked: int | None = None

    def begin(self) -> list[Happening]:
        """Nothing to prove: the connection is ready."""
        self.ready = True
        return []

    @property
    def may_ask(self) -> bool:
        """Whether the relay has greeted, and answered what was asked."""
        return self.ready and self._asked is None

    def meet(self, nameplate: str, key: bytes, said: list[bytes], *, inviter: bool, leave: bool) -> None:
        """Say all that our side has said, and ask for the other's."""
        self._asked = self.next_request()
        self.say(Meet(self._asked, nameplate, inviter, key, list(said), leave))

    def answer(self, message: Message) -> list[Happening]:
        """See ``Dialogue``."""
        match message:
            case relay.Met(request, heard) if request == self._asked:
                self._asked = None
                return [Met(heard)]
            case relay.Refused(request, reason) if request == self._asked:
                self._asked = None
                return [Met(refusal(reason))]
        raise MalformedError("an answer to nothing that was asked")

    def other(self, tag: int, body: bytes) -> list[Happening]:
        """See ``Dialogue``."""
        raise MalformedError(f"a frame with the tag {tag} and {len(body)} bytes does not belong here")
