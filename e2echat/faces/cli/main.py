"""Where the process starts. Nothing is imported before it is needed: ``--version`` loads no command line at all."""

import os
import sys

from e2echat import __version__


def main() -> None:
    """Run the command that the process was started with, and exit."""
    try:
        sys.exit(_print_version() if sys.argv[1:] == ["--version"] else _run())
    except KeyboardInterrupt:
        # Early, while modules are still being imported, or late, while the account closes.
        sys.exit(130)


def _print_version() -> int | str:
    # Past the output: to load it takes as long as Python itself, and this text is our own.
    try:
        os.write(1, f"e2echat {__version__}\n".encode())
    except OSError as error:
        # A sentence in place of a code goes to stderr, and the code is 1.
        return f"e2echat: The system refuses: {error.strerror}."
    return 0


def _run() -> int:
    from e2echat.faces.echo import echo_again  # noqa: PLC0415 - not for --version

    try:
        return _command()
    finally:
        # The process that this one replaced may have left the terminal so.
        echo_again()


def _command() -> int:
    from e2echat.faces.bugs import report_bugs  # noqa: PLC0415 - not for --version

    report_bugs()
    from e2echat.faces.cli.app import app, run  # noqa: PLC0415 - with the report in place
    from e2echat.faces.cli.session import Session  # noqa: PLC0415 - as above
    from e2echat.faces.input import Input  # noqa: PLC0415 - as above
    from e2echat.faces.output import Output  # noqa: PLC0415 - as above

    session = Session(Output.standard(), Input.standard())
    instruction = os.environ.get("_E2ECHAT_COMPLETE")
    if instruction:
        from e2echat.faces.cli.completion import complete  # noqa: PLC0415 - only for a shell that asks

        return complete(app, instruction, session)
    return run(sys.argv[1:], session)
