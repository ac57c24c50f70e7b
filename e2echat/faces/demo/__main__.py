"""``make demo``: two people and a relay, side by side on a terminal, or a short play without one."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from e2echat.errors import E2EChatError
from e2echat.faces.demo.play import play
from e2echat.faces.demo.screen import show
from e2echat.faces.exits import Exit, advice_for, exit_for, sentence_for
from e2echat.faces.output import Output


def main() -> Exit:
    """Run the demo to its end.

    Returns:
        What the process ends with.
    """
    parser = argparse.ArgumentParser("python -m e2echat.faces.demo", description=__doc__)
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep here what the relay saw")
    record = parser.parse_args().record
    out = Output.standard()
    try:
        asyncio.run(_run(out, record))
    except E2EChatError as error:
        out.error(sentence_for(error), advice_for(error))
        return exit_for(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        out.abandon()
        return Exit.NOBODY_READS
    return Exit.DONE


async def _run(out: Output, record: Path | None) -> None:
    demo = asyncio.ensure_future(show(out, record) if has_screen(out) else play(out, record))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # However it ends, the processes it has started end before it.
        asyncio.get_running_loop().add_signal_handler(number, demo.cancel)
    await demo


def has_screen(out: Output) -> bool:
    """Whether somebody sits at a terminal that can be painted on in colour."""
    return out.is_screen and sys.stdin is not None and sys.stdin.isatty() and not os.environ.get("NO_COLOR")


if __name__ == "__main__":
    sys.exit(main())
