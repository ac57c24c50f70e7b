"""The public Python API: one account, open. Synchronous and safe to use from several threads and processes.

with Account.open(home, ask_passphrase) as account:
message_id = account.send("bob", "hello")
account.wait(message_id, MessageState.DELIVERED, timeout=30)
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from e2echat.client.bequest import Bequest
from e2echat.client.changes import Changes
from e2echat.client.custody import Custody
from e2echat.client.events import Contact, Event, Message, MessageState, Safety
from e2echat.client.inspection import Inspection
from e2echat.client.methods import served
from e2echat.client.pairing.facade import Pairing
from e2echat.client.sharing import Sharing
from e2echat.client.status import Moved
from e2echat.store.profile import Profile

if TYPE_CHECKING:
    # At run time it brings all of the cryptography with it, which who calls another process does not wait for.
    from e2echat.client.local import Consumer


class Account(Changes, Pairing, Custody, Inspection):
    """An open profile, which any number of processes may have open.

    The first one owns it and serves the others. When it ends, or is killed, another one takes over, and calls that were
    under way go on there. What ``served`` marks is also the interface for programs in other languages: docs/bots.md.

    Besides what they say, all methods may raise StorageError, LockedError once the profile was locked, OwnerSilentError if another process owns the profile and
    hangs, and LocalError once the account was closed.
    """

    def __init__(self, sharing: Sharing) -> None:
        super().__init__(sharing)
        self._sharing = sharing
        self._events = cast("Consumer", self._calls)

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
        stays: bool = False,
    ) -> Self:
        """Make an account and claim its name. The account is open and connected.

        ``relay`` is an address, with a token if the relay asks for one. ``proxy``: what it is always reached through.
        ``stays``: see ``open``.

        Raises:
            InvalidNameError, InvalidAddressError, InvalidPassphraseError, InvalidProxyError: as their docstrings say.
            ProfileExistsError: there is an account in ``home``.
            RefusedError: the relay does not give out the name; no profile is left behind.
            RelayUnreachableError, WrongRelayError: nor when the relay was never reached.
            WrongClockError: nor when this machine's clock is years behind.
        """
        from e2echat.client.local import LocalAccount  # noqa: PLC0415 - see above

        local = LocalAccount.create(home, name, relay, passphrase, proxy, timeout)
        return cls(Sharing.owned(local, local.profile, stays=stays))

    @classmethod
    def restore(
        cls,
        home: Path,
        file: Path,
        backup_passphrase: Callable[[], str],
        passphrase: Callable[[], str | None],
    ) -> Self:
        """Make the profile ``home`` of a backup; its account is open, and connects.

        Raises:
            StorageError: the backup is damaged or none, or the disk failed; no profile is left behind.
            WrongPassphraseError, InvalidPassphraseError, ProfileExistsError, UnsafeProfileError: nor then.
        """
        from e2echat.client.local import LocalAccount  # noqa: PLC0415 - see above
        from e2echat.client.safekeeping import restore  # noqa: PLC0415 - see above

        local = LocalAccount(restore(home, file, backup_passphrase, passphrase))
        local.connect()
        return cls(Sharing.owned(local, local.profile, stays=True))

    @classmethod
    def open(
        cls,
        home: Path,
        passphrase: Callable[[], str],
        *,
        connect: bool = True,
        stays: bool = False,
        proxy: str | None = None,
        bequest: Bequest | None = None,
        upgrading: Callable[[], object] = lambda: None,
    ) -> Self:
        """Open the account in ``home``.

        Args:
            home: the profile's directory.
            passphrase: called only if the profile has one, and no other process has it open.
            connect: whether to connect to the relay, if no other process has.
            stays: whether to be the next owner as soon as there is none. Such a process is given what opens the profile
                by the one that owns it, and needs no passphrase then.
            proxy: what to go through this time, instead of what the account was told.
            bequest: what ``guarded`` gave; then there is no need for a passphrase, unless it was locked since.
            upgrading: called before the history of an earlier version is brought up to date: seconds for a hundred thousand messages.

        Raises:
            LockedError: it was locked by somebody while it was being opened, or since there was the ``bequest``.
            NoProfileError, WrongPassphraseError, StorageError, UnsafeProfileError, InvalidProxyError: as their docstrings say.
            ProfileBusyError: another process holds the profile, and does not let others use it.
            LocalError: another process has the profile open, and does not go through ``proxy``.
        """
        sharing = Sharing(
            Profile.open(home),
            passphrase,
            connect=connect,
            stays=stays,
            proxy=proxy,
            bequest=bequest,
            upgrading=upgrading,
        )
        sharing.settle()
        return cls(sharing)

    @staticmethod
    def lock_profile(home: Path) -> bool:
        """``lock`` for who has it not open; whether anybody had. Needs no passphrase.

        Raises:
            NoProfileError, LocalError, ProfileBusyError, StorageError, UnsafeProfileError: as for ``lock`` and ``open``.
        """
        from e2echat.client.locking import lock  # noqa: PLC0415 - see above

        return lock(Profile.open(home))

    @staticmethod
    @contextmanager
    def guarded(home: Path, opened: Callable[[Bequest], None]) -> Iterator[None]:
        """Hold a locked profile that nobody has open, and call ``opened`` once another process was given its passphrase.

        ``opened`` is given what ``open`` takes as ``bequest``, on another thread. Only then is the block to be left.

        Raises:
            ProfileBusyError: somebody has it open.
            NoProfileError, LocalError, StorageError, UnsafeProfileError: as for ``lock_profile``.
        """
        from e2echat.client.doorman import Doorman  # noqa: PLC0415 - see above

        doorman = Doorman(Profile.open(home), opened)
        try:
            yield
        finally:
            doorman.close()

    def close(self) -> None:
        """Let go of the profile, and let acknowledgements and receipts reach the relay for a bounded time before."""
        self._sharing.close()

    def let_go(self) -> None:
        """Leave the profile to other processes before this one is suspended; calls wait until ``take_up``."""
        self._sharing.let_go()

    def take_up(self) -> None:
        """Go on after ``let_go``."""
        self._sharing.take_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- who we are ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Our name at our relay."""
        return self.status().name

    @property
    def address(self) -> str:
        """Our relay's address."""
        return self.status().address

    @property
    def fingerprint(self) -> str:
        """Our fingerprint: 16 groups of four hexadecimal digits."""
        return self.status().fingerprint

    @served
    def require_connection(self) -> None:
        """Return if we are signed in at our relay.

        Raises:
            RelayUnreachableError, WrongRelayError, RefusedError: why we are not.
        """
        self._calls.require_connection()

    @served
    def catch_up(self, timeout: float) -> bool:
        """Whether everything that waited at the relay is ours now; False at the first failure or ``timeout``.

        Raises:
            WrongRelayError: it is not our relay that answers.
        """
        return self._calls.catch_up(timeout=timeout)

    @served
    def move(self, relay: str, *, timeout: float = 30) -> Moved:
        """A relay, ours or contacts' own, is reached at the address ``relay`` now; it must prove the same key there.

        Raises:
            WrongRelayError, RelayUnreachableError, InvalidAddressError: nothing has changed.
        """
        return self._calls.move(relay=relay, timeout=timeout)

    @served
    def go_through(self, proxy: str) -> None:
        """Connect through ``proxy`` from now on; directly, if it is ``none``. InvalidProxyError: it is neither."""
        self._calls.go_through(proxy=proxy)

    @served
    def backup(self, file: str, passphrase: str) -> int:
        """Keep account, contacts, verification, settings and history in one sealed file; its size in bytes.

        Args:
            file: its absolute path, outside of the profile; an earlier backup of that name is replaced, and nothing else is.
            passphrase: what it is to be under.

        Raises:
            InvalidPassphraseError: as its docstring says.
            LocalError: no file can have that name, or it is in the profile's own directory.
        """
        return self._calls.backup(file=file, passphrase=passphrase)

    # --- messages --------------------------------------------------------------------------------------------------

    @served
    def send(
        self,
        peer: str,
        text: str,
        *,
        reply_to: str | None = None,
        message_id: str | None = None,
        timeout: float = 30,
    ) -> str:
        """Put a text into the outbox, as the answer to the message ``reply_to`` if there is one; its message id.

        ``message_id``, 32 hexadecimal digits at random, may be chosen by the caller: with the same one nothing is sent
        twice. ``timeout`` is for a peer whom the relay has to be asked for, without the time of the work that it may ask
        for: ``Working`` tells of that.

        Raises:
            NoSuchPeerError: the relay knows nobody of that name.
            RelayUnreachableError, WrongRelayError: the peer is new and cannot be asked for; nothing is kept.
            KeyChangedError: the text is kept, and held until the peer's new key is accepted.
            InvalidTextError, TextTooLongError, InvalidNameError, InvalidAddressError, PeerBlockedError: as they say.
            LocalError: ``reply_to`` is none of the conversation.
        """
        # Chosen here, so that a call which the next owner repeats does not send it twice.
        chosen = message_id or os.urandom(16).hex()
        return self._calls.send(peer=peer, text=text, reply_to=reply_to, message_id=chosen, timeout=timeout)

    @served
    def wait(self, message_id: str, state: MessageState, timeout: float) -> MessageState:
        """The state that a message of ours has reached: ``state`` or beyond, or less after ``timeout`` seconds.

        Raises:
            WrongRelayError, RefusedError, KeyChangedError: it cannot go on by itself.
        """
        return self._calls.wait(message_id=message_id, state=state, timeout=timeout)

    @served
    def next_event(self, timeout: float | None) -> Event | None:
        """The next thing that happened since this process opened the account; None when nothing did in ``timeout`` seconds."""
        return self._events.next_event(timeout=timeout)

    def events(self) -> Iterator[Event]:
        """What happens from now on, without end."""
        while True:
            event = self.next_event(None)
            if event is not None:
                yield event

    @served
    def unshown(self) -> list[Message]:
        """Messages that no face has shown yet, in the order in which they came."""
        return self._calls.unshown()

    @served
    def mark_shown(self, number: int) -> None:
        """The message of that ``number`` was shown, and its line flushed."""
        self._calls.mark_shown(number=number)

    # --- people ----------------------------------------------------------------------------------------------------

    @served
    def contacts(self) -> list[Contact]:
        """Everybody we know, by name."""
        return self._calls.contacts()

    @served
    def safety(self, peer: str, *, timeout: float = 30) -> Safety:
        """What to compare with ``peer``: of the key last seen, where it has changed.

        Raises:
            NoSuchPeerError, RelayUnreachableError, WrongRelayError: for somebody who is no contact yet.
        """
        return self._calls.safety(peer=peer, timeout=timeout)

    @served
    def verify(self, peer: str, number: str, *, timeout: float = 30) -> None:
        """Mark ``peer`` verified if ``number`` is the safety number of the two; spaces do not matter.

        Raises:
            KeyChangedError: it is another number.
            LocalError: it is no safety number at all.
            NoSuchPeerError, RelayUnreachableError, WrongRelayError: as for ``safety``.
        """
        self._calls.verify(peer=peer, number=number, timeout=timeout)

    @served
    def accept(self, peer: str) -> None:
        """Let a stranger in; or take a contact's changed key; or undo ``block``. NoSuchPeerError if there is none."""
        self._calls.accept(peer=peer)

    @served
    def block(self, peer: str) -> None:
        """Have no more to do with a contact or stranger, from now on. NoSuchPeerError if there is none."""
        self._calls.block(peer=peer)
