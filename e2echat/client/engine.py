"""The client's core: a command, frames from a relay, or time goes in; bytes to send and events come out. Pure.

One call is one step. The caller (``account``) runs it inside one transaction of the records, and carries its
effects out only once that is committed: what is sent was stored, what is acknowledged is ours.
"""

from e2echat.client.amendments import Amendments
from e2echat.client.arrivals import HOLD, Arrivals
from e2echat.client.context import Context
from e2echat.client.dialogue import (
    Challenged,
    ChannelRefused,
    Delivered,
    Dialogue,
    Fetched,
    Happening,
    Published,
    Ready,
    Renewed,
    Settled,
    SignedIn,
    SignInRefused,
    Stocked,
)
from e2echat.client.effects import Drop, Effect, Scrub, Send, Solve, Tell, Up, Want
from e2echat.client.events import AllIn, Connected, Disconnected
from e2echat.client.expiry import Expiry
from e2echat.client.housekeeping import Housekeeping
from e2echat.client.inbox import Inbox
from e2echat.client.inquiries import ASK_AGAIN, Inquiries
from e2echat.client.introductions import Introductions
from e2echat.client.mailbox_dialogue import MailboxDialogue, SignIn, sign_in_error
from e2echat.client.outbox import Outbox
from e2echat.client.own import Own
from e2echat.client.pairing.codes import Pairings
from e2echat.client.pairing.links import Invitations
from e2echat.client.peers import Peers
from e2echat.client.prekey_supply import PrekeySupply
from e2echat.client.renewal import Renewal
from e2echat.client.rotation import Rotation
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.client.sessions import Sessions
from e2echat.client.trust import Trust
from e2echat.client.unsent import Unsent
from e2echat.client.writing import Writing
from e2echat.crypto.prekeys import PrekeyKind
from e2echat.crypto.primitives import Randomness
from e2echat.crypto.puzzles import Puzzle
from e2echat.errors import E2EChatError, RemoteError
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow
from e2echat.wire.address import RelayAddress
from e2echat.wire.relay_messages import Refusal

MAILBOX = "mailbox"
"""The link of the owner's connection; every other link is a sending connection, named by the relay's address."""
POLL = 250
"""Milliseconds between two looks at what is due but cannot leave yet."""


