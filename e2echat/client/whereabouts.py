"""Where relays are, and through what we reach them: both may change while everything else stays."""

from dataclasses import dataclass

from e2echat.client.own import Own
from e2echat.client.probing import probe
from e2echat.client.runtime import Runtime
from e2echat.client.socks import Proxy
from e2echat.client.status import Moved, RelayAnswer
from e2echat.errors import StorageError, WrongRelayError
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
            probe(address, self.own.proxy, timeout)
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

    def ask_relay(self, timeout: float) -> RelayAnswer:
        """See ``Inspection.ask_relay``."""
        return probe(self.own.address, self.own.proxy, timeout)

    def go_through(self, proxy: Proxy | None) -> None:
        """From now on nothing connects but through ``proxy``, or everything directly."""
        self.runtime.step(lambda: self.own.keep_proxy(self.records, proxy))
        self.own.proxy = proxy
        self.runtime.relink()
