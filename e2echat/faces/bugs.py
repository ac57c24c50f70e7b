"""What is said when e2echat itself fails: one line, which holds nothing that could be secret."""

import sys
import threading
from types import TracebackType

from e2echat.faces.output import Output


def report_bugs() -> None:
    """From now on, say in one line what no code expects, in whichever thread; the exit code is Python's 1."""
    sys.excepthook = _report
    threading.excepthook = lambda failed: _report(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _report(kind: type[BaseException], _error: BaseException | None, trace: TracebackType | None) -> None:
    Output.standard().error(bug_sentence(kind, trace))


def bug_sentence(kind: type[BaseException], trace: TracebackType | None) -> str:
    """What failed, and where. Neither the error's text nor any value is said: either could be secret."""
    where = ""
    while trace:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith("e2echat."):
            where = f" at {name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"internal error: {kind.__name__}{where}. This is a bug in e2echat; please report it."
