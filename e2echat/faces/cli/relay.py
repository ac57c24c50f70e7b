"""``e2echat relay``. docs/cli.md."""

import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2echat.faces.cli.session import Session

if TYPE_CHECKING:
    from e2echat.relay.server import Relay

_WATCH = 1.0
"""Seconds between two looks whether the relay still runs; a signal is noticed at once."""


@click.command()
@click.option(
    "--listen",
    "listen_on",
    default="0.0.0.0:7443",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 picks one.",
)
@click.option("--public", metavar="HOST[:PORT]", help="What the printed address says, if it is another.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="E2ECHAT_RELAY_DATA",
    metavar="DIR",
    help="Data directory.  [default: the platform's]",
)
@click.option("--no-tls", is_flag=True, help="No TLS; on loopback addresses only.")
@click.option(
    "--registration",
    type=click.Choice(["open", "closed"]),
    default="open",
    show_default=True,
    help="Whether new names can be claimed.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write down everything that the relay sees, as JSON lines.",
)
@click.pass_obj
def relay(
    session: Session,
    listen_on: str,
    public: str | None,
    data: Path | None,
    *,
    no_tls: bool,
    registration: str,
    record: Path | None,
) -> None:
    """Run a relay: it passes sealed envelopes on, and keeps them for who is away.

    The first line of the output is the relay's address, for: e2echat init NAME --relay ADDRESS
    """
    from e2echat.relay.listening import split_host_port  # noqa: PLC0415 - --help needs none of it
    from e2echat.relay.server import Relay  # noqa: PLC0415 - as above

    host, port = split_host_port(listen_on)
    server = Relay(
        data or _default_data(),
        host,
        port,
        public=public,
        tls=not no_tls,
        open_registration=registration == "open",
        record=record,
    )
    _run(server, session)


def _default_data() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - only for who does not say where

    return user_data_path("e2echat-relay", appauthor=False)


def _run(server: "Relay", session: Session) -> None:
    """Serve until a signal."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in former:
        # The handler does nothing: that a signal came is read from the pipe.
        signal.signal(number, lambda *_: None)
    woken = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    try:
        server.start()
        try:
            session.out.line(str(server.address))
            if server.guessed:
                session.out.note(
                    f"That is this machine's address on its own network; if people reach it under another, "
                    f"say so with --public {server.address.host}:{server.address.port}"
                )
            while not select.select([told], [], [], _WATCH)[0]:
                server.require_running()
        finally:
            server.stop()
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell)
