"""``doctor``: what is wrong, and the command that mends it."""

import click

from e2echat.client.findings import Finding, State
from e2echat.errors import WrongPassphraseError
from e2echat.faces.cli.options import common, timeout_option
from e2echat.faces.cli.passphrase import known_passphrase
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit, advice_for, exit_for
from e2echat.faces.output import Output, Style

_STYLES = {
    State.FINE: Style.GOOD,
    State.MENDED: Style.GOOD,
    State.WARNING: Style.WARNING,
    State.WRONG: Style.BAD,
    State.UNKNOWN: Style.FAINT,
}


@click.command(short_help="Find what is wrong, and say what mends it.")
@timeout_option(10.0, "Seconds to wait for the relay.")
@common()
@click.pass_obj
def doctor(session: Session, timeout: float) -> Exit:
    """Look at the profile, the account and its relay, and say of what is wrong how to mend it.

    A passphrase is asked for only when the rest has been looked at; Enter alone goes without. Ends with 0 if nothing is wrong,
    else as what was wrong first would end any other command.
    """
    # With all that it looks at it brings everything, which `--help` does not wait for.
    from e2echat.client.checkup import checkup  # noqa: PLC0415 - see above

    errors = []
    for found in checkup(
        session.home, lambda: session.open_account(ask=lambda: _passphrase(session)), timeout
    ):
        _show(session.out, found)
        if found.error is not None:
            errors.append(found.error)
    return exit_for(errors[0]) if errors else Exit.DONE


def _passphrase(session: Session) -> str:
    passphrase = known_passphrase(session.stdin, session.out)
    if not passphrase:
        raise WrongPassphraseError("it takes the passphrase to look further")
    return passphrase


def _show(out: Output, found: Finding) -> None:
    advice = None if found.error is None else advice_for(found.error)
    if out.json:
        values = {"check": found.check, "state": found.state.value, "words": found.words}
        out.record({"type": "finding", **values, "advice": advice, "command": found.command})
        return
    out.line((_STYLES[found.state], f"{found.state.value:<8}"), f"{found.check:<12}", found.words, indent=20)
    for more in filter(None, (advice, found.command)):
        if more is found.command:
            out.exact(f"{'':<20}", (Style.STRONG, more))
        else:
            out.line(f"{'':<20}", more, indent=20)
