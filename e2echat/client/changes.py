"""What can be done to messages beyond sending them: a part of ``Account``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from e2echat.client.events import Provenance, Settings
from e2echat.client.methods import served
from e2echat.client.sharing import Sharing

if TYPE_CHECKING:
    # At run time it brings all of the cryptography with it, which who calls another process does not wait for.
    from e2echat.client.local import LocalAccount


class Caller:
    """Every attribute is a function that calls the method of that name, with keywords alone."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **arguments: self._sharing.call(name, arguments)


class Changes:
    """Every change is queued like a text, and holds here at once."""

    def __init__(self, sharing: Sharing) -> None:
        self._calls = cast("LocalAccount", Caller(sharing))

    @served
    def edit(self, message_id: str, text: str) -> str:
        """Have a text of ours say something else on both sides; the id of the change.

        Raises:
            LocalError: it is no text of ours, or deleted.
            InvalidTextError, TextTooLongError: as their docstrings say.
        """
        return self._calls.edit(message_id=message_id, text=text)

    @served
    def delete(self, message_id: str) -> str:
        """Delete a message of ours here, and ask the other side's client to; the id of the change.

        What was read, copied or backed up over there is out of reach.

        Raises:
            LocalError: it is not ours, or deleted already.
        """
        return self._calls.delete(message_id=message_id)

    @served
    def react(self, message_id: str, reaction: str) -> str:
        """React to a message of either side, in place of our last reaction to it; "" takes it back. The id of the change.

        Raises:
            LocalError: no such message, or it is deleted, or ``reaction`` is more than a picture or a short word.
        """
        return self._calls.react(message_id=message_id, reaction=reaction)

    @served
    def set_timer(self, peer: str, seconds: int) -> str:
        """Have new messages of both sides disappear ``seconds`` after they were read, 0 never; the id of the change.

        Raises:
            NoSuchPeerError: there is no such contact.
            LocalError: less than five seconds, or more than a year.
        """
        return self._calls.set_timer(peer=peer, seconds=seconds)

    @served
    def typing(self, peer: str, *, active: bool) -> None:
        """Let ``peer`` know that we write, or left off, if the settings and the connection allow. Call it for every key.

        Raises:
            NoSuchPeerError: there is no such contact.
        """
        self._calls.typing(peer=peer, active=active)

    @served
    def provenance(self, message_id: str) -> list[Provenance]:
        """How the messages of that id came or went; one, unless a peer chose an id that was taken."""
        return self._calls.provenance(message_id=message_id)

    @served
    def settings(self) -> Settings:
        """What we have decided for all conversations."""
        return self._calls.settings()

    @served
    def change_settings(self, settings: Settings) -> None:
        """Decide otherwise."""
        self._calls.change_settings(settings=settings)
