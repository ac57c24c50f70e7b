"""What we want to know of a relay about people, and what it has answered; pure."""

from dataclasses import dataclass, field

from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.wire.relay_messages import Bundle, Refusal

ASK_AGAIN = 10_000
"""Milliseconds before the same question is asked again."""


@dataclass(frozen=True, slots=True)
class Inquiries:
    """``answers``: to ``want``, by the relay's link and the name."""

    answers: dict[tuple[str, str], Bundle | Refusal] = field(default_factory=dict)
    wanted: dict[tuple[str, str], bool] = field(default_factory=dict)
    _asked: dict[tuple[str, str, bool], int] = field(default_factory=dict)

    def want(self, link: str, name: str, *, prekeys: bool) -> None:
        """Somebody waits for this answer: it is asked for on every connection until it comes."""
        self.answers.pop((link, name), None)
        self.wanted[link, name] = prekeys

    def fetch(self, dialogue: SendingDialogue, link: str, name: str, now: int, *, prekeys: bool) -> None:
        """Ask on our own account, but not the same again and again."""
        question = (link, name, prekeys)
        asked = self._asked.get(question)
        # A time from the future was told by a clock that has been set right since.
        if asked is None or not asked <= now < asked + ASK_AGAIN:
            self._asked[question] = now
            dialogue.fetch(name, prekeys=prekeys)

    def answered(self, link: str, name: str, answer: Bundle | Refusal, *, prekeys: bool) -> bool:
        """Whether somebody waited for this answer; then it is theirs."""
        if self.wanted.get((link, name)) != prekeys:
            return False
        del self.wanted[link, name]
        self.answers[link, name] = answer
        return True
