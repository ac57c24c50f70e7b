"""What can be done to messages beyond sending them: a part of ``Account``."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from e2echat.client.events import Found, Message, Provenance
from e2echat.client.methods import served
from e2echat.client.settings import Settings
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
    """Every change is queued like a text, and holds here at once.

    ``change_id``, 32 hexadecimal digits at random, may be chosen by the caller: with the same one nothing is changed twice.
    """

    def __init__(self, sharing: Sharing) -> None:
        self._calls = cast("LocalAccount", Caller(sharing))

    @served
    def history(
        self,
        peer: str,
        *,
        search: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> list[Message]:
        """The conversation with ``peer``, oldest first: its last ``limit`` messages, or a page of it.

        Args:
            peer: with whom.
            search: words, each of which a message has in it, whatever their case and accents.
            limit: how many; all unless said.
            before: the id of a message, and its page ends before it.
            after: the same, and the page begins after it: without ``search``, its first ``limit`` messages.

        Raises:
            NoSuchPeerError: there is no such contact.
            LocalError: an id is none of the conversation's messages.
        """
        return self._calls.history(peer=peer, search=search, limit=limit, before=before, after=after)

    @served
    def page(self, peer: str, *, after: int = 0, limit: int = 200) -> list[Message]:
        """The first ``limit`` messages of a conversation whose ``number`` is above ``after``, oldest first: for reading it all.

        Raises:
            NoSuchPeerError: there is no such contact.
        """
        return self._calls.page(peer=peer, after=after, limit=limit)

    @served
    def search(
        self, words: str, *, peer: str | None = None, limit: int = 20, context: int = 0
    ) -> list[Found]:
        """Messages of all conversations, or of one, that have every word in them: the best of the latest thousand first.

        ``context``: how many of the messages before and after each come with it.

        Raises:
            NoSuchPeerError: there is no such contact.
        """
        return self._calls.search(words=words, peer=peer, limit=limit, context=context)

    @served
    def keep(self, peer: str, days: int | None, messages: int | None) -> None:
        """How long messages with ``peer`` are kept, instead of what the settings say: at most so many days, so many messages.

        0: for ever. None: as the settings say.

        Raises:
            NoSuchPeerError: there is no such contact.
            LocalError: less than nothing.
        """
        self._calls.keep(peer=peer, days=days, messages=messages)

    @served
    def edit(self, message_id: str, text: str, *, change_id: str | None = None) -> str:
        """Have a text of ours say something else on both sides; the id of the change.

        Raises:
            LocalError: it is no text of ours, or deleted.
            InvalidTextError, TextTooLongError: as their docstrings say.
        """
        return self._calls.edit(message_id=message_id, text=text, change_id=change_id or _random_id())

    @served
    def delete(self, message_id: str, *, change_id: str | None = None) -> str:
        """Delete a message of ours here, and ask the other side's client to; the id of the change.

        What was read, copied or backed up over there is out of reach.

        Raises:
            LocalError: it is not ours, or deleted already.
        """
        return self._calls.delete(message_id=message_id, change_id=change_id or _random_id())

    @served
    def react(self, message_id: str, reaction: str, *, change_id: str | None = None) -> str:
        """React to a message of either side, in place of our last reaction to it; "" takes it back. The id of the change.

        Raises:
            LocalError: no such message, or it is deleted, or ``reaction`` is more than a picture or a short word.
        """
        return self._calls.react(
            message_id=message_id, reaction=reaction, change_id=change_id or _random_id()
        )

    @served
    def set_timer(self, peer: str, seconds: int, *, change_id: str | None = None) -> str:
        """Have new messages of both sides disappear ``seconds`` after they were read, 0 never; the id of the change.

        Raises:
            NoSuchPeerError: there is no such contact.
            LocalError: less than five seconds, or more than a year.
        """
        return self._calls.set_timer(peer=peer, seconds=seconds, change_id=change_id or _random_id())

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
        """Decide otherwise.

        Raises:
            LocalError: a number of days or messages below 0, or beyond all reason.
        """
        self._calls.change_settings(settings=settings)


def _random_id() -> str:
    """Chosen here, so that a call which the next owner repeats changes nothing twice."""
    return os.urandom(16).hex()
