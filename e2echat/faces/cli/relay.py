"""``e2echat relay``. docs/cli.md."""

import gc
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2echat.faces.cli.options import common
from e2echat.faces.cli.relay_care import default_data, remove, token, users
from e2echat.faces.cli.session import Session

if TYPE_CHECKING:
    from e2echat.relay.config import Configuration
    from e2echat.relay.server import Relay

_WATCH = 1.0
"""Seconds between two looks whether the relay still runs; a signal is noticed at once."""

_YOUNG = 100_000
"""Objects before the garbage collector looks for cycles: what waits for one commit is thousands of objects, and no garbage."""


@click.group(invoke_without_command=True, subcommand_metavar="[users | token | remove NAME]")
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to listen; port 0 picks one.  [default: 0.0.0.0:7443]"
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
    help="Who may claim a name: anybody, who has a token (see relay token), or nobody.  [default: open]",
)
@click.option(
    "--metrics", metavar="HOST:PORT", help="Serve /metrics for Prometheus, and /healthz, over plain HTTP."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write down everything that the relay sees, as JSON lines.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="The least that is worth a line on standard error.  [default: warning]",
)
@click.option(
    "--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Set a limit; see --show-config."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings, as TOML.  [default: relay.toml in the data directory]",
)
@click.option("--show-config", is_flag=True, help="Print all settings, and where each is from, then end.")
@common()
@click.pass_context
def relay(  # noqa: PLR0913 - the command's options
    context: click.Context,
    *,
    listen: str | None,
    public: str | None,
    data: Path | None,
    registration: str | None,
    metrics: str | None,
    record: Path | None,
    log_level: str | None,
    limits: tuple[str, ...],
    config: Path | None,
    no_tls: bool,
    show_config: bool,
) -> None:
    """Run a relay: it passes sealed envelopes on, and keeps them for who is away.

    The first line of the output is the relay's address, for: e2echat init NAME --relay ADDRESS

    With a command it looks after the relay of the same data directory, running or not.
    """
    if context.invoked_subcommand is not None:
        return
    from e2echat.relay.config import CONFIG_FILE, Configuration  # noqa: PLC0415 - --help needs none of it

    session = context.ensure_object(Session)
    data = data or default_data()
    settings = Configuration.load(
        config or data / CONFIG_FILE,
        must_exist=config is not None,
        flags={
            "listen": listen,
            "public": public,
            "tls": False if no_tls else None,
            "registration": registration,
            "metrics": metrics,
            "log_level": log_level,
        },
        limits=limits,
    )
    if show_config and session.out.json:
        for name, value in settings.values.items():
            session.out.record(
                {"type": "setting", "name": name, "value": value, "origin": settings.origins[name]}
            )
        return
    if show_config:
        for line in settings.toml():
            session.out.exact(line)
        return
    _run(_relay(data, settings, record), settings, session)


for command in (users, token, remove):
    relay.add_command(command)


def _relay(data: Path, settings: "Configuration", record: Path | None) -> "Relay":
    from e2echat.relay.listening import split_host_port  # noqa: PLC0415 - --help needs none of it
    from e2echat.relay.server import Relay  # noqa: PLC0415 - as above
    from e2echat.relay.tokens import Registration  # noqa: PLC0415 - as above

    host, port = split_host_port(str(settings.values["listen"]))
    metrics = settings.text("metrics")
    return Relay(
        data,
        host,
        port,
        public=settings.text("public"),
        tls=bool(settings.values["tls"]),
        registration=Registration(str(settings.values["registration"])),
        record=record,
        limits=settings.limits(),
        metrics=split_host_port(metrics) if metrics else None,
    )


def _run(server: "Relay", settings: "Configuration", session: Session) -> None:
    """Serve until a signal."""
    from e2echat.relay.logs import log_to_stderr, stop_logging  # noqa: PLC0415 - --help needs none of it

    log = log_to_stderr(str(settings.values["log_level"]))
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in former:
        # The handler does nothing: that a signal came is read from the pipe.
        signal.signal(number, lambda *_: None)
    woken = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    gc.set_threshold(_YOUNG)
    try:
        server.start()
        try:
            address = str(server.address)
            session.out.result({"type": "relay", "address": address}, address)
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
        stop_logging(log)
        signal.set_wakeup_fd(woken)
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell)
