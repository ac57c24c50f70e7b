"""``talk`` where nothing can be repainted: a plain terminal, or a pipe for scripts."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from e2echat.client.events import Event, Message, MessageState, StateChanged
from e2echat.client.settings import Notify
from e2echat.errors import InvalidTextError, TextTooLongError
from e2echat.faces.exits import Exit, advice_for, sentence_for
from e2echat.faces.feed import Feed, record_event, show_message
from e2echat.faces.input import Input
from e2echat.faces.notify import Notifier
from e2echat.faces.output import Output
from e2echat.faces.talking.conversation import Conversation
from e2echat.faces.wording import reached

if TYPE_CHECKING:
    from e2echat.client.account import Account


def talk_plainly(
    account: "Account", peer: str, out: Output, stdin: Input, notify: Notify | None = None
) -> None:
    """On a terminal without escape codes: the terminal itself echoes what is typed."""
    conversation = Conversation(account, peer, out, notifier=Notifier(out, account.settings, notify))
    conversation.begin()
    with _beside(conversation.follow) as follower:
        while not follower.done():
            try:
                line = stdin.line()
            except EOFError:
                return
            except (InvalidTextError, TextTooLongError) as error:
                out.error(sentence_for(error), advice_for(error))
                continue
            if not conversation.enter(line):
                return


def talk_through_pipe(account: "Account", peer: str, out: Output, stdin: Input, timeout: float) -> Exit:
    """Send every line, print what arrives, and end once all is delivered, or ``timeout`` seconds after the last line.

    Raises:
        E2EChatError: a line cannot be sent; those before it are, or are kept in the outbox.
    """
    feed = Feed(account, peer)
    for message in feed.waiting():
        show_message(account, out, message)

    def take(event: Message | Event) -> None:
        if isinstance(event, Message):
            show_message(account, out, event, with_date=False)
        elif not isinstance(event, StateChanged) or event.message.peer == peer:
            record_event(out, event, inside=peer)

    with _beside(lambda over: feed.follow(over, take)) as follower:
        sent = []
        for line in stdin.lines():
            sent.append(account.send(peer, line))
            if follower.done():
                break
        deadline = time.monotonic() + timeout
        account.catch_up(timeout)
        states = [
            account.wait(message_id, MessageState.DELIVERED, max(0.0, deadline - time.monotonic()))
            for message_id in sent
        ]
    missing = sum(not reached(state, MessageState.DELIVERED) for state in states)
    if not missing:
        return Exit.DONE
    out.note(
        f"-- {missing} of {len(sent)} not delivered yet; what the relay does not have is kept in the outbox."
    )
    return Exit.QUEUED


@contextmanager
def _beside(follow: Callable[[threading.Event], None]) -> Iterator[Future[None]]:
    """Print what happens beside; an error in that ends the conversation and is raised at its end."""
    over = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor:
        follower = executor.submit(follow, over)
        try:
            yield follower
        finally:
            over.set()
    follower.result()
