"""Pairing by short code: both sides' runs of it, each on a connection of its own. Pure. docs/spec/pairing.md.

A run answers one attempt and no other, whatever the relay delivers; a code that met a wrong guess is burnt.
"""

from e2echat.client.context import Context
from e2echat.client.dialogue import Met, why_refused
from e2echat.client.effects import Effect, Part, Send, Up, Want
from e2echat.client.events import Paired, PairingFailed
from e2echat.client.pairing.dialogue import PairingDialogue
from e2echat.client.pairing.run import (
    ANOTHER,
    EXPIRED,
    NOT_TAKEN,
    OWN,
    REFUSED,
    UNANSWERED,
    UNKNOWN,
    WRONG,
    Run,
)
from e2echat.client.trust import Trust
from e2echat.crypto.codes import LEAST_DIGITS, MOST_DIGITS, Code
from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.pairing import Card, Heard, Inviter, Joiner, invitation_proof
from e2echat.crypto.session import ReplyRoute
from e2echat.errors import (
    CryptoError,
    E2EChatError,
    InvalidAddressError,
    KeyChangedError,
    PairingError,
    RemoteError,
)
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import Invitation
from e2echat.wire.relay_messages import Bundle, Refusal

LIFE = 600_000
"""Milliseconds for which a code is good."""
POLL = 1_000
"""Milliseconds between two questions to the relay."""
NAMING = 5_000
"""Milliseconds for which a pairing waits for a relay to say whose the name is that the other side gave itself."""
MOST_RUNS = 4
PATIENCE = 3
"""Answers in a row that nobody invites there, after which a joiner gives up: a relay may have restarted, and the inviter not be back."""
LINK = "pairing "
"""What the names of these links begin with; no relay's address does."""


