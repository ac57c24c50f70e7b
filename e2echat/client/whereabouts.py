"""Where relays are, and through what we reach them: both may change while everything else stays."""

import threading
from dataclasses import dataclass

from e2echat.client.link import Link
from e2echat.client.own import Own
from e2echat.client.runtime import Runtime
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.client.socks import Proxy
from e2echat.client.status import Moved
from e2echat.errors import E2EChatError, RelayUnreachableError, StorageError, WrongRelayError
from e2echat.store.records import Records
from e2echat.wire.address import RelayAddress


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Changes them."""

    runtime: Runtime
    records: Records
    own: Own

    def move(self, address: RelayAddress, timeout: float) -> Moved:
        """A relay that we know by its key is now at ``address``: ours, or that of contacts.

        Raises:
            WrongRelayError: it has another key than every relay that we know, or proves another one there.
            RelayUnreachableError: it does not answer there; nothing has changed.
        """
        ours = address.key == self.own.address.key
        if not ours and not self.runtime.look(
            lambda: self.records.contacts.count("WHERE relay_key = ?", address.key)
        ):
            raise WrongRelayError("that address has another PIN: it is not your relay, nor that of a contact")
        if address != self.own.address:
            _Proof(address).wait(self.own.proxy, timeout)
        if ours:
            contacts = self.runtime.look(lambda: self._moved(address))
            self.runtime.relink()
        else:
            contacts = self.runtime.step(lambda: self._followed(address))
        return Moved(str(address), ours, contacts)

    def _moved(self, address: RelayAddress) -> int:
        former = self.own.address

        def move() -> int:
            self.own.move(self.records, address)
            return self.runtime.engine.outbox.tell_routes_anew()

        try:
            return self.runtime.step(move)
        except StorageError:
            self.own.address = former
            raise

    def _followed(self, address: RelayAddress) -> int:
        contacts = self.records.contacts
        contacts.update("address = ? WHERE relay_key = ?", str(address), address.key)
        return contacts.count("WHERE relay_key = ?", address.key)

    def go_through(self, proxy: Proxy | None) -> None:
        """From now on nothing connects but through ``proxy``, or everything directly."""
        self.runtime.step(lambda: self.own.keep_proxy(self.records, proxy))
        self.own.proxy = proxy
        self.runtime.relink()


class _Proof:
    """Hears on a link of its own whether the relay at an address has the key that the address names."""

    def __init__(self, address: RelayAddress) -> None:
        self._address = address
        self._dialogue: SendingDialogue | None = None
        self._failure: E2EChatError | None = None
        self._settled = threading.Event()

    def wait(self, proxy: Proxy | None, timeout: float) -> None:
        """Return once it is proved.

        Raises:
            WrongRelayError, RelayUnreachableError: it is not.
        """
        link = Link(self._address, self, proxy=proxy)
        link.start()
        settled = self._settled.wait(timeout)
        link.close()
        if self._failure is not None:
            raise self._failure
        if not settled:
            raise RelayUnreachableError("the relay did not answer in time")

    def link_up(self, link: Link, certificate_hash: bytes) -> None:  # noqa: ARG002 - the listener's signature
        """See ``LinkListener``."""
        self._dialogue = SendingDialogue(self._address, certificate_hash)

    def link_frames(self, link: Link, frames: list[tuple[int, bytes]]) -> None:  # noqa: ARG002 - see above
        """See ``LinkListener``; what the dialogue raises comes back as ``link_down``."""
        if self._dialogue is not None:
            for tag, body in frames:
                self._dialogue.frame(tag, body)
            if self._dialogue.ready:
                self._settled.set()

    def link_down(self, link: Link, error: E2EChatError) -> None:  # noqa: ARG002 - see above
        """See ``LinkListener``."""
        if not self._settled.is_set():
            self._failure = error
            self._settled.set()
