"""One side of one pairing by short code: where it stands, and what is said of how it ended."""

from dataclasses import dataclass, field

from e2echat.client.events import Paired
from e2echat.client.pairing.dialogue import PairingDialogue
from e2echat.crypto.codes import Code
from e2echat.crypto.pairing import Heard, Inviter, Joiner
from e2echat.errors import E2EChatError
from e2echat.wire.address import RelayAddress

WRONG = "somebody tried a wrong code; this one is no longer good. Make another with: e2echat invite"
ANOTHER = "whoever this is calls himself {0}, and the relay knows somebody else by that name: nothing is sent to either. Ask them for the right name"
REFUSED = "the other side did not accept: the code was wrong, or used by somebody else. Ask for another one"
NOT_TAKEN = "the code was right, but the other side knows your name with another key and changed nothing. Ask them to verify you"
UNKNOWN = "there is no such code: it was used, has ended, or its number is mistyped"
EXPIRED = "nobody used the code in time"
UNANSWERED = "the other side did not answer in time. Ask for another code"
OWN = "that is your own code"


@dataclass(slots=True)
class Run:
    """One side of one pairing. ``paired`` and ``error``: how it ended; ``shown``: the code may be told to somebody."""

    link: str
    address: RelayAddress
    code: Code
    inviter: bool
    key: bytes = field(repr=False)
    ends: int
    side: Inviter | Joiner | None = field(default=None, repr=False)
    offer: bytes = field(default=b"", repr=False)
    said: list[bytes] = field(default_factory=list, repr=False)
    shown: bool = False
    invitation: str | None = None
    met: int | None = None
    """The contact whom we have met, whose name the relay is being asked about until ``named_by``."""
    named_by: int = 0
    joiner: Heard | None = field(default=None, repr=False)
    """Whoever knew the code first."""
    claimant: int | None = None
    """The stranger who has the other side's name here, until the relay has said whose it is, or ``settled_by``."""
    settled_by: int = 0
    paired: Paired | None = None
    refused: E2EChatError | None = None
    """Why we do not take the joiner, who is about to hear that we do not."""
    error: E2EChatError | None = None
    over: bool = False
    leaving: bool = False
    """Over, but for telling the relay."""
    leave_said: bool = False
    ask_at: int = 0
    tries: int = 0
    dialogue: PairingDialogue | None = None
    greeted: bool = False
    heard: bool = False
    """Whether the relay has answered at all."""

    @property
    def peer(self) -> str | None:
        """Whom we have paired with."""
        return None if self.paired is None else self.paired.peer

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.over or self.leaving
