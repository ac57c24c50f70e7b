"""What each command of ``talk`` does. What it changes is said when the account tells of it, here and in every other talk."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from e2echat.client.events import Contact, Message
from e2echat.client.settings import Notify
from e2echat.faces.changes import duration, excerpt, parsed_duration
from e2echat.faces.input import checked_text
from e2echat.faces.notify import Notifier
from e2echat.faces.output import Output, Style
from e2echat.faces.qr import qr_rows
from e2echat.faces.status import status_lines
from e2echat.faces.talking.cards import provenance_lines
from e2echat.faces.talking.lines import LAST, Order, UnclearError, known_lines, split_message
from e2echat.faces.talking.stream import Stream
from e2echat.faces.talking.verification import verification_rows

if TYPE_CHECKING:
    from e2echat.client.account import Account

FOUND = 10
"""Messages that one search shows."""


class Orders:
    """Commands in the conversation with ``peer``.

    ``send`` sends a text, perhaps in reply. ``suggest`` puts a text where the next line is typed, and says whether it could.
    """

    def __init__(
        self,
        account: "Account",
        peer: str,
        out: Output,
        stream: Stream,
        notifier: Notifier,
        send: Callable[[str, Message | None], None],
        suggest: Callable[[str], bool],
    ) -> None:
        self._account = account
        self._peer = peer
        self._out = out
        self._stream = stream
        self._notifier = notifier
        self._send = send
        self._suggest = suggest
        self._orders: dict[str, Callable[[str], None]] = {
            "help": self._help,
            "reply": self._reply,
            "react": self._react,
            "edit": self._edit,
            "delete": self._delete,
            "disappear": self._disappear,
            "search": self._search,
            "why": self._why,
            "verify": self._verify,
            "accept": self._accept,
            "notify": self._notify,
            "status": self._status,
            "lock": self._lock,
        }

    def obey(self, order: Order) -> bool:
        """Carry out a command.

        Returns:
            Whether the conversation goes on.

        Raises:
            UnclearError: something is missing in it, or it names no message.
            E2EChatError: it cannot be done.
        """
        if order.name == "quit":
            return False
        if order.name == "block":
            self._account.block(self._peer)
            return False
        self._orders[order.name](order.argument)
        return True

    # --- messages --------------------------------------------------------------------------------------------------

    def _reply(self, argument: str) -> None:
        which, text = split_message(argument)
        self._require(text, "Say what to answer: /reply TEXT, or /reply N TEXT.")
        self._send(text, self._stream.find(which, None if isinstance(which, int) else "in"))

    def _react(self, argument: str) -> None:
        which, reaction = split_message(argument)
        if which is None:
            self._require(
                reaction, "Say with what: /react PICTURE, or /react N PICTURE; /react N takes it back."
            )
        message = self._stream.find(which, None if isinstance(which, int) else "in")
        self._account.react(message.id, reaction)

    def _edit(self, argument: str) -> None:
        which, text = split_message(argument)
        message = self._stream.find(which, "out")
        if text:
            self._account.edit(message.id, checked_text(text))
        elif not self._suggest(f"/edit {self._stream.name(message)[1:-1]} {message.text}"):
            raise UnclearError("Say what it is to say: /edit TEXT, or /edit N TEXT.")

    def _delete(self, argument: str) -> None:
        which, rest = split_message(argument)
        if which is None or rest:
            raise UnclearError(f"Say which one, and nothing else: /delete N, or /delete {LAST}.")
        self._account.delete(self._stream.find(which, "out").id)

    def _search(self, argument: str) -> None:
        self._require(argument, "Say what to look for: /search WORDS")
        found = self._account.search(argument, peer=self._peer, limit=FOUND)
        for each in sorted(found, key=lambda each: each.message.number):
            self._stream.show_again(each.message)
        quoted = f"“{excerpt(argument)}”"
        self._stream.note(
            f"{len(found) or 'Nothing'} found for {quoted}"
            + (", best of all." if len(found) == FOUND else ".")
        )

    def _disappear(self, argument: str) -> None:
        if argument:
            self._account.set_timer(self._peer, parsed_duration(argument))
            return
        contact = self._contact()
        lasting = (
            f"disappear {duration(contact.timer)} after they were read"
            if contact and contact.timer
            else "stay"
        )
        self._stream.note(f"New messages {lasting}. To change that: /disappear 8h, or /disappear off")

    def _why(self, argument: str) -> None:
        which, rest = split_message(argument)
        self._require(not rest, "Say which one, and nothing else: /why, or /why N.")
        message = self._stream.find(which)
        for origin in self._account.provenance(message.id):
            if origin.message.number == message.number:
                self._stream.show_again(origin.message)
                lines = [((Style.FAINT, f"{what:<14}"), how) for what, how in provenance_lines(origin)]
                self._stream.notes(lines, indent=17)

    # --- people ----------------------------------------------------------------------------------------------------

    def _verify(self, argument: str) -> None:
        contact = self._contact()
        verified = contact is not None and contact.verified and not contact.key_changed
        if argument:
            self._account.verify(self._peer, argument)
            if verified:
                self._stream.note(f"That is the number; {self._peer} was verified already.")
            return
        number = self._account.safety(self._peer).number
        # To a screen reader, or as ASCII, a picture is noise.
        picture = qr_rows(number) if self._out.is_screen and number.isdecimal() else []
        self._out.notes(verification_rows(self._peer, number, picture, self._out.columns))
        if verified:
            self._stream.note(f"{self._peer} is verified already; you may compare once more.")

    def _accept(self, _argument: str) -> None:
        contact = self._contact()
        if contact is not None and contact.standing == "contact" and not contact.key_changed:
            raise UnclearError(f"There is nothing to accept: {self._peer} is a contact already.")
        self._account.accept(self._peer)

    # --- the rest --------------------------------------------------------------------------------------------------

    def _help(self, _argument: str) -> None:
        self._stream.notes([(f"{what:<20}{why}",) for what, why in known_lines()], indent=23)
        self._stream.note(
            "N is a number that stands before a message, as in: /reply 3 yes. Alt+Enter begins a new line, Up and "
            "Ctrl+R find what was typed, Tab completes commands."
        )

    def _notify(self, argument: str) -> None:
        if argument:
            self._require(argument in list(Notify), f"Say by what: /notify {'|'.join(Notify)}")
            self._notifier.choose(Notify(argument))
        way = self._notifier.way
        told = "nothing tells you" if way is Notify.OFF else f"{way} tells you"
        self._stream.note(
            f"Until you leave, {told} of messages that arrive. For good: e2echat settings --notify WAY"
        )

    def _status(self, _argument: str) -> None:
        lines = status_lines(self._account.status())
        self._stream.notes([(f"{what:<17}{how}",) for what, how in lines], indent=20)

    def _lock(self, _argument: str) -> None:
        self._account.lock()

    def _contact(self) -> Contact | None:
        return next((each for each in self._account.contacts() if each.name == self._peer), None)

    @staticmethod
    def _require(given: object, sentence: str) -> None:
        if not given:
            raise UnclearError(sentence)
