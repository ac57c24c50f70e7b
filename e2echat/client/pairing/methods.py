"""Inviting and adding, as the account offers them: waits for what the engine's pairings come to."""

from collections.abc import Callable
from typing import TypeVar

from e2echat.client.address_book import AddressBook, PeerName
from e2echat.client.context import instant
from e2echat.client.events import Invitation, Paired
from e2echat.client.pairing.links import invitation_id
from e2echat.client.pairing.run import UNANSWERED, Run
from e2echat.client.runtime import Runtime
from e2echat.crypto.codes import Code
from e2echat.errors import E2EChatError, PairingError, RelayUnreachableError
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import Invitation as Link
from e2echat.wire.invitation import is_link

Found = TypeVar("Found")


class PairingMethods:
    """How two people find each other: a part of ``Account``. ``_codes``: those that we gave out."""

    _runtime: Runtime
    _book: AddressBook
    _codes: dict[str, Run]

    def invite(self, *, timeout: float = 30) -> Invitation:
        """A link and a code to give to somebody; ``Paired`` tells that one was used, ``PairingFailed`` that the code is over.

        Raises:
            RelayUnreachableError, WrongRelayError, PairingError: there is no code to be had.
        """
        engine = self._runtime.engine
        link, link_ends = self._runtime.step(engine.invitations.make)
        name = invitation_id(link.secret)
        run = self._runtime.step(lambda: engine.pairings.invite(name))
        self._come(run, timeout, lambda: True if run.shown else None)
        self._codes = {code: each for code, each in self._codes.items() if not each.ended}
        self._codes[str(run.code)] = run
        return Invitation(name, link.link(), str(run.code), instant(link_ends), instant(run.ends))

    def withdraw(self, code: str) -> None:
        """The code is not to be good any more."""
        run = self._codes.pop(code, None)
        if run is not None:
            self._runtime.step(lambda: self._runtime.engine.pairings.withdraw(run))

    def add(self, text: str, *, timeout: float = 120) -> Paired:
        """Use somebody's link or code: he is then a contact, and verified.

        Raises:
            InvalidCodeError, InvalidInvitationError, InvalidAddressError: it is neither.
            PairingError, KeyChangedError: wrong, used up, or not answered.
            NoSuchPeerError, RelayUnreachableError, WrongRelayError: as for ``safety``.
        """
        if is_link(text):
            return self._add_by_link(Link.parse(text), timeout)
        code, at, address = text.partition("@")
        where = RelayAddress.parse(address) if at else self._book.own.address
        parsed = Code.parse(code)
        run = self._runtime.step(lambda: self._runtime.engine.pairings.join(parsed, where))
        return self._come(run, timeout, lambda: run.paired)

    def _add_by_link(self, link: Link, timeout: float) -> Paired:
        name = self._book.named(f"{link.name}@{link.relay}")
        bundle = self._book.look_up(PeerName(name.name, link.relay), timeout, prekeys=True)
        return self._runtime.step(lambda: self._runtime.engine.pairings.join_by_link(link, bundle))

    def _come(self, run: Run, timeout: float, come: Callable[[], Found | None]) -> Found:
        """What ``come`` gives once the run has come so far.

        Raises:
            PairingError: it has ended, or does not come in time.
            RelayUnreachableError, WrongRelayError: the relay was never heard.
        """

        def done() -> Found | None:
            found = come()
            if found is None and run.error is not None:
                raise run.error
            down = self._runtime.failures.get(run.link)
            if found is None and down is not None and not run.heard:
                raise down
            return found

        try:
            found: Found | None = self._runtime.wait(done, timeout)
            if found is None and not run.heard:
                raise RelayUnreachableError("the relay did not answer in time")
            if found is None:
                raise PairingError(UNANSWERED)
        except E2EChatError:
            self._runtime.step(lambda: self._runtime.engine.pairings.withdraw(run))
            raise
        return found
