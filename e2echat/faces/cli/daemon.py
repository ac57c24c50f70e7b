"""``daemon``: the profile is kept open, for other programs and for quick commands."""

import queue
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import click

from e2echat.client.bequest import Bequest
from e2echat.client.events import Problem
from e2echat.errors import E2EChatError, LockedError, ProfileBusyError
from e2echat.faces.cli.options import common
from e2echat.faces.cli.passphrase import FILE_VARIABLE
from e2echat.faces.cli.session import Session

if TYPE_CHECKING:
    from e2echat.client.account import Account

UNIT_PLACE = ".config/systemd/user"
"""Where systemd looks for a person's units, in the home directory."""
UNIT = f"""\
# For systemd, as {{name}}:
#   ~/{UNIT_PLACE}/{{name}}
# Then: systemctl --user daemon-reload && systemctl --user enable --now {{name}}
# To let it run while you are not logged in: loginctl enable-linger
[Unit]
Description=e2echat: keep an account connected, for commands and bots
StartLimitIntervalSec=0

[Service]
ExecStart={{command}}
# If the profile has a passphrase, it comes from a file of mode 0600:
#Environment={FILE_VARIABLE}=%h/.e2echat-passphrase
# or from the first command that is given it, if ExecStart ends with: daemon --locked
Restart=on-failure
RestartSec=10
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
UNIT_NAME = "e2echat.service"
LOOK_AGAIN = 1.0
"""Seconds."""
Told: TypeAlias = E2EChatError | Bequest | None
"""What went wrong; or what opens the profile; None: it is to end."""


@click.command(short_help="Keep the profile open, for bots and quick commands.")
@click.option("--unit", is_flag=True, help="Print a systemd unit that runs it, and end.")
@click.option(
    "--locked", is_flag=True, help="Ask for no passphrase: wait until another command was given it."
)
@common()
@click.pass_obj
def daemon(session: Session, unit: bool, locked: bool) -> None:  # noqa: FBT001 - click passes by name
    """Keep the account connected, and serve the profile's socket to other programs, until SIGTERM or Ctrl+C.

    Prints nothing but what goes wrong. If another process has the profile open, it waits, and takes over when that ends.
    When the profile is locked, it goes on as with --locked.
    """
    if unit:
        home = str(session.home.absolute())
        if not home.isprintable():
            # A line's end would begin a setting of its own, and what is spelled out would name another directory.
            raise click.UsageError("A unit cannot name this profile's directory; choose another with --home.")
        command = [sys.executable, "-m", "e2echat", "--home", home, "daemon"]
        text = UNIT.format(name=UNIT_NAME, command=" ".join(map(_quoted, command)))
        if session.out.json:
            session.out.record({"type": "unit", "path": f"~/{UNIT_PLACE}/{UNIT_NAME}", "text": text})
            return
        for line in text.splitlines():
            session.out.exact(line)
        return
    over: queue.SimpleQueue[Told] = queue.SimpleQueue()
    with _ended_by_signals(over):
        try:
            _serve(session, over, locked=locked)
        except LockedError:
            if locked and _is_over(over):
                return
        else:
            return
    session.start_over(() if locked else ("--locked",))


def _serve(session: Session, over: "queue.SimpleQueue[Told]", *, locked: bool) -> None:
    bequest: Bequest | None = None
    if locked:
        # Who has it open already hands on what opens it.
        with suppress(ProfileBusyError), session.account_class().guarded(session.home, over.put):
            told = _next(over)
            if not isinstance(told, Bequest):
                return
            bequest = told
    ask = _ask_nobody if locked else None
    with session.open_account(stays=True, ask=ask, bequest=bequest) as account:
        watcher = threading.Thread(
            target=_watch, args=(account, session, over), name="e2echat-daemon", daemon=True
        )
        watcher.start()
        told = _next(over)
        while isinstance(told, Bequest):
            # Whoever was given the passphrase may have asked twice before we were there.
            told = _next(over)
        if told is not None:
            raise told


def _next(over: "queue.SimpleQueue[Told]") -> Told:
    """What comes next. A signal that falls between two lines just before a wait does not end it, so none is long."""
    while True:
        with suppress(queue.Empty):
            return over.get(timeout=LOOK_AGAIN)


def _ask_nobody() -> NoReturn:
    raise LockedError(str(LockedError.__doc__))


def _is_over(over: "queue.SimpleQueue[Told]") -> bool:
    """Another process waits for the passphrase as we do: look again soon, unless we are to end."""
    try:
        return over.get(timeout=LOOK_AGAIN) is None
    except queue.Empty:
        return False


def _watch(account: "Account", session: Session, over: "queue.SimpleQueue[Told]") -> None:
    """Say what goes wrong, until the account is closed or out of reach."""
    try:
        for event in account.events():
            if isinstance(event, Problem):
                session.out.error(event.reason)
    except E2EChatError as error:
        over.put(error)


@contextmanager
def _ended_by_signals(over: "queue.SimpleQueue[Told]") -> Iterator[None]:
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
