"""``e2echat relay``. docs/cli.md."""

import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2echat.faces.cli.options import common, words
from e2echat.faces.cli.session import Session

if TYPE_CHECKING:
    from e2echat.relay.server import Relay

_WATCH = 1.0
"""Seconds between two looks whether the relay still runs; a signal is noticed at once."""


@click.group(invoke_without_command=True, subcommand_metavar="[users | token | remove NAME]")
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
    type=click.Choice(["open", "token", "closed"]),
    default="open",
    show_default=True,
    help="Who may claim a name: anybody, who has a token (see relay token), or nobody.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write down everything that the relay sees, as JSON lines.",
)
@click.pass_context
def relay(
    context: click.Context,
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

    With a command it looks after the relay of the same data directory, running or not.
    """
    if context.invoked_subcommand is not None:
        return
    from e2echat.relay.listening import split_host_port  # noqa: PLC0415 - --help needs none of it
    from e2echat.relay.server import Relay  # noqa: PLC0415 - as above
    from e2echat.relay.tokens import Registration  # noqa: PLC0415 - as above

    host, port = split_host_port(listen_on)
    server = Relay(
        data or _default_data(),
        host,
        port,
        public=public,
        tls=not no_tls,
        registration=Registration(registration),
        record=record,
    )
    _run(server, context.ensure_object(Session))


_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The relay's data directory; may stand before the command as well.",
)


def _directory(context: click.Context, data: Path | None) -> Path:
    """The data directory of a command, given behind it, before it, or not at all."""
    before = context.parent.params.get("data") if context.parent else None
    return data or before or _default_data()


@relay.command()
@_data
@common()
@click.pass_context
def users(context: click.Context, data: Path | None) -> None:
    """List who has a name at the relay, and how much waits for whom."""
    from e2echat.relay import operating  # noqa: PLC0415 - --help needs none of it

    out = context.ensure_object(Session).out
    for user in operating.users(_directory(context, data)):
        here = "connected" if user["connected"] else "away"
        out.result({"type": "user", **user}, f"{user['name']:<32}  {here:<9}  {user['waiting']:>5} waiting")


@relay.command()
@click.argument("name", callback=words)
@_data
@common()
@click.pass_context
def remove(context: click.Context, name: str, data: Path | None) -> None:
    """Remove NAME with all that waits for it. The name is never given out again."""
    from e2echat.relay import operating  # noqa: PLC0415 - --help needs none of it

    removed = operating.remove(_directory(context, data), name)
    context.ensure_object(Session).out.result({"type": "removed", "name": removed}, f"{removed} is removed.")


@relay.command()
@click.option(
    "--uses",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    metavar="N",
    help="Names it is good for.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3_660),
    default=7,
    show_default=True,
    metavar="N",
    help="Days it is good for.",
)
@_data
@common()
@click.pass_context
def token(context: click.Context, uses: int, days: int, data: Path | None) -> None:
    """Print an address to join with, for a relay with --registration token.

    Whoever has it may claim a name: send it as you would a key.
    """
    from e2echat.relay import operating  # noqa: PLC0415 - --help needs none of it

    address = operating.make_token(_directory(context, data), uses, days)
    context.ensure_object(Session).out.result(
        {"type": "join_address", "address": address, "uses": uses, "days": days}, address
    )


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
