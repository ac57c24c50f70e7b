"""The account in the process that owns its profile: engine, records and links; what every method of ``Account`` does."""

from pathlib import Path
from typing import Any, Self

from e2echat.client.address_book import AddressBook
from e2echat.client.comparing import difference, former, typed_number
from e2echat.client.dialogue import why_refused
from e2echat.client.engine import MAILBOX, Engine
from e2echat.client.events import Contact, Event, Message, MessageState, Safety
from e2echat.client.first_steps import checked_clock
from e2echat.client.holding import Holding
from e2echat.client.keeper import KeeperMethods
from e2echat.client.messages import MessageMethods, parsed_id
from e2echat.client.pairing.methods import PairingMethods
from e2echat.client.runtime import Runtime, unix_milliseconds
from e2echat.client.safekeeping import SafekeepingMethods
from e2echat.client.settings import Settings
from e2echat.client.socks import chosen_proxy
from e2echat.client.standing import StandingMethods
from e2echat.client.status import Moved
from e2echat.client.texts import require_text
from e2echat.client.whereabouts import Whereabouts
from e2echat.crypto.keys import Identity, fingerprint_groups, safety_number
from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import (
    E2EChatError,
    KeyChangedError,
    LocalError,
    LockedError,
    RefusedError,
    RelayUnreachableError,
    WrongRelayError,
)
from e2echat.store.profile import Profile
from e2echat.store.rows import ContactRow
from e2echat.store.vault import VaultContents
from e2echat.wire.address import JoinAddress, RelayAddress
from e2echat.wire.names import canonical_name

ORDER = [MessageState.QUEUED, MessageState.STORED, MessageState.DELIVERED, MessageState.READ]
FLUSH = 2.0
"""Seconds that ``close`` gives receipts and acknowledgements to reach the relay."""