class Pairings:
    """All runs under way, by the name of their link. In memory only: whoever stops, stops pairing."""

    def __init__(self, context: Context, trust: Trust) -> None:
        self._context = context
        self._trust = trust
        self._runs: dict[str, Run] = {}
        self._count = 0
        self._up: list[Effect] = []

    def __contains__(self, link: str) -> bool:
        return link in self._runs

    # --- what a person does ------------------------------------------------------------------------------------

    def invite(self, invitation: str | None = None) -> Run:
        """Make a code at our own relay, to go with the invitation of that id.

        Raises:
            PairingError: too many are under way.
        """
        run = self._begin(self._context.own.address, Code.generate(self._context.randomness), inviter=True)
        run.invitation = invitation
        self._offer(run)
        return run

    def join(self, code: Code, address: RelayAddress) -> Run:
        """Use somebody's code, at the relay where it was made.

        Raises:
            PairingError: too many are under way; or it is ours.
        """
        for run in self._runs.values():
            if run.inviter and run.code == code and run.address.key == address.key:
                raise PairingError(OWN)
        return self._begin(address, code, inviter=False)

    def join_by_link(self, link: Invitation, bundle: Bundle) -> Paired:
        """Use somebody's link, with what the relay says of its name.

        Raises:
            KeyChangedError: the relay names another key than the link.
            HandshakeError, MalformedError, CryptoError: the bundle is not usable.
        """
        context, own = self._context, self._context.own.identity
        identity = Identity.parse(bundle.identity)
        device = Device.parse(bundle.device, identity)
        if identity.fingerprint != link.fingerprint or identity.name != link.name:
            raise KeyChangedError(f"the relay names another key for {link.name} than the invitation does")
        route = ReplyRoute(str(link.relay), bundle.mailbox, link.capability)
        row = self._trust.introduce(identity, device, route, "link")
        self._trust.outbox.sessions.introduced(row, bundle)
        me = self._context.own.device.device
        self._trust.outbox.add_joined(row, invitation_proof(link.secret, own, me, identity))
        paired = Paired(context.peer_name(row), "link", verified=True)
        context.tell(paired)
        return paired

    def withdraw(self, run: Run) -> None:
        """The code is not to be good any more; whoever was met by it already stays met, and is told of."""
        if run.met is not None:
            run.ends = min(run.ends, self._context.now)
        elif not run.ended:
            run.error, run.leaving, run.ask_at = PairingError("withdrawn"), True, 0

    def _begin(self, address: RelayAddress, code: Code, *, inviter: bool) -> Run:
        if len(self._runs) >= MOST_RUNS:
            raise PairingError("too many pairings are under way; wait until one has ended")
        self._count += 1
        context = self._context
        link, ends = f"{LINK}{self._count}", context.now + LIFE
        run = Run(link, address, code, inviter, context.randomness.octets(16), ends)
        self._runs[link] = run
        return run

    def _offer(self, run: Run) -> None:
        run.side = Inviter.begin(run.address.key, run.code, self._context.randomness)
        run.offer, run.said = run.side.offer, [run.side.offer]

    # --- what a link brings --------------------------------------------------------------------------------------

    def link_up(self, link: str, certificate_hash: bytes) -> None:
        """A connection stands; the relay will greet."""
        run = self._runs[link]
        run.dialogue, run.greeted = PairingDialogue(run.address, certificate_hash), False
        run.ask_at = run.named_by

    def link_down(self, link: str) -> None:
        """A connection was lost; the link makes another."""
        self._runs[link].dialogue = None

    def link_frames(self, link: str, frames: list[tuple[int, bytes]]) -> None:
        """What the relay said. One that breaks the protocol, or is another, ends the run."""
        run = self._runs[link]
        try:
            for tag, body in frames:
                happenings = [] if run.dialogue is None else run.dialogue.frame(tag, body)
                if run.dialogue is not None and run.dialogue.ready and not run.greeted:
                    run.greeted = True
                    self._up.append(Up(link))
                for happening in happenings:
                    if isinstance(happening, Met) and not run.over:
                        self._met(run, happening.answer)
        except RemoteError as error:
            self._fail(run, error)
            run.over = True

    def _met(self, run: Run, answer: list[bytes] | Refusal) -> None:
        run.heard = True
        if run.leaving:
            # The answer may be to what was asked before.
            run.over = run.leave_said
            return
        run.ask_at = self._context.now + POLL
        if isinstance(answer, Refusal):
            self._refused(run, answer)
        elif run.inviter:
            self._heard_joiner(run, answer)
        else:
            self._heard_inviter(run, answer)

    def _refused(self, run: Run, reason: Refusal) -> None:
        run.tries += 1
        if run.met is not None:
            return
        if run.inviter and reason is Refusal.NAME_TAKEN and not run.shown:
            # Nobody was told this code. The more places are taken, the longer the numbers.
            digits = min(LEAST_DIGITS + run.tries // 3, MOST_DIGITS)
            run.code, run.ask_at = Code.generate(self._context.randomness, digits), 0
            self._offer(run)
        elif reason is Refusal.NO_SUCH_NAME and run.tries >= PATIENCE:
            self._end(run, PairingError(UNKNOWN if run.side is None else REFUSED))
        elif reason is not Refusal.NO_SUCH_NAME:
            self._end(run, PairingError(why_refused(reason)))

    def _heard_joiner(self, run: Run, heard: list[bytes]) -> None:
        run.shown = True
        if len(run.said) > 1:
            # The relay has our answer; whoever joined will find it.
            if run.refused is not None:
                self._fail(run, run.refused)
                run.over = True
            else:
                self._have_named(run)
        elif heard and isinstance(run.side, Inviter):
            try:
                run.joiner = run.joiner or run.side.hear(heard[0])
                if self._disputed(run, run.joiner.joiner):
                    return  # and look again
                answer = self._answer(run, run.joiner)
            except PairingError as error:
                self._end(run, error)
                return
            except (RemoteError, InvalidAddressError):
                self._end(run, PairingError(WRONG))
                return
            run.said, run.ask_at = [run.offer, answer], 0

    def _answer(self, run: Run, met: Heard) -> bytes:
        """Take in whoever joined, or tell him that we do not."""
        own, randomness = self._card(), self._context.randomness
        try:
            run.met = self._introduce(met.joiner)
        except KeyChangedError as error:
            run.refused = PairingError(str(error))
            return met.refusal(randomness)
        return met.answer(own, randomness)

    def _heard_inviter(self, run: Run, heard: list[bytes]) -> None:
        run.tries = 0
        context = self._context
        try:
            if run.side is None:
                run.offer = heard[0] if heard else b""
                card = self._card()
                run.side = Joiner.begin(run.address.key, run.code, run.offer, card, context.randomness)
                run.said, run.ask_at = [run.side.join], 0
            elif heard[:1] != [run.offer]:
                self._end(run, PairingError(REFUSED))
            elif len(heard) > 1 and isinstance(run.side, Joiner):
                inviter = run.side.finish(heard[1])
                if inviter is None:
                    self._end(run, PairingError(NOT_TAKEN))
                    return
                if RelayAddress.parse(inviter.route.address).key != run.address.key:
                    raise CryptoError("an inviter of another relay")
                if self._disputed(run, inviter):
                    return
                run.met = self._introduce(inviter)
                self._have_named(run)
        except KeyChangedError as error:
            self._end(run, PairingError(str(error)))
        except PairingError as error:
            self._end(run, error)
        except (RemoteError, InvalidAddressError):
            self._end(run, PairingError(REFUSED))

    def disputed(self) -> list[ContactRow]:
        """Strangers whose name somebody else has whom we are pairing with."""
        claimants = [run.claimant for run in self._runs.values() if not run.ended]
        return [self._context.records.contact(one) for one in claimants if one is not None]

    def _disputed(self, run: Run, card: Card) -> bool:
        """Whether it is still open which of two has the name; not for long."""
        row = self._trust.claimant(card.identity, card.route)
        run.claimant = None if row is None else row.id
        run.settled_by = run.settled_by or self._context.now + NAMING
        return row is not None and self._context.now < run.settled_by

    def _introduce(self, card: Card) -> int:
        if card.identity.key == self._context.own.identity.key:
            raise CryptoError(OWN)
        return self._trust.introduce(card.identity, card.device, card.route, "code").id

    def _have_named(self, run: Run) -> None:
        """Between the two all is said; what a relay says of the name is waited for."""
        run.named_by = run.ask_at = self._context.now + NAMING

    def _conclude(self, run: Run, contact: int) -> None:
        """End a run whose name is certain, or has to wait for a relay that is away."""
        row = self._context.records.contact(contact)
        if not (row.vouched or row.key_changed or self._context.now >= run.named_by):
            return
        name = self._context.peer_name(row)
        if row.key_changed:
            self._fail(run, KeyChangedError(ANOTHER.format(name)))
        else:
            run.paired = Paired(name, "code", verified=row.verified, invitation=run.invitation)
            self._context.tell(run.paired)
        # A joiner may still have to find our answer.
        run.over, run.leaving, run.ask_at = run.inviter, not run.inviter, 0

    def _card(self) -> Card:
        own = self._context.own
        route = own.route(self._context.records)
        if route is None:
            raise PairingError("the relay has not let us in yet")
        return Card(own.identity, own.device.device, route)

    # --- what time brings ----------------------------------------------------------------------------------------

    def move(self) -> list[Effect]:
        """End what has lasted too long, ask what is to be asked, want and part with links."""
        effects, self._up = self._up, []
        now = self._context.now
        for run in list(self._runs.values()):
            if now >= run.ends and not run.ended and run.met is None:
                self._end(run, PairingError(EXPIRED if run.inviter else UNANSWERED), expired=True)
            if run.met is not None and not run.ended and (run.named_by or now >= run.ends):
                self._conclude(run, run.met)
            if run.leaving and run.dialogue is None:
                run.over = True
            if run.over:
                del self._runs[run.link]
                effects.append(Part(run.link))
                continue
            if run.dialogue is None:
                effects.append(Want(str(run.address), run.link))
                continue
            if run.dialogue.may_ask and now >= run.ask_at:
                run.leave_said = run.leaving
                run.dialogue.meet(
                    run.code.nameplate, run.key, run.said, inviter=run.inviter, leave=run.leaving
                )
            if data := run.dialogue.take_outgoing():
                effects.append(Send(run.link, data))
        return effects

    def next_due(self) -> int | None:
        """When ``move`` should come next, unix milliseconds."""
        times = [
            run.ask_at if run.dialogue is not None and run.dialogue.may_ask else run.ends
            for run in self._runs.values()
        ]
        return min(times) if times else None

    def abandon(self) -> None:
        """A step failed, and the runs may be ahead of the records: none goes on."""
        for run in self._runs.values():
            run.dialogue = None
            if not run.ended:
                run.error, run.leaving = PairingError("the disk failed; pair again"), True

    def _end(self, run: Run, error: E2EChatError, *, expired: bool = False) -> None:
        self._fail(run, error, expired=expired)
        run.leaving, run.ask_at = True, 0

    def _fail(self, run: Run, error: E2EChatError, *, expired: bool = False) -> None:
        if run.error is None and not run.ended:
            run.error = error
            if run.inviter:
                self._context.tell(PairingFailed(str(run.code), str(error), expired))
