"""A relay whose database was damaged: it does not start and says so, or it serves everybody whom it still can."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from e2echat.errors import EnvironmentFault
from e2echat.relay.opening import DATABASE_FILE
from e2echat.wire import relay_messages as messages
from e2echat.wire.schema import Message
from tests.crash.scenario import Stage, play
from tests.crash.verdict import reopened
from tests.helpers.relay_world import Account, submissions

PAGE = 4096


def damage(content: bytearray, random: Random) -> str:
    """Change something somewhere; what."""
    pages = len(content) // PAGE
    start = random.randrange(pages) * PAGE
    match random.randrange(4):
        case 0:
            position = start + random.randrange(PAGE)
            content[position] ^= 1 << random.randrange(8)
            return f"a bit at {position}"
        case 1:
            # The front of a page says what is where in it.
            position = start + random.randrange(200)
            content[position : position + 4] = random.randbytes(4)
            return f"four bytes at {position}"
        case 2:
            content[start : start + PAGE] = bytes(PAGE)
            return f"zeros in page {start // PAGE}"
        case _:
            other = random.randrange(pages) * PAGE
            content[start : start + PAGE], content[other : other + PAGE] = (
                content[other : other + PAGE],
                content[start : start + PAGE],
            )
            return f"pages {start // PAGE} and {other // PAGE} in each other's place"


class Victim:
    """A relay's directory with something of everything in it, to be damaged over and over."""

    def __init__(self, root: Path) -> None:
        self.whole, self.data = root / "whole", root / "damaged"
        with reopened(self.whole, []) as stage:
            play(stage)
            # Most of a relay's disk is mail.
            for account in stage.accounts[:1] + stage.accounts[-1:]:
                with stage.connect() as sender:
                    bundle = sender.ask(messages.Fetch(1, account.name, False), messages.Bundle)
                    channel = sender.open_to(account, bundle.mailbox)
                    for number in range(8):
                        sender.say(submissions(channel, [bytes(900)] * 9))
                        sender.settle(channel, 9 * (number + 1))
        self.accounts, self.witness = stage.accounts, stage.witness

    def whole_again(self) -> Path:
        """Undo all damage; gives the database."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(self.whole, self.data)
        return self.data / DATABASE_FILE

    def damaged(self, seed: int) -> tuple[str, str]:
        """Damage it, start a relay, use it; what was done and how it ended."""
        path = self.whole_again()
        content = bytearray(path.read_bytes())
        what = damage(content, Random(seed))
        path.write_bytes(content)
        try:
            with reopened(self.data, self.accounts) as stage:
                return what, ", ".join(self.use(stage))
        except EnvironmentFault as error:
            return what, str(error)

    def use(self, stage: Stage) -> Iterator[str]:
        """Whoever is known gets what is left of his mail, and can chat; nobody is in another's way."""
        for account in self.accounts:
            with stage.connect() as client:
                # As a client does at each start: what was damaged of the account is whole again.
                client.ask(account.claim(), Message)
            with stage.connect() as sender:
                sender.ask(messages.Fetch(1, account.name, True, account.capability), Message)
            cuts = 0
            while (outcome := self._chat(stage, account)) == "cut":
                # At most once for each step of what waits.
                cuts += 1
                assert cuts < 4
            yield f"{account.name} {outcome}"

    def _chat(self, stage: Stage, account: Account) -> str:
        with stage.connect() as owner, stage.connect() as sender:
            answer = owner.ask(account.authenticate(owner.hello), Message)
            if not isinstance(answer, messages.Welcome):
                return "not known"
            channel = sender.open_to(account, answer.mailbox)
            try:
                owner.take(answer.waiting)
                sender.say(submissions(channel, [b"text"]))
                owner.take(1)
                sender.settle(channel, 1)
            except (EOFError, ConnectionError):
                return "cut"
        return "served"