class Engine:
    """One account's conversations with everybody."""

    def __init__(self, records: Records, own: Own, randomness: Randomness) -> None:
        self.context = Context(records, own, randomness)
        self.peers = Peers(self.context)
        self.sessions = Sessions(self.context, self.peers)
        self.invitations = Invitations(self.context, self.peers)
        amendments = Amendments(self.context)
        self.arrivals = Arrivals(self.context, self.peers, self.sessions, amendments, self.invitations)
        self.inbox = Inbox(self.context, self.peers, self.sessions, self.arrivals)
        self.outbox = Outbox(self.context, self.peers, self.sessions)
        unsent = Unsent(self.context, self.peers, self.sessions)
        self.writing = Writing(self.context, self.peers, self.outbox, self.arrivals, unsent)
        self.rotation = Rotation(self.context, self.outbox)
        self.trust = Trust(self.context, self.peers, self.outbox, self.rotation)
        self.pairings = Pairings(self.context, self.trust)
        self.supply = PrekeySupply(self.context)
        self.renewal = Renewal(self.context, self.peers, self.outbox, self.arrivals)
        self.housekeeping = Housekeeping(self.context, self.sessions, Expiry(self.context))
        self.inquiries = Inquiries()
        self.introductions = Introductions(self.context, self.peers, self.inquiries, self.outbox, self.inbox)
        self._mailbox: MailboxDialogue | None = None
        self._sending: dict[str, SendingDialogue] = {}
        self._claim_in_doubt = False
        self._waiting = 0
        self._unmet = False
        """Whether something waits for a session that a relay's answer will open."""
        self._effects: list[Effect] = []

    # --- inputs ------------------------------------------------------------------------------------------------

    def link_up(self, link: str, certificate_hash: bytes) -> None:
        """A connection stands; the relay will greet."""
        own = self.context.own
        if link in self.pairings:
            self.pairings.link_up(link, certificate_hash)
        elif link == MAILBOX:
            sign_in = SignIn.of(own, self.context.records)
            self._mailbox = MailboxDialogue(own.address, certificate_hash, sign_in, self.context.randomness)
        else:
            self._sending[link] = SendingDialogue(RelayAddress.parse(link), certificate_hash)

    def link_down(self, link: str, reason: str) -> None:
        """A connection was lost, or could not be made."""
        if link in self.pairings:
            self.pairings.link_down(link)
            return
        self._forget(link)
        if link == MAILBOX:
            self.context.tell(Disconnected(reason))

    def link_frames(self, link: str, frames: list[tuple[int, bytes]]) -> None:
        """Everything that one read of a link completed."""
        if link in self.pairings:
            self.pairings.link_frames(link, frames)
            return
        dialogue: Dialogue | None = self._mailbox if link == MAILBOX else self._sending.get(link)
        if dialogue is None:
            return
        delivered = 0
        try:
            for tag, body in frames:
                for happening in dialogue.frame(tag, body):
                    delivered += isinstance(happening, Delivered)
                    self._happened(link, happening)
        except RemoteError as error:
            self._lose(link, error)
        if delivered and self._mailbox is not None:
            self._mailbox.acknowledge(delivered)
            self._count_in(delivered)

    def tick(self) -> None:
        """Time has passed: look at everything that waits for it."""
        self.arrivals.give_up_waiting()
        self.housekeeping.run_if_due()
        self.outbox.reseal_stranded()
        for contact in self.outbox.unanswered():
            self._fetch(contact, prekeys=True)

    def solved(self, link: str, puzzle: Puzzle, solution: bytes) -> None:
        """Somebody has done the work of a ``Solve``; it is of no use if the connection has gone meanwhile."""
        if link in self._sending:
            self._sending[link].solved(puzzle, solution)

    def add_text(self, contact: ContactRow, text: str, *ids: bytes | None) -> bytes:
        """Number and store a text; its message id. ``ids``: ``reply`` and ``message_id`` of ``Outbox.add_text``."""
        # As it is now: since the caller looked, a link may have changed the row.
        return self.outbox.add_text(self.context.records.contact(contact.id), text, *ids).message_id

    def typing(self, contact: ContactRow, *, active: bool) -> None:
        """The person writes, or left off; said only over a connection that is there."""
        if self._ready(self.context.own.relay_of(contact)) is not None:
            self.writing.typing(self.context.records.contact(contact.id), active=active)

    # --- outputs -----------------------------------------------------------------------------------------------

    def begin(self, now: int) -> None:
        """Start a step at ``now``, unix milliseconds; what one that failed wanted told is not told."""
        self.context.now = now
        self.context.events.clear()
        self.context.scrub = False
        self._effects.clear()

    def finish(self) -> list[Effect]:
        """End a step: seal and submit whatever can leave; everything to carry out, in order."""
        self._move()
        for link, dialogue in ((MAILBOX, self._mailbox), *self._sending.items()):
            if dialogue is not None and (data := dialogue.take_outgoing()):
                self._effects.append(Send(link, data))
        self._effects += [Scrub()] if self.context.scrub else []
        self._effects += self.pairings.move()
        self._effects += map(Tell, self.context.events)
        self.context.events.clear()
        effects, self._effects = self._effects, []
        return effects

    def abandon(self) -> None:
        """The step's transaction failed: forget the connections, whose state went ahead of the records."""
        for link in (MAILBOX, *self._sending):
            self._forget(link)
        self.pairings.abandon()

    def next_due(self) -> int | None:
        """When ``tick`` should come next, unix milliseconds."""
        records = self.context.records
        held = records.first_held_at()
        due = [records.next_receipt_at(), self.housekeeping.due, self.pairings.next_due()]
        due.append(None if held is None else held + HOLD)
        if any(dialogue.ready for dialogue in self._sending.values()):
            envelope = records.next_envelope_at()
            due.append(None if envelope is None else max(envelope, self.context.now + POLL))
            due.append(self.context.now + ASK_AGAIN if self._unmet else None)
        times = [time for time in due if time is not None]
        return min(times) if times else None

    @property
    def signed_in(self) -> bool:
        """Whether the mailbox connection is up and ours."""
        return self._mailbox is not None and self._mailbox.signed_in

    @property
    def claim_left(self) -> bool:
        """Whether we claimed our name since the start: it may be ours, whatever went wrong since."""
        return self._claim_in_doubt or (self._mailbox is not None and self._mailbox.claim_left)

    @property
    def supplied(self) -> bool:
        """Whether the relay has prekeys of ours to give out."""
        records = self.context.records
        return not records.unpublished_prekeys(PrekeyKind.SIGNED) and bool(self.supply.left)

    @property
    def unsent(self) -> bool:
        """Whether anything is still on its way to the relay."""
        records = self.context.records
        busy = any(dialogue.busy for dialogue in self._sending.values())
        owed = records.next_receipt_at() is not None or records.unaccepted_signals() > 0
        return self._publishing or busy or owed or self.rotation.under_way

    @property
    def _publishing(self) -> bool:
        return self._mailbox is not None and self._mailbox.publishing

    def working(self, link: str) -> bool:
        """Whether we are at the work that a relay asks for before it tells us about somebody."""
        return link in self._sending and self._sending[link].puzzle is not None

    # --- happenings --------------------------------------------------------------------------------------------

    def _happened(self, link: str, happening: Happening) -> None:
        match happening:
            case Delivered(envelope):
                self.inbox.take(envelope)
            case SignedIn(mailbox, waiting, one_time_left):
                self._signed_in(mailbox, waiting, one_time_left)
            case SignInRefused(reason):
                self._sign_in_refused(reason)
            case Published() | Stocked():
                self.supply.happened(happening, uploading=self._publishing)
            case Renewed(capability_hash, reason):
                self.rotation.answered(capability_hash, reason)
            case _:
                self._happened_on_the_way_out(link, happening)

    def _happened_on_the_way_out(self, link: str, happening: Happening) -> None:
        match happening:
            case Ready():
                self._effects.append(Up(link))
                self.outbox.connected(self._contacts_at(link))
                self.arrivals.hurry()
            case Challenged(puzzle):
                self._effects.append(Solve(link, puzzle))
            case Fetched():
                self.introductions.fetched(link, happening)
            case ChannelRefused():
                self.outbox.shut_out(self._contacts_at(link), happening)
            case Settled(envelope_id, reason):
                self.outbox.settled(envelope_id, reason)

    def _signed_in(self, mailbox: bytes, waiting: int, one_time_left: int) -> None:
        records = self.context.records
        records.set_own("mailbox", mailbox)
        if records.own("claimed") is None:
            records.set_own("claimed", b"1")
            records.delete_own("join_token")
            self.supply.forgotten()
        elif not one_time_left:
            self.supply.ran_short()
        self.supply.signed_in(one_time_left)
        self.renewal.greet()
        self._waiting = waiting
        self.context.catching_up = bool(waiting)
        self._effects.append(Up(MAILBOX))
        self.context.tell(Connected())
        if not waiting:
            self.context.tell(AllIn())

    def _sign_in_refused(self, reason: Refusal) -> None:
        """Once a relay that lost its disk gets our claim anew; then it is a matter for the person."""
        error = sign_in_error(reason, was_in=self.context.records.own("mailbox") is not None)
        if reason is Refusal.NOT_AUTHENTICATED and self.context.records.own("claimed") is not None:
            self.context.records.delete_own("claimed")
            self._lose(MAILBOX, E2EChatError("the relay does not know us; claiming the name again"))
            return
        self._lose(MAILBOX, error)

    def _count_in(self, delivered: int) -> None:
        before, self._waiting = self._waiting, max(0, self._waiting - delivered)
        if before and not self._waiting:
            self.context.catching_up = False
            self.context.tell(AllIn())

    # --- whatever can leave ------------------------------------------------------------------------------------

    def _move(self) -> None:
        records, context = self.context.records, self.context
        unmet = self.outbox.seal()
        self._unmet = bool(unmet)
        for contact in unmet:
            self._fetch(contact, prekeys=True)
        for contact_id in records.contacts_due(context.now):
            contact = records.contact(contact_id)
            link = context.own.relay_of(contact)
            dialogue = self._ready(link)
            if contact.key_changed or dialogue is None:
                continue
            # Whoever watches learns nothing more when we ask about somebody to whom we send.
            if not self.outbox.submit(contact, dialogue) or contact_id in self.inbox.doubted:
                self._fetch(contact, prekeys=False, knock=None in (contact.mailbox, contact.capability))
        for contact in (*self.inbox.to_be_named(), *self.pairings.disputed()):
            self._fetch(contact, prekeys=False)
        for (link, name), prekeys in self.inquiries.wanted.items():
            dialogue = self._ready(link)
            if dialogue is not None:
                dialogue.fetch(name, prekeys=prekeys)
        if self._mailbox is not None and self._mailbox.signed_in:
            self.supply.upload(self._mailbox)
            self.rotation.claim(self._mailbox)

    def _fetch(self, contact: ContactRow, *, prekeys: bool, knock: bool = False) -> None:
        link = self.context.own.relay_of(contact)
        dialogue = self._ready(link)
        if dialogue is not None:
            self.inquiries.fetch(dialogue, link, contact, self.context.now, prekeys=prekeys, knock=knock)

    def _ready(self, link: str) -> SendingDialogue | None:
        """The sending connection to a relay once it is open; wanted if there is none."""
        dialogue = self._sending.get(link)
        if dialogue is None:
            self._effects.append(Want(link))
            return None
        return dialogue if dialogue.ready else None

    def _contacts_at(self, link: str) -> list[ContactRow]:
        return self.context.records.contacts.select("WHERE relay_key = ?", RelayAddress.parse(link).key)

    def _lose(self, link: str, error: E2EChatError) -> None:
        self._forget(link)
        self._effects.append(Drop(link, error))

    def _forget(self, link: str) -> None:
        if link == MAILBOX:
            self._claim_in_doubt = self.claim_left
            self._mailbox = None
        else:
            self._sending.pop(link, None)