class Consumer:
    """The account for one process: the same for all, with events of its own."""

    def __init__(self, account: "LocalAccount") -> None:
        self._account = account
        self._events = account.runtime.subscribe()

    def call(self, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ``Backend``
        """See ``Backend``."""
        with self._account.idle.use(name), self._account.runtime.calling_for(self._events):
            return getattr(self if name == "next_event" else self._account, name)(**arguments)

    def next_event(self, timeout: float | None) -> Event | None:
        """See ``Account.next_event``."""
        return self._account.runtime.next_event(self._events, timeout)

    def close(self) -> None:
        """Nobody takes the events any more."""
        self._account.runtime.unsubscribe(self._events)


class LocalAccount(MessageMethods, PairingMethods, SafekeepingMethods, StandingMethods, KeeperMethods):
    """An open profile. Its public methods are those of ``Account``, whose docstrings say what they do."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._own = holding.own
        engine = Engine(holding.records, holding.own, SystemRandomness())
        self.runtime = Runtime(engine, holding.records)
        book = AddressBook(self.runtime, holding.records, holding.own)
        super().__init__(self.runtime, engine, holding.records, book)
        self._codes = {}
        self._whereabouts = Whereabouts(self.runtime, holding.records, holding.own)
        self.face = Consumer(self)
        """For this process."""
        if engine.renewal.due:
            self.runtime.step(engine.renewal.forget)
        self.runtime.open()
        self._begin_to_keep()

    # --- opening and closing -------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls, home: Path, name: str, relay: str, passphrase: str | None, proxy: str | None, timeout: float
    ) -> Self:
        """See ``Account.create``."""
        name, join = canonical_name(name), JoinAddress.parse(relay)
        now, way = checked_clock(unix_milliseconds()), chosen_proxy(proxy)
        holding = Holding.create(home, name, join, passphrase, now, SystemRandomness(), way)
        account = cls(holding)
        try:
            account.connect()
            account._await_sign_in(timeout)
        except BaseException as error:
            account.runtime.close(0)
            if account._claim_may_stand(error):
                holding.release()
            else:
                holding.undo()
            raise
        return account

    @property
    def profile(self) -> Profile:
        """Where it is."""
        return self._holding.profile

    @property
    def vault(self) -> VaultContents:
        """What opens the profile again."""
        return self._holding.vault

    def consumer(self, *, connect: bool) -> Consumer:
        """See ``agent.Host``."""
        if connect:
            self.connect()
        return Consumer(self)

    def bequest(self) -> str:
        """See ``agent.Host``."""
        # Whoever comes after the new mark was made would take it for his own, and outlive the lock.
        if self.locking or self.deleted:
            raise LockedError(str(LockedError.__doc__))
        return self.vault.secrets.hex()

    def connect(self) -> None:
        """Connect, and stay connected. Again does nothing."""
        self._runtime.start()

    def close(self, *, flush: bool) -> None:
        """Let go of the profile; with ``flush``, once acknowledgements and receipts have reached the relay, in bounded time."""
        self.idle.close()
        try:
            if flush and not self.deleted:
                self._flush()
        finally:
            self._runtime.close(FLUSH if flush else 0)
            with self._at_vault:
                self._let_go = True
                if self.deleted:
                    self._holding.delete()
                else:
                    self._holding.release()

    def _flush(self) -> None:
        sending = str(self._own.address)
        if self._runtime.started and not self._down(sending):
            self._runtime.step(self._engine.arrivals.hurry)
            # A connection that is still being made is waited for, too.
            self._runtime.wait(
                lambda: True if self._down(sending) or not self._engine.unsent else None, FLUSH
            )

    # --- who we are ------------------------------------------------------------------------------------------------

    def move(self, relay: str, *, timeout: float = 30) -> Moved:
        """See ``Account.move``."""
        return self._whereabouts.move(RelayAddress.parse(relay), timeout)

    def go_through(self, proxy: str) -> None:
        """See ``Account.go_through``."""
        self._whereabouts.go_through(chosen_proxy(proxy))

    # --- messages --------------------------------------------------------------------------------------------------

    def send(
        self,
        peer: str,
        text: str,
        *,
        reply_to: str | None = None,
        message_id: str | None = None,
        timeout: float = 30,
    ) -> str:
        """See ``Account.send``."""
        require_text(text)
        reply, chosen = (parsed_id(each) if each else None for each in (reply_to, message_id))
        contact = self._book.known_or_met(peer, timeout)
        added = self._runtime.step(lambda: self._add_once(contact, text, reply, chosen)).hex()
        self._runtime.hurry()
        if contact.key_changed:
            raise KeyChangedError(f"the key of {peer} has changed; the message is held", added)
        return added

    def wait(self, message_id: str, state: MessageState, timeout: float) -> MessageState:
        """See ``Account.wait``."""
        wanted, wanted_id = ORDER.index(state), parsed_id(message_id)

        def reached() -> MessageState | None:
            row = self._records.outgoing_message(wanted_id)
            if row is None:
                raise LocalError("there is no message of ours with that id")
            found = MessageState(row.state)
            if ORDER.index(found) >= wanted:
                return found
            if found is MessageState.QUEUED and row.payload is None:
                raise LocalError("the message was deleted before it left")
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
            row = self._runtime.look(lambda: self._records.outgoing_message(wanted_id))
            found = MessageState.QUEUED if row is None else MessageState(row.state)
        return found

    def catch_up(self, timeout: float) -> bool:
        """See ``Account.catch_up``."""

        def done() -> bool | None:
            self._require_right_relay(MAILBOX)
            if self._runtime.all_in:
                return True
            return False if self._down(MAILBOX) else None

        return bool(self._runtime.wait(done, timeout))

    def unshown(self) -> list[Message]:
        """See ``Account.unshown``."""
        return self._runtime.look(lambda: self._views.messages(self._records.unshown()))

    def mark_shown(self, number: int) -> None:
        """See ``Account.mark_shown``."""
        self._runtime.step(lambda: self._engine.arrivals.mark_shown(number))

    def change_settings(self, settings: Settings) -> None:
        """See ``Changes.change_settings``."""
        self._require_lockable(settings.lock_after)
        super().change_settings(settings)
        self._keep_time()

    # --- people ----------------------------------------------------------------------------------------------------

    def contacts(self) -> list[Contact]:
        """See ``Account.contacts``."""
        return self._runtime.look(self._views.contacts)

    def safety(self, peer: str, *, timeout: float = 30) -> Safety:
        """See ``Account.safety``."""
        name, contact = self._book.named(peer), self._book.known(peer)
        if contact is None:
            identity = Identity.parse(self._book.look_up(name, timeout, prekeys=False).identity)
            verified = False
        else:
            identity = Identity.parse(contact.changed_identity or contact.identity)
            verified = contact.verified and not contact.key_changed
        number = safety_number(self._own.identity, identity)
        return Safety(name.shown(self._own), fingerprint_groups(identity.fingerprint), number, verified)

    def verify(self, peer: str, number: str, *, timeout: float = 30) -> None:
        """See ``Account.verify``."""
        safety = self.safety(peer, timeout=timeout)
        fingerprints = {
            "your own": self.status().fingerprint,
            f"{safety.name}'s": safety.fingerprint,
        }
        digits = typed_number(number, fingerprints)
        if self._book.known(peer) is None and safety.number != digits:
            raise KeyChangedError(difference(digits, safety.number, safety.name, self._other_numbers()))
        contact = self._book.known_or_met(peer, timeout)
        if contact.changed_identity not in (None, contact.identity) and digits == safety_number(
            self._own.identity, Identity.parse(contact.identity)
        ):
            # It counts if the relay has come back to the key that it was compared under.
            now = self._book.look_up(self._book.named(peer), timeout, prekeys=False)
            if now.identity != contact.identity:
                raise KeyChangedError(former(safety.name))
        if not self._runtime.step(lambda: self._engine.trust.verify_if(contact.id, digits)):
            raise KeyChangedError(difference(digits, safety.number, safety.name, self._other_numbers()))

    def accept(self, peer: str) -> None:
        """See ``Account.accept``."""
        contact = self._book.require(peer)
        self._runtime.step(lambda: self._engine.trust.accept(self._records.contact(contact.id)))

    def block(self, peer: str) -> None:
        """See ``Account.block``."""
        contact = self._book.require(peer)
        self._runtime.step(lambda: self._engine.trust.block(self._records.contact(contact.id)))

    def require_connection(self) -> None:
        """See ``Account.require_connection``."""
        if not self._runtime.look(lambda: self._engine.signed_in):
            raise self._down(MAILBOX) or RelayUnreachableError("the relay does not answer")

    # --- inside ----------------------------------------------------------------------------------------------------

    def _other_numbers(self) -> dict[str, str]:
        """The safety numbers of ourselves and each contact."""
        rows = self._runtime.look(self._records.contacts.select)
        own = self._own.identity
        name = self._engine.context.peer_name
        return {name(row): safety_number(own, Identity.parse(row.identity)) for row in rows}

    def _add_once(
        self, contact: ContactRow, text: str, reply: bytes | None, message_id: bytes | None
    ) -> bytes:
        """Inside a step. A caller that lost the answer asks again under the same id."""
        known = self._records.outgoing_message(message_id) if message_id else None
        if known is None:
            return self._engine.add_text(contact, text, reply, message_id)
        if (known.contact, known.text) != (contact.id, text):
            raise LocalError("another message of ours has that id")
        return known.message_id

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
            raise RelayUnreachableError("the relay did not answer in time", "silent")

    def _claim_may_stand(self, error: BaseException) -> bool:
        """Whether the relay may have given us the name although we did not hear of it."""
        return self._engine.claim_left and not isinstance(error, RefusedError)
