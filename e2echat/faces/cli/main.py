"""Where the process starts. Nothing is imported before it is needed: ``--version`` loads no command line at all."""

import sys
from types import TracebackType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command that the process was started with."""
    report_bugs()
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        # Early, while modules are still being imported, or late, while the account closes.
        sys.exit(130)


def _run(arguments: list[str]) -> int:
    from e2echat.faces.output import Output  # noqa: PLC0415 - after the hook is in place

    out = Output.standard()
    if arguments == ["--version"]:
        from e2echat import __version__  # noqa: PLC0415 - only here

        try:
            out.line(f"e2echat {__version__}")
        except OSError as error:
            out.abandon()
            out.error(f"The system refuses: {error.strerror}.")
            return 1
        return 0
    from e2echat.faces.cli.app import run  # noqa: PLC0415 - not for --version
    from e2echat.faces.cli.session import Session  # noqa: PLC0415 - not for --version
    from e2echat.faces.input import Input  # noqa: PLC0415 - not for --version

    return run(arguments, Session(out, Input.standard()))


def report_bugs() -> None:
    """From now on, say in one line where e2echat itself failed, in whichever thread."""
    import threading  # noqa: PLC0415 - loaded by the output anyway

    sys.excepthook = _report
    threading.excepthook = lambda failed: _report(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _report(kind: type[BaseException], _error: BaseException | None, trace: TracebackType | None) -> None:
    """Neither the error's text nor any value is said: either could be secret."""
    from e2echat.faces.output import Output  # noqa: PLC0415 - see main

    where = ""
    while trace:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith("e2echat."):
            where = f" at {name}:{trace.tb_lineno}"
        trace = trace.tb_next
    Output.standard().error(
        f"internal error: {kind.__name__}{where}. This is a bug in e2echat; please report it."
    )
