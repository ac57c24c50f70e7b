"""From a name that a person typed to a contact: known, or looked up at a relay."""

from dataclasses import dataclass

from e2echat.client.dialogue import why_refused
from e2echat.client.own import Own
from e2echat.client.runtime import Runtime
from e2echat.crypto.keys import Identity
from e2echat.errors import LocalError, NoSuchPeerError, RefusedError, RelayUnreachableError, WrongRelayError
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress
from e2echat.wire.names import canonical_name
from e2echat.wire.relay_messages import Bundle, Refusal


@dataclass(frozen=True, slots=True)
class PeerName:
    """A name at a relay."""

    name: str
    address: RelayAddress

    def shown(self, own: Own) -> str:
        """As one types it."""
        return self.name if self.address.key == own.address.key else f"{self.name}@{self.address}"


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Finds contacts; asks relays for those who are none yet."""

    runtime: Runtime
    records: Records
    own: Own

    def named(self, peer: str) -> PeerName:
        """The peer that a person's ``peer`` names: ``bob`` on one's own relay, ``bob@ADDRESS`` elsewhere.

        Raises:
            InvalidNameError, InvalidAddressError: it names none.
            LocalError: it names ourselves.
        """
        name, at, address = peer.strip().partition("@")
        where = RelayAddress.parse(address) if at else self.own.address
        if where.key == self.own.address.key:
            where = self.own.address
        named = PeerName(canonical_name(name), where)
        if (named.name, where) == (self.own.name, self.own.address):
            raise LocalError("that is your own name")
        return named

    def known(self, peer: str) -> ContactRow | None:
        """The contact of that name, if there is one."""
        name = self.named(peer)
        return self.runtime.look(lambda: self.records.find_contact(name.address.key, name.name))

    def require(self, peer: str) -> ContactRow:
        """The contact of that name.

        Raises:
            NoSuchPeerError: there is none.
        """
        contact = self.known(peer)
        if contact is None:
            raise NoSuchPeerError(f"there is no contact {peer}")
        return contact

    def known_or_met(self, peer: str, timeout: float) -> ContactRow:
        """The contact of that name; made one of if the relay knows the name.

        Raises:
            NoSuchPeerError, RelayUnreachableError, WrongRelayError, HandshakeError: as for ``look_up``, or keys
            that are not usable.
        """
        contact = self.known(peer)
        if contact is not None:
            return contact
        name = self.named(peer)
        bundle = self.look_up(name, timeout, prekeys=True)
        return self.runtime.step(lambda: self.runtime.engine.introductions.meet(str(name.address), bundle))

    def look_up(self, name: PeerName, timeout: float, *, prekeys: bool) -> Bundle:
        """Ask the relay for somebody, within ``timeout`` seconds beside those of the work that it may ask for.

        Raises:
            NoSuchPeerError: it knows nobody of that name.
            RelayUnreachableError: it does not answer.
            WrongRelayError: another relay answers, or answers for somebody else.
        """
        engine, link = self.runtime.engine, str(name.address)

        def answered() -> Bundle | Refusal | None:
            answer = engine.inquiries.answers.get((link, name.name))
            error = self.runtime.failures.get(link)
            if answer is None and error is not None:
                raise error
            return answer

        self.runtime.step(lambda: engine.inquiries.want(link, name.name, prekeys=prekeys))
        answer: Bundle | Refusal | None = self.runtime.wait(
            answered, timeout, working=lambda: engine.working(link)
        )
        if answer is None:
            raise RelayUnreachableError("the relay did not answer in time")
        if isinstance(answer, Refusal):
            if answer is Refusal.NO_SUCH_NAME:
                raise NoSuchPeerError(f"the relay knows nobody called {name.name}")
            raise RefusedError(why_refused(answer), answer.name.lower())
        if Identity.parse(answer.identity).name != name.name:
            raise WrongRelayError("the relay answered with somebody else's keys")
        return answer
