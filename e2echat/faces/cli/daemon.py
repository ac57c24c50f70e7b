"""``daemon``: the profile is kept open, for other programs and for quick commands."""

import queue
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from e2echat.client.events import Problem
from e2echat.errors import E2EChatError
from e2echat.faces.cli.options import common
from e2echat.faces.cli.passphrase import FILE_VARIABLE
from e2echat.faces.cli.session import Session

if TYPE_CHECKING:
    from e2echat.client.account import Account

UNIT = f"""\
# For systemd, as {{name}}:
#   ~/.config/systemd/user/{{name}}
# Then: systemctl --user daemon-reload && systemctl --user enable --now {{name}}
# To let it run while you are not logged in: loginctl enable-linger
[Unit]
Description=e2echat: keep an account connected, for commands and bots
StartLimitIntervalSec=0

[Service]
ExecStart={{command}}
# If the profile has a passphrase, it comes from a file of mode 0600:
#Environment={FILE_VARIABLE}=%h/.e2echat-passphrase
Restart=on-failure
RestartSec=10
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
UNIT_NAME = "e2echat.service"


@click.command(short_help="Keep the profile open, for bots and quick commands.")
@click.option("--unit", is_flag=True, help="Print a systemd unit that runs it, and end.")
@common()
@click.pass_obj
def daemon(session: Session, unit: bool) -> None:  # noqa: FBT001 - click passes by name
    """Keep the account connected, and serve the profile's socket to other programs, until SIGTERM or Ctrl+C.

    Prints nothing but what goes wrong. If another process has the profile open, it waits, and takes over when that ends.
    """
    if unit:
        command = [sys.executable, "-m", "e2echat", "--home", str(session.home.absolute()), "daemon"]
        text = UNIT.format(name=UNIT_NAME, command=" ".join(map(_quoted, command)))
        for line in text.splitlines():
            session.out.line(line)
        return
    over: queue.SimpleQueue[E2EChatError | None] = queue.SimpleQueue()
    with _ended_by_signals(over), session.open_account(stays=True) as account:
        watcher = threading.Thread(
            target=_watch, args=(account, session, over), name="e2echat-daemon", daemon=True
        )
        watcher.start()
        error = over.get()
        if error is not None:
            raise error


def _watch(account: "Account", session: Session, over: "queue.SimpleQueue[E2EChatError | None]") -> None:
    """Say what goes wrong, until the account is closed or out of reach."""
    try:
        for event in account.events():
            if isinstance(event, Problem):
                session.out.error(event.reason)
    except E2EChatError as error:
        over.put(error)


@contextmanager
def _ended_by_signals(over: "queue.SimpleQueue[E2EChatError | None]") -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    # A handler may interrupt anything, and this queue is made for that.
    former = {number: signal.signal(number, lambda *_: over.put(None)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _quoted(word: str) -> str:
    """As systemd reads it: like a shell, but for ``%`` and ``$``."""
    return shlex.quote(word).replace("%", "%%").replace("$", "$$")
