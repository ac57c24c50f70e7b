"""What we want to know of a relay about people, and what it has answered; pure."""

from dataclasses import dataclass, field

from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.store.rows import ContactRow
from e2echat.wire.relay_messages import Bundle, Refusal

ASK_AGAIN = 10_000
"""Milliseconds before the same question is asked again."""
CROWDED_AGAIN = 900_000
"""Before it is where the relay lets nobody knock: it does again at most a day later."""


@dataclass(frozen=True, slots=True)
class Inquiries:
    """``answers``: to ``want``, by the relay's link and the name."""

    answers: dict[tuple[str, str], Bundle | Refusal] = field(default_factory=dict)
    wanted: dict[tuple[str, str], bool] = field(default_factory=dict)
    _asked: dict[tuple[str, str, bool, bool], tuple[int, int]] = field(default_factory=dict)
    """When each question was asked last, and may be asked again."""

    def want(self, link: str, name: str, *, prekeys: bool) -> None:
        """Somebody waits for this answer: it is asked for on every connection until it comes."""
        self.answers.pop((link, name), None)
        self.wanted[link, name] = prekeys

    def fetch(
        self,
        dialogue: SendingDialogue,
        link: str,
        contact: ContactRow,
        now: int,
        *,
        prekeys: bool,
        knock: bool = False,
    ) -> None:
        """Ask on our own account, but not the same again and again; under the contact's capability if we have it."""
        question = (link, contact.name, prekeys, knock)
        asked, again = self._asked.get(question, (0, 0))
        # A time from the future was told by a clock that has been set right since.
        if not asked <= now < again:
            self._asked[question] = now, now + ASK_AGAIN
            capability = contact.capability if prekeys and not contact.knock else None
            dialogue.fetch(contact.name, prekeys=prekeys, knock=knock, capability=capability)

    def crowded(self, link: str, name: str, now: int, *, prekeys: bool) -> None:
        """Nobody may knock at that mailbox for now."""
        self._asked[link, name, prekeys, not prekeys] = now, now + CROWDED_AGAIN

    def unknown(self, link: str, name: str, now: int) -> None:
        """Nobody has that name, which is not likely to change soon."""
        self._asked[link, name, False, False] = now, now + CROWDED_AGAIN

    def answered(self, link: str, name: str, answer: Bundle | Refusal, *, prekeys: bool) -> bool:
        """Whether somebody waited for this answer; then it is theirs."""
        if self.wanted.get((link, name)) != prekeys:
            return False
        del self.wanted[link, name]
        self.answers[link, name] = answer
        return True
