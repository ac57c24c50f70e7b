"""The public Python API: one account, open. Synchronous and safe to use from several threads.

with Account.open(home, ask_passphrase) as account:
message_id = account.send("bob", "hello")
account.wait(message_id, MessageState.DELIVERED, timeout=30)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from e2echat.client.address_book import AddressBook
from e2echat.client.dialogue import why_refused
from e2echat.client.engine import MAILBOX, Engine
from e2echat.client.events import Contact, Event, Message, MessageState, Moved, Safety, Status
from e2echat.client.holding import Holding
from e2echat.client.messages import MessageMethods, parsed_id
from e2echat.client.runtime import Runtime, unix_milliseconds
from e2echat.client.socks import chosen_proxy
from e2echat.client.standing import status_of
from e2echat.client.texts import require_text, safety_digits
from e2echat.client.whereabouts import Whereabouts
from e2echat.crypto.keys import Identity, fingerprint_groups, safety_number
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import (
    E2EChatError,
    KeyChangedError,
    LocalError,
    RefusedError,
    RelayUnreachableError,
    WrongRelayError,
)
from e2echat.wire.address import JoinAddress, RelayAddress
from e2echat.wire.names import canonical_name

ORDER = [MessageState.QUEUED, MessageState.STORED, MessageState.DELIVERED, MessageState.READ]
FLUSH = 2.0
"""Seconds that ``close`` gives receipts and acknowledgements to reach the relay."""


class Account(MessageMethods):
    """An open profile. Only one process holds it; see ``Profile.lock``."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._own = holding.own
        engine = Engine(holding.records, holding.own, SystemRandomness())
        runtime = Runtime(engine, holding.records)
        super().__init__(runtime, engine, holding.records, AddressBook(runtime, holding.records, holding.own))
        self._whereabouts = Whereabouts(runtime, holding.records, holding.own)
        self._closed = False

    # --- opening and closing -------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        home: Path,
        name: str,
        relay: str,
        passphrase: str | None,
        *,
        proxy: str | None = None,
        timeout: float = 30,
    ) -> Self:
        """Make an account and claim its name. The account is open and connected.

        ``relay`` is an address, with a token if the relay asks for one. ``proxy``: what it is always reached through.

        Raises:
            InvalidNameError, InvalidAddressError, InvalidPassphraseError, InvalidProxyError: as their docstrings say.
            ProfileExistsError: there is an account in ``home``.
            RefusedError: the relay does not give out the name; no profile is left behind.
            RelayUnreachableError, WrongRelayError: nor when the relay was never reached.
        """
        name, join = canonical_name(name), JoinAddress.parse(relay)
        now, way = unix_milliseconds(), chosen_proxy(proxy)
        holding = Holding.create(home, name, join, passphrase, now, SystemRandomness(), way)
        account = cls(holding)
        try:
            account._runtime.start()
            account._await_sign_in(timeout)
        except BaseException as error:
            account._stop(0)
            if account._claim_may_stand(error):
                holding.release()
            else:
                holding.undo()
            raise
        return account

    @classmethod
    def open(
        cls, home: Path, passphrase: Callable[[], str], *, connect: bool = True, proxy: str | None = None
    ) -> Self:
        """Open the account in ``home``; ``passphrase`` is called only if it has one.

        ``proxy``: what to go through this time, instead of what the account was told.

        Raises:
            NoProfileError, WrongPassphraseError, ProfileBusyError, StorageError, UnsafeProfileError,
            InvalidProxyError: as their docstrings say.
        """
        way = chosen_proxy(proxy)
        account = cls(Holding.open(home, passphrase))
        if proxy is not None:
            account._own.proxy = way
        if connect:
            account._runtime.start()
        return account

    def close(self) -> None:
        """Let acknowledgements and receipts reach the relay for a bounded time; then let go of the profile."""
        if self._closed:
            return
        try:
            self._flush()
        finally:
            self._stop(FLUSH)
            self._holding.release()

    def _flush(self) -> None:
        sending = str(self._own.address)
        if self._runtime.started and not self._down(sending):
            self._runtime.step(self._engine.hurry)
            # A connection that is still being made is waited for, too.
            self._runtime.wait(
                lambda: True if self._down(sending) or not self._engine.unsent else None, FLUSH
            )

    def _stop(self, flush: float) -> None:
        self._closed = True
        self._runtime.close(flush)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- who we are ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Our name at our relay."""
        return self._own.name

    @property
    def address(self) -> str:
        """Our relay's address."""
        return str(self._own.address)

    @property
    def fingerprint(self) -> str:
        """Our fingerprint: 16 groups of four hexadecimal digits."""
        return fingerprint_groups(self._own.identity.fingerprint)

    def status(self) -> Status:
        """The account and how it stands."""
        return self._runtime.look(lambda: status_of(self._holding, self._runtime))

    def move(self, relay: str, *, timeout: float = 30) -> Moved:
        """A relay, ours or contacts' own, is reached at the address ``relay`` now; it must prove the same key there.

        Raises:
            WrongRelayError, RelayUnreachableError, InvalidAddressError: nothing has changed.
        """
        return self._whereabouts.move(RelayAddress.parse(relay), timeout)

    def go_through(self, proxy: str) -> None:
        """Connect through ``proxy`` from now on; directly, if it is ``none``. InvalidProxyError: it is neither."""
        self._whereabouts.go_through(chosen_proxy(proxy))

    # --- messages --------------------------------------------------------------------------------------------------

    def send(self, peer: str, text: str, *, reply_to: str | None = None, timeout: float = 30) -> str:
        """Put a text into the outbox, as the answer to the message ``reply_to`` if there is one; its message id.

        Raises:
            NoSuchPeerError: the relay knows nobody of that name.
            RelayUnreachableError, WrongRelayError: the peer is new and cannot be asked for; nothing is kept.
            KeyChangedError: the text is kept, and held until the peer's new key is accepted.
            InvalidTextError, TextTooLongError, InvalidNameError, InvalidAddressError, PeerBlockedError: as they say.
            LocalError: ``reply_to`` is none of the conversation.
        """
        require_text(text)
        contact = self._book.known_or_met(peer, timeout)
        reply = parsed_id(reply_to) if reply_to else None
        message_id = self._runtime.step(lambda: self._engine.add_text(contact, text, reply)).hex()
        if contact.key_changed:
            raise KeyChangedError(f"the key of {peer} has changed; the message is held", message_id)
        return message_id

    def wait(self, message_id: str, state: MessageState, timeout: float) -> MessageState:
        """The state that a message of ours has reached: ``state`` or beyond, or less after ``timeout`` seconds.

        Raises:
            WrongRelayError, RefusedError, KeyChangedError: it cannot go on by itself.
        """
        wanted = ORDER.index(state)

        def reached() -> MessageState | None:
            row = self._records.outgoing_message(parsed_id(message_id))
            if row is None:
                raise LocalError("there is no message of ours with that id")
            found = MessageState(row.state)
            if ORDER.index(found) >= wanted:
                return found
            contact = self._records.contact(row.contact)
            if contact.key_changed:
                raise KeyChangedError(
                    f"the key of {contact.name} has changed; the message is held", message_id
                )
            reason = self._engine.outbox.refusals.get(row.id)
            if reason is not None:
                raise RefusedError(
                    f"the message is kept for later: {why_refused(reason)}", reason.name.lower()
                )
            self._require_right_relay(self._own.relay_of(contact))
            return None

        found = self._runtime.wait(reached, timeout)
        if found is None:
            row = self._runtime.look(lambda: self._records.outgoing_message(parsed_id(message_id)))
            found = MessageState.QUEUED if row is None else MessageState(row.state)
        return found

    def catch_up(self, timeout: float) -> bool:
        """Whether everything that waited at the relay is ours now; False at the first failure or ``timeout``.

        Raises:
            WrongRelayError: it is not our relay that answers.
        """

        def done() -> bool | None:
            self._require_right_relay(MAILBOX)
            if self._runtime.all_in:
                return True
            return False if self._down(MAILBOX) else None

        return bool(self._runtime.wait(done, timeout))

    def next_event(self, timeout: float | None) -> Event | None:
        """The next thing that happened; None when nothing did within ``timeout`` seconds."""
        return self._runtime.next_event(timeout)

    def unshown(self) -> list[Message]:
        """Messages that no face has shown yet, in the order in which they came."""
        return self._runtime.look(lambda: self._views.messages(self._records.unshown()))

    def mark_shown(self, message: Message) -> None:
        """The message was shown, and its line flushed."""
        self._runtime.step(lambda: self._engine.mark_shown(message.number))

    def history(self, peer: str, *, search: str | None = None, limit: int | None = None) -> list[Message]:
        """The conversation with ``peer``, oldest first: the last ``limit`` messages that contain ``search``.

        Raises:
            NoSuchPeerError: there is no such contact.
        """
        contact = self._book.require(peer)
        return self._runtime.look(
            lambda: self._views.messages(self._records.history(contact.id, search, limit))
        )

    # --- people ----------------------------------------------------------------------------------------------------

    def contacts(self) -> list[Contact]:
        """Everybody we know, by name."""
        return self._runtime.look(self._views.contacts)

    def safety(self, peer: str, *, timeout: float = 30) -> Safety:
        """What to compare with ``peer``: of the key last seen, where it has changed.

        Raises:
            NoSuchPeerError, RelayUnreachableError, WrongRelayError: for somebody who is no contact yet.
        """
        name, contact = self._book.named(peer), self._book.known(peer)
        if contact is None:
            identity = Identity.parse(self._book.look_up(name, timeout, prekeys=False).identity)
            verified = False
        else:
            identity = Identity.parse(contact.changed_identity or contact.identity)
            verified = contact.verified_at is not None and not contact.key_changed
        number = safety_number(self._own.identity, identity)
        return Safety(name.shown(self._own), fingerprint_groups(identity.fingerprint), number, verified)

    def verify(self, peer: str, number: str, *, timeout: float = 30) -> None:
        """Mark ``peer`` verified if ``number`` is the safety number of the two; spaces do not matter.

        Raises:
            KeyChangedError: it is another number.
            LocalError: it is no safety number at all.
            NoSuchPeerError, RelayUnreachableError, WrongRelayError: as for ``safety``.
        """
        digits = safety_digits(number)
        if self._book.known(peer) is None and self.safety(peer, timeout=timeout).number != digits:
            raise KeyChangedError(f"the number is not the one of you and {peer}")
        contact = self._book.known_or_met(peer, timeout)
        if not self._runtime.step(lambda: self._engine.trust.verify_if(contact.id, digits)):
            raise KeyChangedError(f"the number is not the one of you and {peer}")

    def accept(self, peer: str) -> None:
        """Let a stranger in; or take a contact's changed key; or undo ``block``. NoSuchPeerError if there is none."""
        contact = self._book.require(peer)
        self._runtime.step(lambda: self._engine.trust.accept(self._records.contact(contact.id)))

    def block(self, peer: str) -> None:
        """Have no more to do with a contact or stranger, from now on. NoSuchPeerError if there is none."""
        contact = self._book.require(peer)
        self._runtime.step(lambda: self._engine.trust.block(self._records.contact(contact.id)))

    @property
    def failure(self) -> E2EChatError | None:
        """Why we are not signed in, if there is a reason."""
        return self._down(MAILBOX)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _down(self, link: str) -> E2EChatError | None:
        return self._runtime.failures.get(link)

    def _require_right_relay(self, link: str) -> None:
        error = self._down(link)
        if isinstance(error, WrongRelayError):
            raise error

    def _await_sign_in(self, timeout: float) -> None:
        def done() -> bool | None:
            if self._engine.signed_in and self._engine.supplied:
                return True
            error = self._down(MAILBOX)
            if error is not None:
                raise error
            return None

        if not self._runtime.wait(done, timeout):
            raise RelayUnreachableError("the relay did not answer in time")

    def _claim_may_stand(self, error: BaseException) -> bool:
        """Whether the relay may have given us the name although we did not hear of it."""
        return self._engine.claim_left and not isinstance(error, RefusedError)
